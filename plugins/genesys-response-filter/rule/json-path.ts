/**
 * What simple paths cannot say (`$..name`, slices, lists of keys) is asked of jsonpath-plus, on a parsed copy of the body;
 * the answer is the places of the matches, as simple paths, so that what leaves is cut out of the body itself.
 *
 * Only expressions that path.ts has read reach it.
 */
import { countMembers, loadSelect as loadPlaces } from '../../shared/json-path.js';
import { BodyFault } from '../json/body-fault.js';
import { byteAt, COLON, jsonText, QUOTE, skipSpace, skipString } from '../json/text.js';
import type { Segment } from './path.js';

/** @returns the places of the matches in `value`, which they count from */
export type Select = (value: unknown, expression: string) => Segment[][];

/** Loaded with the first body that needs it. */
export async function loadSelect(): Promise<Select> {
  const select = await loadPlaces();
  return (value, expression) => select(value, expression).map((place) => place.map(segment));
}

function segment(key: string | number): Segment {
  return typeof key === 'number' ? { kind: 'index', index: key } : { kind: 'name', name: key };
}

/**
 * Parses a body that is known to be JSON.
 * @throws BodyFault if a key stands twice in an object
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
