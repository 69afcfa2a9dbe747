/** References to secrets, such as `{vault://env/name}`. */

/** Whether Kong takes a value for a reference (kong/pdk/vault.lua). */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('{vault://') && value.endsWith('}');
}
