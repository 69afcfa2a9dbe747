/**
 * References to secrets, `{vault://env/name}`. Kong OSS has the env vault only; what cannot be resolved becomes an empty
 * string with a warning (measured), and the plugin has to notice.
 */

const REFERENCE = /^\{vault:\/\/([^/}]+)\/([^}]+)\}$/;

/** Resolves one reference; `undefined` if there is nothing behind it. */
export type ResolveReference = (reference: string) => string | undefined;

/**
 * Resolves from environment variables, as Kong's env vault: `{vault://env/my-secret}` is MY_SECRET, and
 * `{vault://env/my-secret/key}` the member `key` of the JSON in it.
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
