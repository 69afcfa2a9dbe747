/**
 * The headers of a request to the service. The credential is added. Everything that identifies or authenticates the
 * client at the gateway is removed. Pure.
 */
import type { HeaderMap, HeaderValues } from '../shared/pdk.js';
import { withheldHeaders } from '../shared/withheld-headers.js';

/**
 * Makes the function that builds the headers for one `kong.service.request.setHeaders` call.
 * @param headerName the header for the credential, such as `Bearer <token>`
 */
export function serviceHeaders(headerName: string): (credential: string, present: HeaderMap) => HeaderValues {
  const withheld = withheldHeaders(headerName);
  return (credential, present) => {
    const headers = withheld(present);
    headers[headerName] = credential;
    return headers;
  };
}

/** The headers that `kong.log.serialize` redacts by itself (kong/pdk/log.lua of Kong 3.9.3). */
const REDACTED_BY_KONG = new Set(['authorization', 'proxy-authorization']);

/** Returns the credential's key in Kong's log entry, to redact it; undefined if Kong redacts the header itself. */
export function redactedKey(headerName: string): string | undefined {
  const name = headerName.toLowerCase();
  return REDACTED_BY_KONG.has(name) ? undefined : `request.headers.${name}`;
}
