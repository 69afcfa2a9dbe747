/** Media types and their charsets (RFC 9110 8.3). Pure. */

export interface MediaType {
  /** In lower case, without parameters; empty if there is none. */
  type: string;
  /** In lower case; undefined if there is none. */
  charset: string | undefined;
  boundary: string | undefined;
}

const PARAMETER = /;\s{0,8}([\w-]{1,32})=(?:"([^"]{0,200})"|([^;\s"]{0,200}))/g;

/** Reads a Content-Type. */
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

/** ASCII is UTF-8, and so is JSON whose charset is not named (RFC 8259 8.1). */
function canonicalCharset(name: string): string {
  const charset = name.toLowerCase();
  return ['utf8', 'us-ascii', 'ascii', ''].includes(charset) ? 'utf-8' : charset;
}
