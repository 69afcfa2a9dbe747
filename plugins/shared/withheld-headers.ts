/**
 * The headers of a request that identify or authenticate the client at the gateway, and are removed before it goes to the
 * service. Pure.
 */
import type { HeaderMap, HeaderValues } from './pdk.js';

/**
 * Headers that the service must not see:
 * - the client's own credentials, also those that the route did not ask for
 * - the identity that Kong's authentication plugins attach (kong/constants.lua and plugins/oauth2 of Kong 3.9.3;
 * X-Credential-Username is from Kong before 3.0)
 * - headers that some frameworks read as another method, which the route may not allow
 */
const WITHHELD = [
  'Authorization',
  'Proxy-Authorization',
  'Cookie',
  'apikey',
  'X-API-Key',
  'X-HTTP-Method',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  'X-Anonymous-Consumer',
  'X-Authenticated-Groups',
  'X-Authenticated-Scope',
  'X-Authenticated-UserId',
  'X-Consumer-Custom-ID',
  'X-Consumer-Groups',
  'X-Consumer-ID',
  'X-Consumer-Username',
  'X-Credential-Identifier',
  'X-Credential-Username',
] as const;

/** Kong returns no more lines of headers than this (kong/pdk/request.lua). */
const MAX_LINES = 1000;

/**
 * Makes the function that returns the removals for one `kong.service.request.setHeaders` call.
 *
 * An empty list removes all lines of a header, because Kong passes it to `ngx.req.set_header`. So one call is enough.
 * Only headers that the request has are removed: each costs Kong more than a microsecond (measured: 18 of them a fifth
 * of its processor time for the request). All are, if it is not sure which ones it has.
 * @param keptName the header that carries the credential for the service; may be one of those above, in any case
 */
export function withheldHeaders(keptName: string): (present: HeaderMap) => HeaderValues {
  const kept = keptName.toLowerCase();
  const withheld = WITHHELD.map((name) => ({ name, key: name.toLowerCase() })).filter(({ key }) => key !== kept);
  return (present) => {
    const isSure = isWhole(present);
    const headers: HeaderValues = {};
    for (const { name, key } of withheld) if (!isSure || key in present) headers[name] = [];
    return headers;
  };
}

/** Returns whether these are all headers of a request. Each has a Host, unless it is of HTTP/1.0. */
function isWhole(headers: HeaderMap): boolean {
  return 'host' in headers && !mayBeCut(headers);
}

/** Returns whether a request may have more headers than these. */
export function mayBeCut(headers: HeaderMap): boolean {
  let lines = 0;
  for (const name in headers) lines += headers[name]?.length ?? 0;
  return lines >= MAX_LINES;
}
