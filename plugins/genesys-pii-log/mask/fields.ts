/** Names of fields whose values are masked whatever they are, wherever they stand. Pure. */

/**
 * Credentials are masked whatever the configuration says, and no part or hash of them is shown: a log is no place for
 * what opens a door. The verification value of a card must not be stored at all (PCI DSS 3.3).
 */
const CREDENTIALS = [
  'access_token',
  'refresh_token',
  'id_token',
  'token',
  'auth_token',
  'session_token',
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'new_password',
  'old_password',
  'secret',
  'client_secret',
  'client_assertion',
  'assertion',
  'saml_response',
  'code_verifier',
  'api_key',
  'x_api_key',
  'private_key',
  'key_value',
  'authorization',
  'proxy_authorization',
  'cookie',
  'set_cookie',
  'credentials',
  'pin',
  'cvv',
  'cvc',
  'cvv2',
  'cvc2',
  'card_security_code',
];

/** What a name says of its value. */
export type FieldRule =
  | { kind: 'credential' }
  /** `isText`: it is for texts alone; of records that have the name, each member decides for itself. */
  | { kind: 'field'; name: string; isText?: boolean };

export interface FieldNames {
  /** Undefined if the name says nothing. */
  ruleOf(name: string): FieldRule | undefined;
  /** Also of the last name of several, as in `user[password]`, `login.password`. */
  ruleOfPath(name: string): FieldRule | undefined;
}

/** Beyond this a name is none. */
const MAX_NAME = 128;
/** Names repeat, from one record of a list to the next. */
const MAX_CACHED = 4096;

/**
 * The names of a configuration, in addition to those of credentials.
 * @param texts names of which only texts are masked
 */
export function createFieldNames(names: readonly string[], texts: readonly string[] = []): FieldNames {
  const rules = new Map<string, FieldRule>(CREDENTIALS.map((name) => [normaliseName(name), { kind: 'credential' }]));
  for (const name of names) {
    const normal = normaliseName(name);
    if (!rules.has(normal)) rules.set(normal, { kind: 'field', name });
  }
  for (const name of texts) {
    const normal = normaliseName(name);
    if (!rules.has(normal)) rules.set(normal, { kind: 'field', name, isText: true });
  }
  const cache = new Map<string, FieldRule | undefined>();
  function ruleOf(name: string): FieldRule | undefined {
    if (name.length > MAX_NAME) return undefined;
    if (cache.has(name)) return cache.get(name);
    const rule = rules.get(normaliseName(name));
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(name, rule);
    return rule;
  }

  return {
    ruleOf,
    ruleOfPath(name) {
      const rule = ruleOf(name);
      if (rule !== undefined || name.length > MAX_NAME || !/[.[]/.test(name)) return rule;
      return ruleOf(name.split(/[.[\]]+/).findLast((part) => part !== '') ?? '');
    },
  };
}

/** customer_name, customerName, CustomerName, `Customer Name` are the same name. */
export function normaliseName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}
