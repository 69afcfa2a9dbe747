/**
 * A rule as a function from body to body. If the body has a collection, or is an array, the rule's paths begin at each
 * element. Otherwise they begin at the body itself.
 *
 * `keep` selects what may go out, then `remove` removes from that, and then keys are renamed or a template is filled
 * in. All paths use the service's names, also those in `rename` and in templates.
 */
import { isUtf8 } from 'node:buffer';
import { BodyFault } from '../json/body-fault.js';
import { jsonText, notJson, skipSpace, skipValue } from '../json/text.js';
import { loadSelect, parseCopy, type Select } from './json-path.js';
import type { Links } from './links.js';
import type { Path, Segment } from './path.js';
import {
  buildTree,
  collectionNode,
  EMPTIED,
  type Node,
  PAGE_SIGN,
  type PathUse,
  SCALAR,
  WHOLE,
  withMembers,
} from './path-tree.js';
import type { Template } from './template.js';
import { walkBody } from './walk.js';

/** What a rule does to a body. */
export interface FilterSpec {
  /** Undefined means everything that is not removed, or, with a template, everything that it refers to. */
  readonly keep: readonly Path[] | undefined;
  readonly remove: readonly Path[];
  readonly rename: readonly { readonly from: Path; readonly to: string }[];
  readonly template: Template | undefined;
  /** The keys of the path to the collection. */
  readonly collection: readonly string[];
}

/**
 * Filters a body: JSON as UTF-8, without a byte order mark.
 * @param links what to do with links; undefined: nothing
 * @returns (or resolves to) the body itself if nothing of it is left out or changed
 * @throws BodyFault (or rejects) if the body cannot be filtered
 */
export type BodyFilter = (body: Buffer, links?: Links) => Buffer | Promise<Buffer>;

/**
 * The paging fields next to a collection. They are those of the `...EntityListing` models and of the analytics and
 * search answers in Genesys' SDK (npm purecloud-platform-client-v2 262), and the usual names of cursors.
 */
export const PAGING_FIELDS = [
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

/** Those that tell a page from another object, such as a single user, which has a `selfUri` too. */
const PAGE_SIGNS: ReadonlySet<string> = new Set([
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
]);

/** For example `cursors: {before, after}`. */
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

  /** @param places returns the places of a JSONPath's matches */
  const treeOf = (list: readonly Use[], places: (expression: string) => Segment[][]): Node | undefined =>
    buildTree(
      list.flatMap((use) => resolve(use, places)),
      keepsAll,
    );
  const removals = uses.filter(({ use }) => use.kind === 'remove');

  if (isSimple) {
    const node = treeOf(uses, noPlaces);
    const envelope = envelopeNode(collection, keepsAll, () => treeOf(removals, noPlaces));
    const plan = { envelope, elementNode: () => node, template, links: undefined };
    return (body, links) => walkBody(checked(body), links === undefined ? plan : { ...plan, links });
  }

  // Refuses a tree that is too large even without the matches.
  treeOf(uses, noPlaces);
  let loading: Promise<Select> | undefined;
  return async (body, links) => {
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
      // Without elements it may be an empty page, which matters only if not everything is kept.
      envelope:
        elements === undefined && keepsAll
          ? undefined
          : envelopeNode(collection, keepsAll, () => nodeFor(copy, removals)),
      elementNode(index) {
        // The walk asks twice in a row.
        if (latest === undefined || latest.index !== index) {
          const value = index === undefined ? copy : elements?.[index];
          // If nothing matches, the element stays, but empty, as with simple paths.
          latest = { index, node: nodeFor(value, uses) ?? EMPTIED };
        }
        return latest.node;
      },
      template,
      links,
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
  // An element of an array has no key to rename.
  const fitting = use.kind === 'rename' ? found.filter((segments) => segments.at(-1)?.kind === 'name') : found;
  return fitting.map((segments) => ({ segments, use }));
}

/**
 * Makes the node for the top of a body that contains a collection.
 *
 * With a list of what to keep, only the paging fields go out next to the collection. Without such a list, everything
 * but what `remove` names goes out, so that a body which only looks like a collection stays protected.
 * @param rootTree makes the tree of what is removed, with paths from the top
 */
function envelopeNode(collection: readonly string[], keepsAll: boolean, rootTree: () => Node | undefined): Node {
  const build = (names: readonly string[], base: Node | undefined): Node => {
    const [name, ...further] = names;
    if (name === undefined) return collectionNode(keepsAll);
    const pagingNode = (field: string): Node => (keepsAll ? WHOLE : PAGE_SIGNS.has(field) ? PAGE_SIGN : SCALAR);
    const paging = PAGING_FIELDS.map((field) => [field, pagingNode(field)] as const);
    const below = build(further, base?.names.byKey.has(name) ? base.names.byKey.get(name)?.node : base?.rest);
    const node = withMembers(base, [...paging, ['cursors', keepsAll ? WHOLE : CURSORS], [name, below]]);
    return { ...node, isEnvelope: !keepsAll };
  };
  return build(collection, keepsAll ? rootTree() : undefined);
}

/** Returns the elements at which the rule's paths begin in a parsed body; undefined if they begin at the body. */
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
