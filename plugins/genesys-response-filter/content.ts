/** Turns the service's bytes into text: decodes content codings within limits, and converts charsets to UTF-8. */
import type { ByteBudget } from '../shared/byte-budget.js';
import { AT_ONCE_BYTES, type CodingFault, codingsOf, decodeBody } from '../shared/http/content-coding.js';
import { charsetsOf } from '../shared/http/media-type.js';
import type { HeaderMap } from '../shared/pdk.js';
import { BodyFault } from './json/body-fault.js';

/**
 * Returns whether a body counts as JSON. This includes every type that names JSON, such as `application/problem+json`,
 * and a missing type. Types such as `application/x-ndjson` also count, and fail: what calls itself JSON must not pass
 * as another type, where those may pass.
 */
export function isJsonType(headers: HeaderMap): boolean {
  const types = headers['content-type'] ?? [];
  return types.every((type) => /^\s*(;|$)/.test(type) || /json/i.test(type.replace(/;.*$/s, '')));
}

/** Returns the Content-Type for a UTF-8 body; undefined if it need not change. */
export function utf8ContentType(headers: HeaderMap): string | undefined {
  const type = headers['content-type']?.[0] ?? '';
  if (charsetsOf(headers['content-type'] ?? []).every((charset) => charset === 'utf-8') && type !== '')
    return undefined;
  const mediaType = type.replace(/;.*$/s, '').trim();
  return `${mediaType === '' ? 'application/json' : mediaType}; charset=utf-8`;
}

/** Returns how long the body is according to the service; undefined if the service does not say. */
export function declaredBytes(headers: HeaderMap): number | undefined {
  const [length = '', ...others] = headers['content-length'] ?? [];
  return /^\d{1,15}$/.test(length) && others.length === 0 ? Number(length) : undefined;
}

/**
 * Decodes a body.
 * @param threads limits what Node's threads decompress at the same time
 * @returns the body itself if it has no codings, but without a byte order mark
 * @throws BodyFault if it cannot be decoded or exceeds `maxBytes`; NoRoom
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
  // Synchronous decompression runs alone anyway.
  const isAtOnce = codings.length === 0 || (codings.length === 1 && body.length <= AT_ONCE_BYTES);
  const plain = await (isAtOnce || threads === undefined ? decode() : threads.run(maxBytes, decode));
  return withoutMark(toUtf8(plain, headers, maxBytes));
}

/** Makes the fault of a body that is too long, compressed or not. */
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

/** Converts a body to UTF-8. JSON is UTF-8, but a server may declare another charset. */
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

/** Removes a byte order mark. It is not JSON, but may be ignored (RFC 8259 8.1). */
function withoutMark(body: Buffer): Buffer {
  const isMarked = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return isMarked ? body.subarray(3) : body;
}
