/**
 * HTTP Basic with OAuth client credentials: id and secret are form-encoded before Base64 (RFC 6749 2.3.1). Pure.
 */

/**
 * Reads an Authorization header.
 * @returns id and secret, form-decoded; undefined if the header is no well-formed Basic
 */
export function parseBasic(header: string | undefined): { clientId: string; clientSecret: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})\s*$/i.exec(header ?? '');
  if (match?.[1] === undefined) return undefined;
  const text = Buffer.from(match[1], 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  return { clientId: formDecode(text.slice(0, colon)), clientSecret: formDecode(text.slice(colon + 1)) };
}

/** Decodes one application/x-www-form-urlencoded value; a broken escape stays as it is, as lenient servers do. */
function formDecode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
