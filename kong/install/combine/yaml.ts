/**
 * Combines the entries of a file in YAML, and keeps its comments, anchors and quotes as far as the library `yaml` can.
 */
import {
  Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parse,
  parseDocument,
  Scalar,
  visit,
  YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { combineByPlan, compare } from './apply.js';
import { listPlaces, type Path } from './places.js';
import { type Combination, type Plan, planCombinations, type Separate } from './plan.js';

/** A combined file. */
export interface CombinedFile {
  text: string;
  /** How many entries have become how many. */
  combined: { before: number; after: number };
  separate: readonly Separate[];
}

/** @throws Error of one line if the text is no YAML mapping */
export function combineText(text: string): CombinedFile {
  const document = parseDocument(text, { merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(fault.message.split('\n')[0]);
  const value: unknown = document.toJS();
  if (!isPlainObject(value)) throw new Error('expected a mapping');
  const nodes = new Nodes(document);
  const plan = planFor(value, nodes);
  const before = plan.combinations.reduce((sum, { members }) => sum + members.length, 0);
  const combined = { before, after: plan.combinations.length };
  if (before === 0) return { text, combined, separate: plan.separate };
  const isJson = text.trimStart().startsWith('{');
  const expected = combineByPlan(value, plan);
  if (isJson) return { text: `${JSON.stringify(expected, null, 2)}\n`, combined, separate: plan.separate };
  rewrite(plan, nodes);
  const written = document.toString({ lineWidth: 0 });
  // Whatever a file contains that is not foreseen here: nothing is written that says something else.
  const isRight = (candidate: string): boolean =>
    JSON.stringify(parse(candidate, { merge: true })) === JSON.stringify(expected);
  const right = [withSpacesOf(text, written), written].find(isRight);
  if (right === undefined) {
    throw new Error('its anchors and aliases cannot be kept; replace them by what they stand for, and combine again');
  }
  return { text: right, combined, separate: plan.separate };
}

/** Plans so that a list that several places share by an alias is the same for all of them. */
function planFor(value: PlainObject, nodes: Nodes): Plan {
  const kept = new Map<string, string>();
  const lists = new Map(listPlaces(value).entries.map(({ path }) => [JSON.stringify(path.slice(0, -1)), path]));
  for (;;) {
    const plan = planCombinations(value, kept);
    const changes = new Map<YAMLSeq, { path: Path; change: string }[]>();
    for (const path of lists.values()) {
      const list = nodes.listOf(path);
      changes.set(list, [...(changes.get(list) ?? []), { path, change: changeOf(plan, path) }]);
    }
    const before = kept.size;
    for (const places of changes.values()) {
      if (new Set(places.map(({ change }) => change)).size < 2) continue;
      for (const { members } of plan.combinations) {
        if (!members.some((member) => places.some(({ path }) => isSameList(path, member.path)))) continue;
        for (const { path } of members) {
          kept.set(JSON.stringify(path), 'an alias makes its list that of other places, where it must stay separate');
        }
      }
    }
    if (kept.size === before) return plan;
  }
}

/** Describes what becomes of a list, without its place. */
function changeOf({ combinations }: Plan, list: Path): string {
  const here = combinations.filter(({ members }) => members.some(({ path }) => isSameList(path, list)));
  return JSON.stringify(
    here.map(({ name, members }) => [
      name,
      members.map(({ record, path }) => [record, isSameList(path, list) ? path.at(-1) : path]),
    ]),
  );
}

function isSameList(a: Path, b: Path): boolean {
  return JSON.stringify(a.slice(0, -1)) === JSON.stringify(b.slice(0, -1));
}

function rewrite({ combinations }: Plan, nodes: Nodes): void {
  const made = new Map<string, YAMLMap>();
  const changes = combinations.map((combination) => ({
    entry: nodes.combinedEntry(combination, made),
    items: combination.members
      .map(({ path }) => path)
      .sort(compare)
      .map((path) => ({ list: nodes.listOf(path), item: nodes.itemAt(path) })),
  }));
  for (const { entry, items } of changes) {
    const [first, ...others] = items;
    const index = first?.list.items.indexOf(first.item) ?? -1;
    // A list that several places share is changed once.
    if (first === undefined || index === -1) continue;
    first.list.items[index] = entry;
    for (const { list, item } of others) list.items.splice(list.items.indexOf(item), 1);
  }
  nodes.tieAliases();
}

/** Gives lines that say the same the spaces that they had: the library writes `[ a ]` for `[a]`, and aligns no comments. */
export function withSpacesOf(original: string, written: string): string {
  const bare = (line: string): string => line.replace(/\s+/g, '');
  const lines = new Map(original.split('\n').map((line) => [bare(line), line.trim()]));
  return written
    .split('\n')
    .map((line) => `${/^ */.exec(line)?.[0] ?? ''}${lines.get(bare(line)) ?? line.trimStart()}`)
    .join('\n');
}

/** The nodes of a document, looked at through aliases and merge keys. */
class Nodes {
  readonly #document: Document;
  /** What each alias stood for before anything was moved. */
  readonly #targets = new Map<Alias, Node>();
  /** The anchors of the document, as it was and as it is. */
  readonly #anchors = new Set<string>();
  /** What to call a node that needs an anchor. */
  readonly #names = new Map<unknown, string>();

  constructor(document: Document) {
    this.#document = document;
    visit(document, {
      Alias: (_, alias) => {
        const target = alias.resolve(document);
        if (target === undefined) return;
        this.#targets.set(alias, target);
        this.#anchors.add(alias.source);
      },
    });
  }

  /** Returns the list that an entry is in. */
  listOf(entry: Path): YAMLSeq {
    const node = entry.slice(0, -1).reduce<unknown>((at, step) => this.#child(at, step), this.#document.contents);
    const list = this.#resolved(node);
    if (!isSeq(list)) throw new Error('there is no such list');
    return list;
  }

  /** Returns an entry as it is written: a map, or an alias. */
  itemAt(entry: Path): unknown {
    return this.listOf(entry).items[Number(entry.at(-1))];
  }

  /** Makes a combined entry. The same entries give the same node, which is written once. @param made the ones so far */
  combinedEntry({ name, members, fields }: Combination, made: Map<string, YAMLMap>): YAMLMap {
    const maps = members.map(({ path }) => this.#mapOf(path));
    const key = JSON.stringify([name, fields, maps.map((map) => this.#idOf(map))]);
    const earlier = made.get(key);
    if (earlier !== undefined) return earlier;
    const config = new YAMLMap();
    const entry = this.#document.createNode({ name, ...fields }) as YAMLMap;
    const [first] = members.map(({ path }) => path).sort(compare);
    for (const [index, { record, path }] of members.entries()) {
      const map = maps[index];
      if (map === undefined) continue;
      const pair = map.items.find((one) => keyOf(one) === 'config') as Pair<Scalar, Node> | undefined;
      const recordKey = new Scalar(record);
      this.#names.set(pair?.value, `${anchorOf(map) ?? record}-config`);
      const item = this.itemAt(path);
      const comments = [
        path === first ? undefined : commentOf(item),
        (map.items.find((one) => keyOf(one) === 'name')?.value as Scalar | undefined)?.comment,
        pair?.key.commentBefore,
      ].filter((comment) => typeof comment === 'string');
      if (comments.length > 0) recordKey.commentBefore = comments.join('\n');
      config.items.push(new Pair(recordKey, pair?.value));
      if (path === first) {
        entry.commentBefore = commentOf(item) ?? null;
        entry.spaceBefore = (item as Node | undefined as { spaceBefore?: boolean } | undefined)?.spaceBefore ?? false;
      }
    }
    entry.items.push(new Pair(new Scalar('config'), config));
    made.set(key, entry);
    return entry;
  }

  /** Makes each alias refer to a node before it: the first place of a node has it, later ones have an alias. */
  tieAliases(): void {
    const written = new Set<unknown>();
    const tie = (node: unknown): unknown => {
      const target = isAlias(node) ? this.#targets.get(node) : node;
      if (target === undefined || !isNode(target)) return node;
      if (written.has(target)) return isAlias(node) && node.source === anchorOf(target) ? node : this.#aliasTo(target);
      if (isCollection(target) || isScalar(target)) {
        written.add(target);
      }
      if (isCollection(target)) {
        target.items.forEach((item: unknown, index: number) => {
          if (isPair(item)) item.value = tie(item.value);
          else target.items[index] = tie(item);
        });
      }
      return target;
    };
    tie(this.#document.contents);
  }

  #aliasTo(target: Node): Alias {
    const anchored = target as Node & { anchor?: string };
    if (anchored.anchor === undefined) {
      const base = this.#names.get(target) ?? 'genesys-gateway';
      let name = base;
      for (let number = 2; this.#anchors.has(name); number += 1) name = `${base}-${number}`;
      anchored.anchor = name;
      this.#anchors.add(name);
    }
    const alias = new Alias(anchored.anchor);
    this.#targets.set(alias, target);
    return alias;
  }

  #mapOf(entry: Path): YAMLMap {
    const map = this.#resolved(this.itemAt(entry));
    if (!isMap(map)) throw new Error('there is no such entry');
    return map;
  }

  readonly #ids = new Map<unknown, number>();
  #idOf(node: unknown): number {
    const id = this.#ids.get(node) ?? this.#ids.size;
    this.#ids.set(node, id);
    return id;
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  /** Returns a member of a map or list; of a map also what its merge keys give it. */
  #child(node: unknown, step: string | number): unknown {
    const at = this.#resolved(node);
    if (isSeq(at)) return at.items[Number(step)];
    if (!isMap(at)) return undefined;
    const own = at.items.find((pair) => keyOf(pair) === step);
    if (own !== undefined) return own.value;
    for (const merge of at.items.filter((pair) => keyOf(pair) === '<<')) {
      const merged = this.#resolved(merge.value);
      for (const source of isSeq(merged) ? merged.items : [merged]) {
        const found = this.#child(source, step);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
}

/** Returns the key of a pair; of a merge, `<<`. */
export function keyOf({ key }: Pair): unknown {
  const value = (key as Scalar | undefined)?.value ?? key;
  return typeof value === 'symbol' ? value.description : value;
}

function commentOf(item: unknown): string | undefined {
  return (item as Node | undefined)?.commentBefore ?? undefined;
}

function anchorOf(node: Node): string | undefined {
  return (node as Node & { anchor?: string }).anchor;
}
