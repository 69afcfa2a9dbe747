/**
 * From the fields of a route's answers to the paths of a `keep` list: the narrowest with which every value that is to
 * be kept leaves. Pure.
 */

import { PAGING_FIELDS } from '../rule/filter.js';
import type { FieldKind, SeenField } from '../seen-fields.js';

/** The schema's bounds of `keep` and of a path. */
const MAX_PATHS = 1000;
const MAX_PATH_LENGTH = 900;
const MAX_DEPTH = 25;

/** What leaves next to a collection, and needs no path. Plain values only. */
const PAGING: ReadonlySet<string> = new Set(PAGING_FIELDS);
const CURSORS: ReadonlySet<string> = new Set(['before', 'after']);

/** A path of a `keep` list. */
export interface ListedPath {
  path: string;
  /** In how many answers something was found there. */
  answers: number;
  /** What a person should know before the path is used. */
  remark: string | undefined;
}

export interface KeepList {
  kept: ListedPath[];
  /** What was seen, and is not to be kept. */
  leftOut: ListedPath[];
  /** What was seen next to the collection, and does not leave. */
  beside: ListedPath[];
  /** What does not leave although it was to be kept: nulls and empty lists in place of what has fields. */
  lost: string[];
  /** The names at the beginning of the paths; undefined if they are not all known. */
  names: string[] | undefined;
}

type Mark = 'kept' | 'seen';

interface Node {
  /** In how many answers, by kind: of what is to be kept, and of all. */
  kept: Map<FieldKind, number>;
  seen: Map<FieldKind, number>;
  children: Map<string, Node>;
}

/**
 * Returns whether something is to be kept next to the collection of a page that is none of the paging fields: no rule
 * can say so while its paths begin at the elements.
 */
export function hasMoreThanPage(fields: readonly SeenField[], collection: string, keepsAll: boolean): boolean {
  const root = treeOf(fields, keepsAll);
  if (!isPage(root, collection)) return false;
  const kinds = root.children.get(collection)?.kept;
  const isAlwaysList = !(['value', 'object', 'deep'] as const).some((kind) => kinds?.has(kind));
  return !isAlwaysList || [...othersOf(root, collection)].some(([, node]) => isMarked(node, 'kept'));
}

/**
 * Makes the list of a route.
 * @param collection the key of the array at whose elements paths begin
 * @param keepsAll whether everything is to be kept, and not only what the rules of report mode let through
 */
export function keepList(fields: readonly SeenField[], collection: string, keepsAll: boolean): KeepList {
  const root = treeOf(fields, keepsAll);
  const element = elementOf(root, collection);
  const { paths: kept, lost } = list(element, collection, 'kept');
  const beside = newNode();
  if (isPage(root, collection)) beside.children = othersOf(root, collection);
  const isKept = ({ path }: ListedPath) => kept.some((one) => covers(one.path, path));
  const names = [...element.children].flatMap(([name, node]) => (isMarked(node, 'kept') ? [name] : []));
  const areKnown = kept.every(({ path }) => path !== '$') && names.every((name) => /^[\w$]+$/.test(name));
  return {
    kept,
    lost,
    leftOut: list(element, collection, 'seen').paths.filter((one) => !isKept(one)),
    beside: list(beside, collection, 'seen').paths,
    names: areKnown ? names.sort() : undefined,
  };
}

function newNode(): Node {
  return { kept: new Map(), seen: new Map(), children: new Map() };
}

function treeOf(fields: readonly SeenField[], keepsAll: boolean): Node {
  const root = newNode();
  for (const { path, kind, seen, kept } of fields) {
    let node = root;
    for (const name of path.match(/\[\]|[^.[\]]+/g) ?? []) node = childOf(node, name);
    add(node.seen, kind, seen);
    add(node.kept, kind, keepsAll ? seen : kept);
  }
  return root;
}

function childOf(node: Node, name: string): Node {
  const child = node.children.get(name) ?? newNode();
  node.children.set(name, child);
  return child;
}

function add(counts: Map<FieldKind, number>, kind: FieldKind, count: number): void {
  if (count > 0) counts.set(kind, (counts.get(kind) ?? 0) + count);
}

function isPage(root: Node, collection: string): boolean {
  return root.children.get(collection)?.seen.has('array') === true;
}

/** Returns what is next to a collection, without the paging fields, which leave anyway. */
function othersOf(root: Node, collection: string): Map<string, Node> {
  const isNext = (name: string) => name !== collection && name !== '[]';
  return new Map([...root.children].filter(([name, node]) => isNext(name) && !isPaging(name, node)));
}

function isPaging(name: string, node: Node): boolean {
  if (name === 'cursors') return [...node.children].every(([key, child]) => CURSORS.has(key) && isPlain(child));
  return PAGING.has(name) && isPlain(node);
}

function isPlain({ seen }: Node): boolean {
  return [...seen.keys()].every((kind) => kind === 'value' || kind === 'null');
}

/** Returns the tree of all values at which a rule's paths begin: elements of a page or of a list, and single bodies. */
function elementOf(root: Node, collection: string): Node {
  const element = newNode();
  const items = root.children.get('[]');
  if (items !== undefined) mergeInto(element, items);
  const single: Node = { ...root, children: new Map([...root.children].filter(([name]) => name !== '[]')) };
  // Without elements it is an empty list, for which there is nothing to select.
  single.kept = without(root.kept, 'array');
  single.seen = without(root.seen, 'array');
  if (!isPage(root, collection)) {
    mergeInto(element, single);
    return element;
  }
  const page = root.children.get(collection) ?? newNode();
  const elements = page.children.get('[]');
  if (elements !== undefined) mergeInto(element, elements);
  // Not every answer was a page: what is a paging field of one may be a field of another body.
  if ((root.seen.get('object') ?? 0) <= (page.seen.get('array') ?? 0)) return element;
  const others = [...single.children].filter(([name]) => name !== collection);
  mergeInto(element, { ...newNode(), children: new Map(others) });
  return element;
}

function without(counts: Map<FieldKind, number>, kind: FieldKind): Map<FieldKind, number> {
  return new Map([...counts].filter(([one]) => one !== kind));
}

function mergeInto(target: Node, { kept, seen, children }: Node): void {
  for (const [kind, count] of kept) add(target.kept, kind, count);
  for (const [kind, count] of seen) add(target.seen, kind, count);
  for (const [name, child] of children) mergeInto(childOf(target, name), child);
}

function isMarked(node: Node, mark: Mark): boolean {
  return node[mark].size > 0;
}

interface Listed {
  paths: ListedPath[];
  lost: string[];
}

/** Lists paths, and takes what is deeper whole if there would be too many. */
function list(element: Node, collection: string, mark: Mark): Listed {
  for (let depth = MAX_DEPTH; ; depth -= 1) {
    const listed: Listed = { paths: [], lost: [] };
    collect(element, '', depth, { collection, mark, listed });
    if (listed.paths.length <= MAX_PATHS || depth === 0) return listed;
  }
}

interface Collecting {
  collection: string;
  mark: Mark;
  listed: Listed;
}

/** @param levels how many there may be below a node before it is taken whole */
function collect(node: Node, path: string, levels: number, to: Collecting): void {
  const { mark, listed } = to;
  const counts = node[mark];
  const children = markedChildren(node, mark);
  const remark = children.length === 0 ? remarkOfLeaf(counts) : whyWhole(node, path, levels, to);
  if (children.length === 0 ? counts.size > 0 && !(path === '' && isEmpty(counts)) : remark !== undefined) {
    listed.paths.push({ path: path === '' ? '$' : path, answers: Math.max(...counts.values()), remark });
    return;
  }
  listed.lost.push(...lostOf(path, counts, children));
  for (const [name, child] of children) {
    // A list of plain values, and a map of them, are better known by their own name.
    const isSimple = isAny(name) && children.length === 1 && path !== '' && markedChildren(child, mark).length === 0;
    const before = listed.paths.length;
    collect(child, isSimple ? path : `${path}${segment(name, path === '')}`, levels - 1, to);
    if (name === '*') for (const added of listed.paths.slice(before)) added.remark ??= NAMES_UNKNOWN;
  }
}

function markedChildren(node: Node, mark: Mark): [string, Node][] {
  return [...node.children].filter(([, child]) => child[mark].size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
}

function remarkOfLeaf(counts: ReadonlyMap<FieldKind, number>): string | undefined {
  return isEmpty(counts) ? 'was always empty: what may come in it is not known' : undefined;
}

/** Returns why a node that has fields is taken with all that is in it; undefined if it is not. */
function whyWhole(node: Node, path: string, levels: number, { collection, mark }: Collecting): string | undefined {
  const counts = node[mark];
  if (counts.has('deep') || levels === 0 || path.length > MAX_PATH_LENGTH) return 'whole: there is too much to list';
  if (counts.has('value')) return 'whole: some answers have fields there, and others a plain value';
  const isThroughCollection = path === collection && markedChildren(node, mark).some(([name]) => isAny(name));
  return isThroughCollection ? `whole: no path of an element may lead through ${collection}` : undefined;
}

function lostOf(path: string, counts: ReadonlyMap<FieldKind, number>, children: readonly [string, Node][]): string[] {
  const place = path === '' ? 'an element' : path;
  const [nulls, arrays] = [counts.get('null'), counts.get('array')];
  const hasElements = children.some(([name]) => isAny(name));
  return [
    ...(nulls === undefined ? [] : [`${place}: null in ${nulls} answers`]),
    ...(arrays === undefined || hasElements ? [] : [`${place}: an empty list in ${arrays} answers`]),
  ];
}

const NAMES_UNKNOWN = 'whatever the names in it are: they may be values, and were not collected';

function isEmpty(counts: ReadonlyMap<FieldKind, number>): boolean {
  return [...counts.keys()].every((kind) => kind !== 'value' && kind !== 'deep');
}

/** Returns whether a step leads to any element or member. */
function isAny(name: string): boolean {
  return name === '[]' || name === '*';
}

function segment(name: string, isFirst: boolean): string {
  if (isAny(name)) return '[*]';
  if (name === '$') return '["$"]';
  return isFirst ? name : `.${name}`;
}

/** Returns whether what a path selects is in what another one selects. */
function covers(outer: string, path: string): boolean {
  return outer === '$' || path === outer || (path.startsWith(outer) && /^[.[]/.test(path.slice(outer.length)));
}
