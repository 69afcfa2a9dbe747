/** References to secrets, such as `{vault://env/name}`. */

/** Returns whether Kong regards a value as a reference (kong/pdk/vault.lua). */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('{vault://') && value.endsWith('}');
}
