/**
 * Walks a JSON body once, along a tree, and collects what is taken as byte ranges of the body. So numbers keep their
 * digits, strings their escapes and keys their order, and nothing is built. The whole body is checked on the way.
 */

import { Output } from '../json/output.js';
import {
  byteAt,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  type JsonText,
  jsonText,
  MAX_DEPTH,
  notJson,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipKey,
  skipSpace,
  skipValue,
  tooDeep,
} from '../json/text.js';
import { LINK_NAMES, type Links } from './links.js';
import { type NamedEdge, type NameTable, type Node, tableOf, WHOLE } from './path-tree.js';
import { type Captures, createCaptures, type Template } from './template.js';

/** How to walk a body. */
export interface Plan {
  /** The node for an object at the top. It finds the collection. */
  readonly envelope: Node | undefined;
  /**
   * Returns the node of an element of the collection or of an array at the top, or of the body itself.
   * @param index the index of the element; undefined for the body
   */
  elementNode(index: number | undefined): Node | undefined;
  /** Written in place of each element. */
  readonly template: Template | undefined;
  /** What to do with links; undefined: nothing. */
  readonly links: Links | undefined;
}

const NULL = Buffer.from('null');
const EMPTY_LIST = Buffer.from('[]');
/** The first byte of `null`. */
const LETTER_N = 0x6e;

const LINKS = tableOf(LINK_NAMES, WHOLE);
/** Any value, as `WHOLE`, but looked through for links. */
const LOOKED_THROUGH: Node = (() => {
  const node = { ...WHOLE, isLeaf: false, rest: WHOLE };
  node.rest = node;
  return node;
})();

/**
 * Filters a body.
 * @param body JSON as UTF-8
 * @returns the body itself if all of it is taken
 * @throws BodyFault if it is not JSON
 */
export function walkBody(body: Buffer, plan: Plan): Buffer {
  const start = skipSpace(body, 0);
  if (byteAt(body, start) === OPEN_OBJECT && plan.envelope !== undefined) {
    // Only the end of the body shows that it has no collection. Most bodies without one are small.
    const page = new Walk(body, plan);
    page.whole(start, plan.envelope);
    if (page.foundCollection || page.isEmptyPage) return page.output.result();
    const element = walkElement(body, plan, start);
    // The rule takes nothing of it, and it has fields of a page: a page without its collection.
    return page.hasPageSigns && !element.tookAny ? page.output.result() : element.output.result();
  }
  return walkElement(body, plan, start).output.result();
}

function walkElement(body: Buffer, plan: Plan, start: number): Walk {
  const walk = new Walk(body, plan);
  walk.whole(start, undefined);
  return walk;
}

class Walk {
  readonly output: Output;
  foundCollection = false;
  /** Whether a member of an object was taken. */
  tookAny = false;
  hasPageSigns = false;
  /** What of the envelope is no paging field, and a collection that is null. */
  #hasOthers = false;
  #hasNull = false;
  readonly #body: Buffer;
  readonly #text: JsonText;
  readonly #plan: Plan;
  readonly #captures: Captures | undefined;

  constructor(body: Buffer, plan: Plan) {
    this.#body = body;
    this.#text = jsonText(body);
    this.#plan = plan;
    this.output = new Output(this.#text);
    this.#captures = plan.template && createCaptures(plan.template.references.length);
  }

  /** Whether it is a page whose collection is null or absent, as Genesys answers if there is nothing. */
  get isEmptyPage(): boolean {
    // A template may be about an object that has nothing but such fields.
    return this.hasPageSigns && (this.#hasNull || (!this.#hasOthers && this.#captures === undefined));
  }

  /** Walks the value at the top, and checks that nothing follows it. */
  whole(start: number, envelope: Node | undefined): void {
    const body = this.#body;
    let end: number;
    if (envelope !== undefined) end = this.#value(envelope, start, 0);
    else if (byteAt(body, start) === OPEN_ARRAY) end = this.#array(undefined, start, 0);
    else if (this.#takesElement(undefined, start)) {
      // Taken whole, with whatever members it has.
      this.tookAny = this.#plan.elementNode(undefined)?.isLeaf === true;
      end = this.#element(undefined, start, 0);
    } else {
      end = skipValue(this.#text, start, 0);
      this.output.bytes(NULL);
    }
    const behind = skipSpace(body, end);
    if (behind !== body.length) throw notJson(behind);
  }

  #takesElement(index: number | undefined, at: number): boolean {
    return this.#plan.template !== undefined || takes(this.#plan.elementNode(index), byteAt(this.#body, at));
  }

  /** Walks a value at which the rule's paths begin. */
  #element(index: number | undefined, at: number, depth: number): number {
    const node = this.#plan.elementNode(index);
    const { template } = this.#plan;
    const captures = this.#captures;
    if (template === undefined || captures === undefined) return this.#taken(node, at, depth);
    const start = this.output.flush();
    captures.clear();
    const end = takes(node, byteAt(this.#body, at)) ? this.#taken(node, at, depth) : skipValue(this.#text, at, depth);
    template.write(this.output, this.output.cut(start), start, captures);
    return end;
  }

  #taken(node: Node | undefined, at: number, depth: number): number {
    return node === undefined ? skipValue(this.#text, at, depth) : this.#value(node, at, depth);
  }

  /** Walks a value that `node` takes. */
  #value(node: Node, at: number, depth: number, replacement?: Buffer): number {
    if (node.captures.length === 0 || this.#captures === undefined) {
      return this.#plainValue(node, at, depth, replacement);
    }
    const start = this.output.flush();
    const end = this.#plainValue(node, at, depth, replacement);
    const length = this.output.flush();
    for (const reference of node.captures) this.#captures.add(reference, start, length);
    return end;
  }

  #plainValue(node: Node, at: number, depth: number, replacement?: Buffer): number {
    if (node.isLeaf && this.#plan.links !== undefined) {
      const first = byteAt(this.#body, at);
      if (first === OPEN_OBJECT || first === OPEN_ARRAY) return this.#plainValue(LOOKED_THROUGH, at, depth);
    }
    if (!node.isLeaf) {
      const first = byteAt(this.#body, at);
      if (node.isCollection) {
        if (first !== OPEN_ARRAY) return this.#element(undefined, at, depth);
        this.foundCollection = true;
        return this.#array(undefined, at, depth);
      }
      if (first === OPEN_OBJECT) return this.#object(node, at, depth);
      if (first === OPEN_ARRAY) return this.#array(node, at, depth);
    }
    const end = skipValue(this.#text, at, depth);
    if (replacement === undefined) this.output.range(at, end);
    else this.output.bytes(replacement);
    return end;
  }

  /** Returns what takes the place of a link; `dropped` if nothing does, undefined if it is no link or stays. */
  #linkAt(keyStart: number, keyEnd: number, at: number): Buffer | 'dropped' | undefined {
    const body = this.#body;
    const { links } = this.#plan;
    if (links === undefined || byteAt(body, at) !== QUOTE) return undefined;
    const edge = keyEnd < 0 ? findEscaped(LINKS, body, keyStart, -keyEnd) : find(LINKS, body, keyStart + 1, keyEnd - 1);
    if (edge === undefined) return undefined;
    const link = JSON.parse(body.toString('utf8', at, skipValue(this.#text, at, 0))) as string;
    const replacement = links(link);
    if (replacement === undefined) return 'dropped';
    return replacement === link ? undefined : Buffer.from(JSON.stringify(replacement));
  }

  /** Notes what a member of an envelope says about whether it is a page. */
  #note(child: Node | undefined, first: number): void {
    if (child === undefined) this.#hasOthers = true;
    else if (child.isCollection) this.#hasNull ||= first === LETTER_N;
    else if (child.isPageSign) this.hasPageSigns ||= takes(child, first);
  }

  #object(node: Node, at: number, depth: number): number {
    if (depth >= MAX_DEPTH) throw tooDeep();
    this.#openLists(node);
    const body = this.#body;
    const output = this.output;
    output.range(at, at + 1);
    let i = skipSpace(body, at + 1);
    if (byteAt(body, i) === CLOSE_OBJECT) {
      output.range(at + 1, i + 1);
      return i + 1;
    }
    const { names, rest } = node;
    /** The end of the previous member if it was taken, so that the separator can be taken with it. */
    let takenUpTo = at + 1;
    let isFirst = true;
    for (;;) {
      if (byteAt(body, i) !== QUOTE) throw notJson(i);
      const keyStart = i;
      const keyEnd = skipKey(this.#text, i + 1);
      const edge =
        keyEnd < 0 ? findEscaped(names, body, keyStart, -keyEnd) : find(names, body, keyStart + 1, keyEnd - 1);
      i = skipSpace(body, keyEnd < 0 ? -keyEnd : keyEnd);
      if (byteAt(body, i) !== COLON) throw notJson(i);
      i = skipSpace(body, i + 1);
      const child = edge === undefined ? rest : edge.node;
      const first = byteAt(body, i);
      if (node.isEnvelope) this.#note(child, first);
      const isNoCollection = node.isEnvelope && child?.isCollection === true && first === LETTER_N;
      const link = this.#linkAt(keyStart, keyEnd, i);
      if (child !== undefined && link !== 'dropped' && (takes(child, first) || isNoCollection)) {
        this.tookAny = true;
        if (takenUpTo !== -1) output.range(takenUpTo, keyStart);
        else if (!isFirst) output.byte(COMMA);
        isFirst = false;
        if (edge?.renamed === undefined) output.range(keyStart, i);
        else {
          output.bytes(edge.renamed);
          output.byte(COLON);
        }
        i = isNoCollection ? this.#emptyList(i, depth + 1) : this.#value(child, i, depth + 1, link);
        takenUpTo = i;
      } else {
        i = skipValue(this.#text, i, depth + 1);
        takenUpTo = -1;
      }
      i = skipSpace(body, i);
      const byte = byteAt(body, i);
      if (byte === COMMA) i = skipSpace(body, i + 1);
      else if (byte === CLOSE_OBJECT) break;
      else throw notJson(i);
    }
    output.range(takenUpTo === -1 ? i : takenUpTo, i + 1);
    return i + 1;
  }

  /** Writes an empty list in place of a collection that is null. */
  #emptyList(at: number, depth: number): number {
    this.output.bytes(EMPTY_LIST);
    return skipValue(this.#text, at, depth);
  }

  /** @param node undefined for an array at whose elements the rule's paths begin */
  #array(node: Node | undefined, at: number, depth: number): number {
    if (depth >= MAX_DEPTH) throw tooDeep();
    if (node !== undefined) this.#openLists(node);
    const body = this.#body;
    const output = this.output;
    output.range(at, at + 1);
    let i = skipSpace(body, at + 1);
    if (byteAt(body, i) === CLOSE_ARRAY) {
      output.range(at + 1, i + 1);
      return i + 1;
    }
    let takenUpTo = at + 1;
    let isFirst = true;
    for (let index = 0; ; index += 1) {
      const child = node === undefined ? this.#plan.elementNode(index) : elementOf(node, index);
      const isTaken = takes(child, byteAt(body, i)) || (node === undefined && this.#plan.template !== undefined);
      if (isTaken) {
        if (takenUpTo !== -1) output.range(takenUpTo, i);
        else if (!isFirst) output.byte(COMMA);
        isFirst = false;
        i = node === undefined ? this.#element(index, i, depth + 1) : this.#taken(child, i, depth + 1);
        takenUpTo = i;
      } else {
        i = skipValue(this.#text, i, depth + 1);
        takenUpTo = -1;
      }
      i = skipSpace(body, i);
      const byte = byteAt(body, i);
      if (byte === COMMA) i = skipSpace(body, i + 1);
      else if (byte === CLOSE_ARRAY) break;
      else throw notJson(i);
    }
    output.range(takenUpTo === -1 ? i : takenUpTo, i + 1);
    return i + 1;
  }

  #openLists(node: Node): void {
    for (const reference of node.lists) this.#captures?.open(reference);
  }
}

function elementOf({ indexes, rest }: Node, index: number): Node | undefined {
  return indexes?.has(index) ? indexes.get(index) : rest;
}

/** @param first the first byte of the value */
function takes(node: Node | undefined, first: number): boolean {
  if (node === undefined) return false;
  if (first === OPEN_OBJECT) return node.takesObjects;
  return first === OPEN_ARRAY ? node.takesArrays : node.takesScalars;
}

/** Finds the edge of a key without escapes. */
function find(names: NameTable, body: Buffer, start: number, end: number): NamedEdge | undefined {
  const edges = names.byLength[end - start];
  if (edges === undefined) return undefined;
  for (let e = 0; e < edges.length; e += 1) {
    const edge = edges[e] as NamedEdge;
    const { key } = edge;
    let i = 0;
    while (i < key.length && key[i] === body[start + i]) i += 1;
    if (i === key.length) return edge;
  }
  return undefined;
}

/** @param start the start of the key, including its quote */
function findEscaped(names: NameTable, body: Buffer, start: number, end: number): NamedEdge | undefined {
  return names.byKey.get(JSON.parse(body.toString('utf8', start, end)) as string);
}
