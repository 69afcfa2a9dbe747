/**
 * What to do with a value and with each value in it: all paths of a rule, merged into one tree. The tree is
 * deterministic, so a body is walked once, however many paths there are. It is built when an instance starts. Pure.
 */
import type { Segment } from './path.js';

/** What the walk does with a value that it takes. If the node is undefined, the value is left out. */
export interface Node {
  /** Whether the value is kept as it is, with everything in it. */
  readonly isLeaf: boolean;
  /** The kinds of values that are taken. Others are left out. */
  readonly takesObjects: boolean;
  readonly takesArrays: boolean;
  readonly takesScalars: boolean;
  /** Nodes of members, by key. */
  readonly names: NameTable;
  /** Nodes of elements, by index. */
  readonly indexes: ReadonlyMap<number, Node | undefined> | undefined;
  /** The node of all other members and elements. */
  readonly rest: Node | undefined;
  /** The numbers of the template references that select this value. */
  readonly captures: readonly number[];
  /** The references that select any number of values in this one. If it exists, they are lists, even if empty. */
  readonly lists: readonly number[];
  /** Whether this is the collection. The rule's paths begin at its elements. */
  readonly isCollection: boolean;
  /** Whether this is an object around a collection, of which only the paging fields are taken. */
  readonly isEnvelope: boolean;
  /** Whether this is a field that tells a page from another object, such as `total`. */
  readonly isPageSign: boolean;
}

/** A member with a certain key. */
export interface NamedEdge {
  /** The key as usually written, without its quotes. */
  readonly key: Buffer;
  readonly node: Node | undefined;
  /** The new key, with its quotes. */
  readonly renamed: Buffer | undefined;
}

/** Members by key. Keys are equal if they mean the same. Most are written without escapes, so bytes can be compared. */
export interface NameTable {
  readonly byKey: ReadonlyMap<string, NamedEdge>;
  /** By the length of the key in bytes. */
  readonly byLength: readonly (readonly NamedEdge[] | undefined)[];
}

/** A path and its purpose. */
export interface PathUse {
  readonly segments: readonly Segment[];
  readonly use:
    | { readonly kind: 'keep' }
    | { readonly kind: 'remove' }
    | { readonly kind: 'rename'; readonly to: string }
    | { readonly kind: 'capture'; readonly reference: number };
}

/** More than any configuration needs. Wildcards in many paths could multiply. */
const MAX_NODES = 100_000;

const NO_NAMES: NameTable = { byKey: new Map(), byLength: [] };

const LEAF: Node = {
  isLeaf: true,
  takesObjects: true,
  takesArrays: true,
  takesScalars: true,
  names: NO_NAMES,
  indexes: undefined,
  rest: undefined,
  captures: [],
  lists: [],
  isCollection: false,
  isEnvelope: false,
  isPageSign: false,
};

/** Any value, unchanged. */
export const WHOLE: Node = LEAF;

/** A string, number, boolean or null, which cannot contain other values. */
export const SCALAR: Node = { ...LEAF, takesObjects: false, takesArrays: false };

/** A scalar that only a page has. */
export const PAGE_SIGN: Node = { ...SCALAR, isPageSign: true };

/** An object or array without its content. */
export const EMPTIED: Node = { ...LEAF, isLeaf: false, takesScalars: false };

/**
 * Builds the tree. With paths to keep, a value is taken if such a path leads to it or through it. Without, every value
 * is taken. A value at a path to remove is never taken. If a member gets a new name, another member of that name is
 * left out.
 * @param keepsAll whether there is no list of what to keep
 * @returns undefined if nothing is taken
 * @throws Error if the tree grows too large, with the reason as the end of a sentence
 */
export function buildTree(uses: readonly PathUse[], keepsAll: boolean): Node | undefined {
  let nodes = 0;

  function build(steps: readonly Step[], keptAbove: boolean): Node | undefined {
    nodes += 1;
    if (nodes > MAX_NODES) throw new Error('has paths that multiply to too many combinations');
    const here = steps.filter(isAtEnd);
    if (here.some(({ use }) => use.kind === 'remove')) return undefined;
    const isKept = keptAbove || here.some(({ use }) => use.kind === 'keep');
    const leadingOn = steps.filter((step) => !isAtEnd(step) && !(isKept && step.use.kind === 'keep'));
    const kept = leadingOn.filter(({ use }) => use.kind === 'keep');
    if (!isKept && kept.length === 0) return undefined;
    const captures = here.flatMap(({ use }) => (use.kind === 'capture' ? [use.reference] : []));
    if (leadingOn.length === 0) return captures.length === 0 ? WHOLE : { ...WHOLE, captures };

    const next = groupByNext(leadingOn);
    return {
      isLeaf: false,
      takesObjects: isKept || kept.some((step) => nextOf(step)?.kind !== 'index'),
      takesArrays: isKept || kept.some((step) => nextOf(step)?.kind !== 'name'),
      takesScalars: isKept,
      names: nameTable(Array.from(next.names, ([name, list]) => namedEdge(name, list, isKept, next.renames))),
      indexes:
        next.indexes.size === 0
          ? undefined
          : new Map(Array.from(next.indexes, ([i, list]) => [i, build(list, isKept)])),
      rest: build(next.any, isKept),
      captures,
      lists: leadingOn.filter(opensList).flatMap(({ use }) => (use.kind === 'capture' ? [use.reference] : [])),
      isCollection: false,
      isEnvelope: false,
      isPageSign: false,
    };
  }

  function namedEdge(
    name: string,
    steps: readonly Step[],
    isKept: boolean,
    renames: ReadonlyMap<string, string>,
  ): NamedEdge {
    const to = renames.get(name);
    const isTaken = to === undefined && [...renames.values()].includes(name);
    return {
      key: keyBytes(name),
      node: isTaken ? undefined : build(steps, isKept),
      renamed: to === undefined ? undefined : Buffer.from(JSON.stringify(to)),
    };
  }

  return build(
    uses.map((use) => ({ ...use, position: 0 })),
    keepsAll,
  );
}

/** A path and its purpose, and the number of its segments that led to the node being built. */
interface Step extends PathUse {
  readonly position: number;
}

const isAtEnd = ({ segments, position }: Step): boolean => position === segments.length;
const nextOf = ({ segments, position }: Step): Segment | undefined => segments[position];
const isAny = (segment: Segment | undefined): boolean => segment?.kind === 'any';

/** Returns whether a reference begins to select many values here. */
function opensList(step: Step): boolean {
  return step.use.kind === 'capture' && isAny(nextOf(step)) && !step.segments.slice(0, step.position).some(isAny);
}

/** Groups steps by their next segment. Wildcards are in each group. */
function groupByNext(steps: readonly Step[]) {
  const names = new Map<string, Step[]>();
  const indexes = new Map<number, Step[]>();
  const any: Step[] = [];
  /** New names by old names. The first rename of a name counts. */
  const renames = new Map<string, string>();
  for (const step of steps) {
    const segment = nextOf(step);
    const next = { ...step, position: step.position + 1 };
    if (segment?.kind === 'name') {
      listAt(names, segment.name).push(next);
      if (step.use.kind === 'rename' && isAtEnd(next) && !renames.has(segment.name)) {
        renames.set(segment.name, step.use.to);
        listAt(names, step.use.to);
      }
    } else if (segment?.kind === 'index') listAt(indexes, segment.index).push(next);
    else any.push(next);
  }
  for (const list of [...names.values(), ...indexes.values()]) list.push(...any);
  return { names, indexes, any, renames };
}

function listAt<K>(lists: Map<K, Step[]>, key: K): Step[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}

/** Makes the table of some names, all with the same node. */
export function tableOf(names: readonly string[], node: Node): NameTable {
  return nameTable(names.map((name) => ({ key: keyBytes(name), node, renamed: undefined })));
}

function nameTable(edges: readonly NamedEdge[]): NameTable {
  const byLength: NamedEdge[][] = [];
  for (const edge of edges) {
    const { length } = edge.key;
    byLength[length] ??= [];
    byLength[length].push(edge);
  }
  const byKey = new Map(edges.map((edge) => [JSON.parse(`"${edge.key}"`) as string, edge]));
  return { byKey, byLength: Array.from(byLength) };
}

/** Returns a key's bytes, without needless escapes, as services write it. Other spellings are found by meaning. */
function keyBytes(name: string): Buffer {
  return Buffer.from(JSON.stringify(name).slice(1, -1));
}

/** Returns a node like `base`, with some members added or replaced. */
export function withMembers(
  base: Node | undefined,
  members: Iterable<readonly [name: string, node: Node | undefined]>,
): Node {
  const names = new Map(base?.names.byKey);
  for (const [name, node] of members) {
    names.set(name, { key: keyBytes(name), node, renamed: undefined });
  }
  return {
    ...(base ?? { ...LEAF, takesArrays: false, takesScalars: false }),
    isLeaf: false,
    takesObjects: true,
    names: nameTable([...names.values()]),
    rest: base?.isLeaf ? WHOLE : base?.rest,
  };
}

/** Returns the node of an array with elements of one kind. */
export function arrayOf(element: Node): Node {
  return { ...LEAF, isLeaf: false, takesObjects: false, takesScalars: false, rest: element };
}

/** Returns the node of a collection. @param takesOthers whether a value other than an array is taken as one element */
export function collectionNode(takesOthers: boolean): Node {
  return { ...LEAF, isLeaf: false, isCollection: true, takesObjects: takesOthers, takesScalars: takesOthers };
}
