/**
 * Resolves references to secrets, such as `{vault://env/name}`. Kong OSS has only the env vault. A reference that
 * cannot be resolved becomes an empty string with a warning (measured). The plugin has to notice.
 */

const REFERENCE = /^\{vault:\/\/([^/}]+)\/([^}]+)\}$/;

/** Resolves one reference. Returns undefined if it has no value. */
export type ResolveReference = (reference: string) => string | undefined;

/**
 * Resolves references from environment variables, as Kong's env vault does. `{vault://env/my-secret}` is MY_SECRET.
 * `{vault://env/my-secret/key}` is the member `key` of the JSON in it.
 */
export function resolveFromEnvironment(env: Readonly<Record<string, string | undefined>>): ResolveReference {
  return (reference) => {
    const [, vault, rest = ''] = REFERENCE.exec(reference) ?? [];
    if (vault !== 'env') return undefined;
    const [path = '', query = ''] = rest.split('?');
    const [name = '', key] = path.split('/');
    const prefix = new URLSearchParams(query).get('prefix') ?? '';
    const value = env[`${prefix}${name}`.toUpperCase().replaceAll('-', '_')];
    if (value === undefined || key === undefined) return value;
    try {
      const member = (JSON.parse(value) as Record<string, unknown>)[key];
      return typeof member === 'string' ? member : undefined;
    } catch {
      return undefined;
    }
  };
}
