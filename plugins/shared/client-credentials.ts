/** How an OAuth client authenticates with HTTP Basic (RFC 6749 2.3.1). Pure. */

/** Encodes one value as application/x-www-form-urlencoded, where a space becomes a plus. */
export function formEncode(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice('v='.length);
}

/** Returns the Base64 text for HTTP Basic. Form-encodes id and secret first, so an id may contain a colon. */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64');
}
