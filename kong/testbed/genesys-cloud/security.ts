/**
 * Security keys and the secrets of external systems, as guides describe /api/v2/security. Genesys' SDK does not have
 * them; field names are this simulator's reading of the guides. A key's value is a token of the token store, so that
 * it is accepted, counted and redacted like one; a secret's value is not kept at all.
 */

/** What is known of a key, without its value. */
export interface SecurityKey {
  id: string;
  name: string;
  description: string;
  scopes: string[];
  state: 'active';
  dateCreated: string;
  dateExpires: string;
}

/** What is known of a secret, without its value. `version` counts the pushes. */
export interface SecuritySecret {
  id: string;
  version: number;
  dateModified: string;
  dateExpires: string | null;
}

export interface SecurityStore {
  keys: Map<string, SecurityKey>;
  secrets: Map<string, SecuritySecret>;
}

/** @param secretIds of secrets that exist from the start, without a value */
export function createSecurityStore(secretIds: readonly string[]): SecurityStore {
  const dateModified = '2026-01-05T09:00:00.000Z';
  const secrets = secretIds.map((id): [string, SecuritySecret] => [
    id,
    { id, version: 0, dateModified, dateExpires: null },
  ]);
  return { keys: new Map(), secrets: new Map(secrets) };
}
