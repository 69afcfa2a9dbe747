/**
 * A rule as a function from body to body. Paths begin at each element of the collection that the body holds, or of an
 * array at its top, or else at the body itself.
 *
 * The order: `keep` says what may leave, `remove` takes from that, and then keys get other names, or a template is filled
 * in. All paths, those of `rename` and of templates too, name the service's fields.
 */
import { isUtf8 } from 'node:buffer';
import { BodyFault } from '../json/body-fault.js';
import { jsonText, notJson, skipSpace, skipValue } from '../json/text.js';
import { loadSelect, parseCopy, type Select } from './json-path.js';
import type { Path, Segment } from './path.js';
import {
  buildTree,
  collectionNode,
  EMPTIED,
  type Node,
  type PathUse,
  SCALAR,
  WHOLE,
  withMembers,
} from './path-tree.js';
import type { Template } from './template.js';
import { walkBody } from './walk.js';

/** What a rule does to a body. */
export interface FilterSpec {
  /** Undefined: everything may leave that is not removed; with a template, what that refers to. */
  readonly keep: readonly Path[] | undefined;
  readonly remove: readonly Path[];
  readonly rename: readonly { readonly from: Path; readonly to: string }[];
  readonly template: Template | undefined;
  /** The keys that lead to the collection. */
  readonly collection: readonly string[];
}

/**
 * Filters a body: JSON as UTF-8, without a byte order mark.
 * @returns (or resolves to) the body itself if nothing of it is left out or changed
 * @throws BodyFault (or rejects) if the body cannot be filtered
 */
export type BodyFilter = (body: Buffer) => Buffer | Promise<Buffer>;

/**
 * What stays beside a collection: where the page lies in it. Those of the `...EntityListing` models and of the analytics
 * and search answers in Genesys' SDK (npm purecloud-platform-client-v2 262), and the usual names of cursors.
 */
const PAGING_FIELDS = [
  'pageSize',
  'pageNumber',
  'pageCount',
  'total',
  'totalHits',
  'totalNumberOfEntities',
  'count',
  'firstUri',
  'previousUri',
  'nextUri',
  'lastUri',
  'selfUri',
  'previousPage',
  'currentPage',
  'nextPage',
  'cursor',
  'previousCursor',
  'nextCursor',
  'startId',
  'before',
  'after',
] as const;

/** `cursors: {before, after}`. */
const CURSORS = withMembers(undefined, [
  ['before', SCALAR],
  ['after', SCALAR],
]);

/**
 * Compiles a rule.
 * @throws Error with what is wrong, as the end of a sentence
 */
export function createFilter(spec: FilterSpec): BodyFilter {
  const { template, collection } = spec;
  const uses = pathUses(spec);
  const keepsAll = spec.keep === undefined && template === undefined;
  const isSimple = uses.every(({ path }) => path.kind === 'simple');

  /** @param places of the matches of JSONPaths */
  const treeOf = (list: readonly Use[], places: (expression: string) => Segment[][]): Node | undefined =>
    buildTree(
      list.flatMap((use) => resolve(use, places)),
      keepsAll,
    );
  const removals = uses.filter(({ use }) => use.kind === 'remove');

  if (isSimple) {
    const node = treeOf(uses, noPlaces);
    const envelope = envelopeNode(collection, keepsAll, () => treeOf(removals, noPlaces));
    const plan = { envelope, elementNode: () => node, template };
    return (body) => walkBody(checked(body), plan);
  }

  // Refused now if it is too large already.
  treeOf(uses, noPlaces);
  let loading: Promise<Select> | undefined;
  return async (body) => {
    validate(checked(body));
    loading ??= loadSelect();
    const select = await loading;
    const copy = parseCopy(body);
    const elements = elementsOf(copy, collection);
    let latest: { index: number | undefined; node: Node | undefined } | undefined;
    const nodeFor = (value: unknown, list: readonly Use[]): Node | undefined => {
      const isContainer = typeof value === 'object' && value !== null;
      return treeOf(list, (expression) => (isContainer ? select(value, expression) : []));
    };
    return walkBody(body, {
      envelope: elements === undefined ? undefined : envelopeNode(collection, keepsAll, () => nodeFor(copy, removals)),
      elementNode(index) {
        // Asked for twice in a row.
        if (latest === undefined || latest.index !== index) {
          const value = index === undefined ? copy : elements?.[index];
          // Where nothing matches the element stays, empty, as it does with simple paths.
          latest = { index, node: nodeFor(value, uses) ?? EMPTIED };
        }
        return latest.node;
      },
      template,
    });
  };
}

type Use = Pick<PathUse, 'use'> & { readonly path: Path };

const noPlaces = (): Segment[][] => [];

function pathUses({ keep, remove, rename, template }: FilterSpec): Use[] {
  const references = template?.references ?? [];
  const kept = keep ?? references.map(({ path }) => path);
  return [
    ...kept.map((path) => ({ path, use: { kind: 'keep' as const } })),
    ...remove.map((path) => ({ path, use: { kind: 'remove' as const } })),
    ...rename.map(({ from, to }) => ({ path: from, use: { kind: 'rename' as const, to } })),
    ...references.map(({ path }, reference) => ({ path, use: { kind: 'capture' as const, reference } })),
  ];
}

function resolve({ path, use }: Use, places: (expression: string) => Segment[][]): PathUse[] {
  if (path.kind === 'simple') return [{ segments: path.segments, use }];
  const found = places(path.expression);
  // An element of an array has no name that could be changed.
  const fitting = use.kind === 'rename' ? found.filter((segments) => segments.at(-1)?.kind === 'name') : found;
  return fitting.map((segments) => ({ segments, use }));
}

/**
 * The top of a body that holds a collection.
 *
 * With a list of what leaves, only what says where the page lies leaves beside the collection. Without one everything
 * does, less what `remove` names: a body that only looks like a collection must not lose its guard by that.
 * @param rootTree of what is removed, counted from the top
 */
function envelopeNode(collection: readonly string[], keepsAll: boolean, rootTree: () => Node | undefined): Node {
  const build = (names: readonly string[], base: Node | undefined): Node => {
    const [name, ...further] = names;
    if (name === undefined) return collectionNode(keepsAll);
    const paging = PAGING_FIELDS.map((field) => [field, keepsAll ? WHOLE : SCALAR] as const);
    const below = build(further, base?.names.byKey.has(name) ? base.names.byKey.get(name)?.node : base?.rest);
    return withMembers(base, [...paging, ['cursors', keepsAll ? WHOLE : CURSORS], [name, below]]);
  };
  return build(collection, keepsAll ? rootTree() : undefined);
}

/** What the rule's paths begin at in a parsed body; undefined: the body itself. */
function elementsOf(copy: unknown, collection: readonly string[]): unknown[] | undefined {
  let value = copy;
  if (!Array.isArray(copy)) {
    for (const name of collection) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
  }
  return Array.isArray(value) ? value : undefined;
}

function checked(body: Buffer): Buffer {
  if (!isUtf8(body)) throw new BodyFault('not UTF-8');
  return body;
}

function validate(body: Buffer): void {
  const end = skipSpace(body, skipValue(jsonText(body), skipSpace(body, 0), 0));
  if (end !== body.length) throw notJson(end);
}
