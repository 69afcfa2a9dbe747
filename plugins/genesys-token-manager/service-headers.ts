/**
 * The headers with which a request goes to the service: the credential in, everything that names or authenticates the client
 * towards the gateway out. Pure.
 */
import type { HeaderValues } from '../shared/pdk.js';

/**
 * What the service must not see: the client's own credentials, also those that the route did not ask for; the identity that
 * Kong's authentication plugins attach (kong/constants.lua and plugins/oauth2 of Kong 3.9.3; X-Credential-Username is that
 * of Kong before 3.0); and the headers by which some frameworks take a request for one of another method, which the route
 * may not allow.
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

/**
 * Makes the function that builds the headers for one `kong.service.request.setHeaders` call.
 *
 * An empty list clears a header: Kong hands it on to `ngx.req.set_header`, for which an empty table means "remove" (all
 * lines of that name). So one call does everything, instead of one for each header.
 * @param headerName gets the credential, such as `Bearer <token>`; it may be one of those withheld, in any case
 */
export function serviceHeaders(headerName: string): (credential: string) => HeaderValues {
  const taken = headerName.toLowerCase();
  const cleared: HeaderValues = Object.fromEntries(
    WITHHELD.filter((name) => name.toLowerCase() !== taken).map((name) => [name, []]),
  );
  return (credential) => ({ ...cleared, [headerName]: credential });
}

/** The headers that `kong.log.serialize` redacts by itself (kong/pdk/log.lua of Kong 3.9.3). */
const REDACTED_BY_KONG = new Set(['authorization', 'proxy-authorization']);

/** The key of Kong's log entry under which the credential would stand in clear; undefined if Kong hides it by itself. */
export function redactedKey(headerName: string): string | undefined {
  const name = headerName.toLowerCase();
  return REDACTED_BY_KONG.has(name) ? undefined : `request.headers.${name}`;
}
