/** Media types and their charsets (RFC 9110 8.3). Pure. */

export interface MediaType {
  /** The lower-case type without parameters; empty if there is none. */
  type: string;
  /** The lower-case charset; undefined if there is none. */
  charset: string | undefined;
  boundary: string | undefined;
}

const PARAMETER = /;\s{0,8}([\w-]{1,32})=(?:"([^"]{0,200})"|([^;\s"]{0,200}))/g;

/** Parses a Content-Type header. */
export function parseMediaType(header: string | undefined): MediaType {
  const text = (header ?? '').slice(0, 1000);
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of text.matchAll(PARAMETER)) {
    parameters.set(name.toLowerCase(), quoted ?? bare);
  }
  const type = (text.split(';')[0] ?? '').trim().toLowerCase();
  const charset = parameters.get('charset');
  return { type, charset: charset && canonicalCharset(charset), boundary: parameters.get('boundary') };
}

/** Lists the charsets that Content-Type headers name. */
export function charsetsOf(headers: readonly string[]): string[] {
  return headers.flatMap((header) =>
    [...header.matchAll(/;\s*charset\s*=\s*"?([^";,\s]*)/gi)].map(([, name = '']) => canonicalCharset(name)),
  );
}

/** Returns a charset's name. ASCII is a subset of UTF-8, and JSON without a charset is UTF-8 (RFC 8259 8.1). */
function canonicalCharset(name: string): string {
  const charset = name.toLowerCase();
  return ['utf8', 'us-ascii', 'ascii', ''].includes(charset) ? 'utf-8' : charset;
}
