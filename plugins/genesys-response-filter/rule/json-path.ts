/**
 * Evaluates what simple paths cannot express (`$..name`, slices, lists of keys): jsonpath-plus runs on a parsed copy of
 * the body. The result is the places of the matches, as simple paths, so that the output is cut from the body itself.
 *
 * Only expressions that path.ts has parsed get here.
 */
import { countMembers, loadSelect as loadPlaces } from '../../shared/json-path.js';
import { BodyFault } from '../json/body-fault.js';
import { byteAt, COLON, jsonText, QUOTE, skipSpace, skipString } from '../json/text.js';
import type { Segment } from './path.js';

/** Returns the places of the matches, as paths from `value`. */
export type Select = (value: unknown, expression: string) => Segment[][];

/** Loads jsonpath-plus. Called for the first body that needs it. */
export async function loadSelect(): Promise<Select> {
  const select = await loadPlaces();
  return (value, expression) => select(value, expression).map((place) => place.map(segment));
}

function segment(key: string | number): Segment {
  return typeof key === 'number' ? { kind: 'index', index: key } : { kind: 'name', name: key };
}

/**
 * Parses a body that is known to be JSON.
 * @throws BodyFault if an object has a key twice
 */
export function parseCopy(body: Buffer): unknown {
  const copy: unknown = JSON.parse(body.toString());
  if (countKeys(body) !== countMembers(copy)) throw new BodyFault('an object with the same key twice');
  return copy;
}

/** Counts the keys. A string in JSON is a key if and only if a colon follows. */
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
