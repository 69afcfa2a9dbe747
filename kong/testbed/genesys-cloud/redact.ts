/**
 * Makes received headers and query strings fit to be listed: credentials become the name of what they were, so that a
 * test can still tell which token or client was used. Pure, apart from the look-ups it is given.
 */
import type { IncomingMessage } from 'node:http';
import { parseBasic } from './basic-auth.js';

/** What redaction has to ask. */
export interface CredentialLookup {
  /** The ordinal of a token value, dead or alive. */
  tokenOrdinal(value: string): number | undefined;
  isClient(clientId: string): boolean;
}

/** Headers whose value is a credential whatever it looks like: those of gateways, and cookies. */
const SECRET_HEADERS = new Set(['cookie', 'apikey', 'x-api-key', 'api-key', 'x-gateway-key']);

/** Query parameters of the same kind. */
const SECRET_PARAMETER = /(^|&)(access_token|client_secret|apikey|api_key|api-key|key|token|secret|password)=[^&]*/gi;

/** Headers in lower case, an array where one came more than once, credentials redacted. */
export function redactedHeaders(
  request: Pick<IncomingMessage, 'headersDistinct'>,
  lookup: CredentialLookup,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (values === undefined) continue;
    const shown = values.map((value) => redactedValue(name, value, lookup));
    const [first] = shown;
    headers[name] = shown.length === 1 && first !== undefined ? first : shown;
  }
  return headers;
}

/** A query string with the values of secrets replaced. */
export function redactedQuery(query: string): string {
  return query.replace(SECRET_PARAMETER, '$1$2=redacted');
}

function redactedValue(name: string, value: string, lookup: CredentialLookup): string {
  if (name === 'authorization' || name === 'proxy-authorization') return redactedAuthorization(value, lookup);
  if (SECRET_HEADERS.has(name)) return 'redacted';
  // A gateway may be told to carry the token in a header of another name.
  const ordinal = lookup.tokenOrdinal(value.replace(/^bearer /i, ''));
  return ordinal === undefined ? value : `token #${ordinal}`;
}

function redactedAuthorization(value: string, lookup: CredentialLookup): string {
  const [scheme = '', credential = ''] = value.split(' ', 2);
  if (/^bearer$/i.test(scheme)) {
    const ordinal = lookup.tokenOrdinal(credential);
    return ordinal === undefined ? 'Bearer unknown' : `Bearer token #${ordinal}`;
  }
  if (/^basic$/i.test(scheme)) {
    const id = parseBasic(value)?.clientId;
    return id !== undefined && lookup.isClient(id) ? `Basic ${id}` : 'Basic unknown';
  }
  // A value without a scheme may be the bare secret.
  return credential === '' ? 'redacted' : `${scheme} redacted`;
}
