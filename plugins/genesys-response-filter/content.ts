/** From the bytes that the service sent to the text they stand for: encodings undone within bounds, and UTF-8. */
import type { ByteBudget } from '../shared/byte-budget.js';
import { AT_ONCE_BYTES, type CodingFault, codingsOf, decodeBody } from '../shared/http/content-coding.js';
import { charsetsOf } from '../shared/http/media-type.js';
import type { HeaderMap } from '../shared/pdk.js';
import { BodyFault } from './json/body-fault.js';

/**
 * Whether a body counts as JSON: any type that names it, such as `application/json` and `application/problem+json`, and
 * one that is missing. Types such as `application/x-ndjson` count too, and fail: whatever else calls itself JSON must not
 * pass for a picture where those may pass.
 */
export function isJsonType(headers: HeaderMap): boolean {
  const types = headers['content-type'] ?? [];
  return types.every((type) => /^\s*(;|$)/.test(type) || /json/i.test(type.replace(/;.*$/s, '')));
}

/** What is left of a Content-Type when the body is UTF-8; undefined if it need not change. */
export function utf8ContentType(headers: HeaderMap): string | undefined {
  const type = headers['content-type']?.[0] ?? '';
  if (charsetsOf(headers['content-type'] ?? []).every((charset) => charset === 'utf-8') && type !== '')
    return undefined;
  const mediaType = type.replace(/;.*$/s, '').trim();
  return `${mediaType === '' ? 'application/json' : mediaType}; charset=utf-8`;
}

/** Returns how long the service says that the body is; undefined if it does not say. */
export function declaredBytes(headers: HeaderMap): number | undefined {
  const [length = '', ...others] = headers['content-length'] ?? [];
  return /^\d{1,15}$/.test(length) && others.length === 0 ? Number(length) : undefined;
}

/**
 * Undoes the encodings.
 * @param threads bounds what Node's threads decompress at the same time
 * @returns the body itself if it has none; without a byte order mark otherwise too
 * @throws BodyFault if it cannot be undone, or grows over `maxBytes`; NoRoom
 */
export async function decodeContent(
  body: Buffer,
  headers: HeaderMap,
  maxBytes: number,
  threads?: ByteBudget,
): Promise<Buffer> {
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  const codings = codingsOf(headers['content-encoding'] ?? []);
  const decode = (): Promise<Buffer> =>
    decodeBody(body, codings, maxBytes).catch((error: CodingFault) => {
      throw faultOf(error, maxBytes);
    });
  // What is decompressed at once is alone with it.
  const isAtOnce = codings.length === 0 || (codings.length === 1 && body.length <= AT_ONCE_BYTES);
  const plain = await (isAtOnce || threads === undefined ? decode() : threads.run(maxBytes, decode));
  return withoutMark(toUtf8(plain, headers, maxBytes));
}

/** The fault of a body that is too long, compressed or not. */
export function tooLarge(maxBytes: number): BodyFault {
  return new BodyFault(`of more than ${maxBytes} bytes`);
}

function faultOf({ code }: CodingFault, maxBytes: number): BodyFault {
  switch (code) {
    case 'TOO_MANY_CODINGS':
      return new BodyFault('encoded too often');
    case 'UNKNOWN_CODING':
      return new BodyFault('in an encoding that cannot be undone');
    case 'ERR_BUFFER_TOO_LARGE':
      return tooLarge(maxBytes);
    default:
      return new BodyFault(`not decompressed (${code})`);
  }
}

/** JSON is UTF-8; what a server declares to be something else is read as that, and leaves as UTF-8. */
function toUtf8(body: Buffer, headers: HeaderMap, maxBytes: number): Buffer {
  const charsets = new Set(charsetsOf(headers['content-type'] ?? []));
  if (charsets.size > 1) throw new BodyFault('in more than one charset');
  const [charset = 'utf-8'] = charsets;
  if (charset === 'utf-8') return body;
  let text: string;
  try {
    text = new TextDecoder(charset, { fatal: true }).decode(body);
  } catch {
    throw new BodyFault('in a charset that cannot be read');
  }
  const utf8 = Buffer.from(text);
  if (utf8.length > maxBytes) throw tooLarge(maxBytes);
  return utf8;
}

/** A byte order mark is no JSON, but may be ignored (RFC 8259 8.1). It does not leave. */
function withoutMark(body: Buffer): Buffer {
  const isMarked = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return isMarked ? body.subarray(3) : body;
}
