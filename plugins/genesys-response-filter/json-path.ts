/**
 * What simple paths cannot say (`$..name`, slices, lists of keys) is asked of jsonpath-plus, on a parsed copy of the body;
 * the answer is the places of the matches, as simple paths, so that what leaves is cut out of the body itself.
 *
 * jsonpath-plus runs without evaluation of code, and only expressions that path.ts has read reach it.
 */
import { BodyFault } from './body-fault.js';
import { byteAt, COLON, jsonText, QUOTE, skipSpace, skipString } from './json-text.js';
import type { Segment } from './path.js';

/** @returns the places of the matches in `value`, which they count from */
export type Select = (value: unknown, expression: string) => Segment[][];

/** Loaded with the first body that needs it: most processes never do. */
export async function loadSelect(): Promise<Select> {
  const { JSONPath } = await import('jsonpath-plus');
  return (value, expression) => {
    if (typeof value !== 'object' || value === null) return [];
    const matches = JSONPath({ path: expression, json: value, resultType: 'all', wrap: true, eval: false }) as Match[];
    const places = placesIn(value);
    return matches.map(({ parent, parentProperty }) => segmentsTo(parent, parentProperty, places));
  };
}

interface Match {
  parent: object;
  parentProperty: string | number;
}

/** The place of each array and object: what holds it, and under which key. */
type Places = Map<object, { parent: object; key: string }>;

/**
 * Matches are found by the identity of what holds them. The library's own pointers leave out keys such as `^` and `~`, so
 * that they would name other values.
 */
function placesIn(root: object): Places {
  const places: Places = new Map();
  const open = [root];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const [key, value] of Object.entries(parent) as [string, unknown][]) {
      if (typeof value !== 'object' || value === null) continue;
      places.set(value, { parent, key });
      open.push(value);
    }
  }
  return places;
}

function segmentsTo(parent: object, key: string | number, places: Places): Segment[] {
  const segments = [segment(parent, key)];
  for (let place = places.get(parent); place !== undefined; place = places.get(place.parent)) {
    segments.push(segment(place.parent, place.key));
  }
  return segments.reverse();
}

function segment(parent: object, key: string | number): Segment {
  return Array.isArray(parent) ? { kind: 'index', index: Number(key) } : { kind: 'name', name: String(key) };
}

/**
 * Parses a body that is known to be JSON.
 * @throws BodyFault if a key stands twice in an object: the copy would hold one of the two, and what is found in it could
 *   not be told of the other
 */
export function parseCopy(body: Buffer): unknown {
  const copy: unknown = JSON.parse(body.toString());
  if (countKeys(body) !== countMembers(copy)) throw new BodyFault('an object with the same key twice');
  return copy;
}

/** In JSON a string is a key exactly if a colon follows. */
function countKeys(body: Buffer): number {
  const text = jsonText(body);
  let keys = 0;
  let i = body.indexOf(QUOTE);
  while (i !== -1) {
    i = skipString(text, i + 1);
    if (byteAt(body, skipSpace(body, i)) === COLON) keys += 1;
    i = body.indexOf(QUOTE, i);
  }
  return keys;
}

function countMembers(copy: unknown): number {
  let members = 0;
  const open = [copy];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    const children: unknown[] = Object.values(value);
    if (!Array.isArray(value)) members += children.length;
    for (const child of children) if (typeof child === 'object') open.push(child);
  }
  return members;
}
