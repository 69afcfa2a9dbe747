/** How an OAuth client names itself in HTTP Basic (RFC 6749 2.3.1). Pure. */

/** One value as application/x-www-form-urlencoded: a space becomes a plus. */
export function formEncode(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice('v='.length);
}

/** Id and secret are form-encoded before Base64, so that a colon in the id cannot move the border. */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64');
}
