/** Objects as JSON and YAML have them. Pure. */

export type PlainObject = Record<string, unknown>;

/** Whether a value is an object and not an array. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
