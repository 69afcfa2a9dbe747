/** Reads properties of unknown values. Pure. */

/** Returns a property of a value; undefined if it has none. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
