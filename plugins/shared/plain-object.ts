/** Objects as in JSON and YAML. Pure. */

export type PlainObject = Record<string, unknown>;

/** Returns whether a value is an object and not an array. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
