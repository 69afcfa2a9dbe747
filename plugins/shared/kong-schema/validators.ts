/** Kong's validators: what a field requires of a value of its type (kong/db/schema/init.lua of Kong 3.9). */
import { isPlainObject } from '../plain-object.js';
import type { Field } from './field.js';
import { luaMatches } from './lua-pattern.js';
import type { Words } from './problem.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Returns the first fault of a value, in Kong's order.
 * @throws Error for a Lua pattern that cannot be translated
 */
export function faultOf(field: Partial<Field>, value: unknown): Words | undefined {
  const { one_of, not_one_of, between, gt, len_eq, len_max, starts_with, match } = field;
  if (not_one_of?.includes(value)) return inBoth(`must not be one of: ${not_one_of.join(', ')}`);
  if (one_of && !(one_of as readonly unknown[]).includes(value)) {
    return [`expected one of: ${one_of.join(', ')}`, `must be one of ${one_of.join(', ')}`];
  }
  if (typeof value === 'number') {
    if (gt !== undefined && value <= gt) return [`value must be greater than ${gt}`, `must be greater than ${gt}`];
    if (between && (value < between[0] || value > between[1])) {
      const range = `be between ${between[0]} and ${between[1]}`;
      return [`value should ${range}`, `must ${range}`];
    }
  }
  const text = typeof value === 'string' ? value : undefined;
  if (field.uuid && text !== undefined && !UUID.test(text)) return inBoth('expected a valid UUID');
  const length = lengthOf(value);
  const len_min = field.len_min ?? (field.type === 'string' ? 1 : undefined);
  if (length !== undefined) {
    if (len_eq !== undefined && length !== len_eq) return inBoth(`length must be ${len_eq}`);
    if (len_min !== undefined && length < len_min) {
      const least = `at least ${len_min}`;
      return [`length must be ${least}`, length === 0 ? 'must not be empty' : `must have a length of ${least}`];
    }
    if (len_max !== undefined && length > len_max) {
      return [`length must be at most ${len_max}`, `must have a length of at most ${len_max}`];
    }
  }
  if (text === undefined) return undefined;
  if (starts_with !== undefined && !text.startsWith(starts_with)) {
    return [`should start with: ${starts_with}`, `must start with ${starts_with}`];
  }
  const unwanted = field.match_none?.find(({ pattern }) => luaMatches(pattern, text));
  if (unwanted !== undefined) return inBoth(unwanted.err);
  if (match !== undefined && !luaMatches(match, text)) {
    return [`invalid value: ${text}`, field.err ?? `must match the Lua pattern ${match}`];
  }
  return undefined;
}

function inBoth(words: string): Words {
  return [words, words];
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  return isPlainObject(value) ? Object.keys(value).length : undefined;
}
