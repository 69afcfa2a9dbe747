/** From the bytes that the service sent to the text they stand for: encodings undone within bounds, and UTF-8. */
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
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
  if (charsetsOf(headers).every((charset) => charset === 'utf-8') && type !== '') return undefined;
  const mediaType = type.replace(/;.*$/s, '').trim();
  return `${mediaType === '' ? 'application/json' : mediaType}; charset=utf-8`;
}

/**
 * Undoes the encodings.
 * @returns the body itself if it has none; without a byte order mark otherwise too
 * @throws BodyFault if it cannot be undone, or grows over `maxBytes`
 */
export async function decodeContent(body: Buffer, headers: HeaderMap, maxBytes: number): Promise<Buffer> {
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  const codings = (headers['content-encoding'] ?? [])
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > 1) throw new BodyFault('encoded more than once');
  const [coding] = codings;
  const plain = coding === undefined ? body : await decompress(body, coding, maxBytes);
  return withoutMark(toUtf8(plain, headers, maxBytes));
}

function tooLarge(maxBytes: number): BodyFault {
  return new BodyFault(`of more than ${maxBytes} bytes`);
}

type Options = { maxOutputLength: number };
type Decompressor = {
  sync: (body: Buffer, options: Options) => Buffer;
  async: (body: Buffer, options: Options) => Promise<Buffer>;
};

/** Smaller bodies are decompressed at once: a thread's work would cost more than their own. */
const AT_ONCE_BYTES = 16_384;

const GZIP: Decompressor = { sync: zlib.gunzipSync, async: promisify<Buffer, Options, Buffer>(zlib.gunzip) };
const INFLATE: Decompressor = { sync: zlib.inflateSync, async: promisify<Buffer, Options, Buffer>(zlib.inflate) };
const INFLATE_RAW: Decompressor = {
  sync: zlib.inflateRawSync,
  async: promisify<Buffer, Options, Buffer>(zlib.inflateRaw),
};
const BROTLI: Decompressor = {
  sync: zlib.brotliDecompressSync,
  async: promisify<Buffer, Options, Buffer>(zlib.brotliDecompress),
};

/** Node has it from 22.15 on; the types are those of Node 20. */
function zstd(): Decompressor | undefined {
  const { zstdDecompressSync: sync, zstdDecompress } = zlib as unknown as {
    zstdDecompressSync?: Decompressor['sync'];
    zstdDecompress?: (body: Buffer, options: Options, done: (error: Error | null, plain: Buffer) => void) => void;
  };
  if (sync === undefined || zstdDecompress === undefined) return undefined;
  return { sync, async: promisify<Buffer, Options, Buffer>(zstdDecompress) };
}

function decompressorOf(coding: string, body: Buffer): Decompressor | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return GZIP;
    case 'deflate':
      // The zlib format by RFC 9110; some servers leave its frame out.
      return body.length >= 2 && body.readUInt16BE(0) % 31 === 0 && ((body[0] ?? 0) & 0x0f) === 8
        ? INFLATE
        : INFLATE_RAW;
    case 'br':
      return BROTLI;
    case 'zstd':
      return zstd();
    default:
      return undefined;
  }
}

async function decompress(body: Buffer, coding: string, maxBytes: number): Promise<Buffer> {
  const decompressor = decompressorOf(coding, body);
  if (decompressor === undefined) throw new BodyFault('in an encoding that cannot be undone');
  const options = { maxOutputLength: maxBytes };
  try {
    return body.length <= AT_ONCE_BYTES ? decompressor.sync(body, options) : await decompressor.async(body, options);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxBytes) : new BodyFault(`not decompressed (${code})`);
  }
}

/** The charsets that a Content-Type names. */
function charsetsOf(headers: HeaderMap): string[] {
  const types = headers['content-type'] ?? [];
  return types.flatMap((type) =>
    [...type.matchAll(/;\s*charset\s*=\s*"?([^";,\s]*)/gi)].map(([, name = '']) => {
      const charset = name.toLowerCase();
      // ASCII is UTF-8, and no charset named is UTF-8 (RFC 8259 8.1).
      return charset === 'utf8' || charset === 'us-ascii' || charset === 'ascii' || charset === '' ? 'utf-8' : charset;
    }),
  );
}

/** JSON is UTF-8; what a server declares to be something else is read as that, and leaves as UTF-8. */
function toUtf8(body: Buffer, headers: HeaderMap, maxBytes: number): Buffer {
  const charsets = new Set(charsetsOf(headers));
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
