/** Lists the names, types and sizes of the parts of a multipart body, and nothing of their content. Pure. */

export interface Part {
  /** Undefined if it has none. */
  name: string | undefined;
  contentType: string | undefined;
  /** Whether it is a file, whose name is not logged. */
  isFile: boolean;
  size: number;
}

const MAX_PARTS = 100;
const MAX_HEADERS = 4096;

/** Lists the parts. If only the beginning of the body is there, the last part's size is what is there of it. */
export function listParts(bytes: Buffer, boundary: string): Part[] {
  const parts: Part[] = [];
  const delimiter = Buffer.from(`--${boundary}`);
  let start = bytes.indexOf(delimiter);
  while (start !== -1 && parts.length < MAX_PARTS) {
    const from = start + delimiter.length;
    if (bytes.subarray(from, from + 2).toString('latin1') === '--') break;
    const next = bytes.indexOf(delimiter, from);
    const part = bytes.subarray(from, next === -1 ? bytes.length : next);
    parts.push(readPart(part, next !== -1));
    start = next;
  }
  return parts;
}

function readPart(part: Buffer, isWhole: boolean): Part {
  const headersEnd = part.indexOf('\r\n\r\n');
  const headers = part
    .subarray(0, Math.min(headersEnd === -1 ? part.length : headersEnd, MAX_HEADERS))
    .toString('utf8');
  const disposition = headerOf(headers, 'content-disposition');
  const [, quoted, bare] = /;\s{0,8}name=(?:"([^"]{0,200})"|([^;\s"]{1,200}))/i.exec(disposition ?? '') ?? [];
  const size = headersEnd === -1 ? 0 : part.length - headersEnd - 4 - (isWhole ? 2 : 0);
  return {
    name: quoted ?? bare,
    contentType: headerOf(headers, 'content-type'),
    isFile: /;\s{0,8}filename\*?=/i.test(disposition ?? ''),
    size: Math.max(0, size),
  };
}

function headerOf(headers: string, name: string): string | undefined {
  for (const line of headers.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon !== -1 && line.slice(0, colon).trim().toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return undefined;
}
