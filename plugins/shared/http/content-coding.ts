/** Content codings (RFC 9110 8.4): how a body was compressed, and how that is undone, whole or only at its beginning. */
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

/** So many codings, one over the other, are undone: more is nobody's honest body. */
export const MAX_CODINGS = 3;

type Options = { maxOutputLength: number };

/** How one coding is undone. */
interface Decoder {
  sync(body: Buffer, options: Options): Buffer;
  async(body: Buffer, options: Options): Promise<Buffer>;
  stream(): Transform;
}

/** Lists the codings of Content-Encoding, in the order in which they were applied. `identity` is none. */
export function codingsOf(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

const GZIP: Decoder = { sync: zlib.gunzipSync, async: promisify(zlib.gunzip), stream: zlib.createGunzip };
const ZLIB: Decoder = { sync: zlib.inflateSync, async: promisify(zlib.inflate), stream: zlib.createInflate };
const RAW: Decoder = { sync: zlib.inflateRawSync, async: promisify(zlib.inflateRaw), stream: zlib.createInflateRaw };
const BROTLI: Decoder = {
  sync: zlib.brotliDecompressSync,
  async: promisify(zlib.brotliDecompress),
  stream: zlib.createBrotliDecompress,
};

/** Returns how zstd is undone: Node can from 22.15 on, and the types are those of Node 20. */
function zstd(): Decoder | undefined {
  const { zstdDecompressSync, zstdDecompress, createZstdDecompress } = zlib as unknown as {
    zstdDecompressSync?: Decoder['sync'];
    zstdDecompress: (body: Buffer, options: Options, done: (error: Error | null, plain: Buffer) => void) => void;
    createZstdDecompress: Decoder['stream'];
  };
  if (zstdDecompressSync === undefined) return undefined;
  return { sync: zstdDecompressSync, async: promisify(zstdDecompress), stream: createZstdDecompress };
}

/** @returns undefined for a coding that cannot be undone */
function decoderOf(coding: string, body: Buffer): Decoder | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return GZIP;
    case 'deflate':
      // The zlib format by RFC 9110 8.4.1.2; some servers leave its frame out.
      return body.length >= 2 && body.readUInt16BE(0) % 31 === 0 && ((body[0] ?? 0) & 0x0f) === 8 ? ZLIB : RAW;
    case 'br':
      return BROTLI;
    case 'zstd':
      return zstd();
    default:
      return undefined;
  }
}

/** Why a body cannot be decoded. `code` is of zlib or Node: `ERR_BUFFER_TOO_LARGE` for one that grows over the limit. */
export class CodingFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Smaller bodies are decompressed at once: a thread's work would cost more than their own. */
export const AT_ONCE_BYTES = 16_384;

/**
 * Undoes the codings of a whole body. Returns the body itself if it has none.
 * @param codings of `codingsOf`
 * @throws CodingFault: `UNKNOWN_CODING`, `TOO_MANY_CODINGS`, or zlib's code
 */
export async function decodeBody(body: Buffer, codings: readonly string[], maxBytes: number): Promise<Buffer> {
  if (codings.length > MAX_CODINGS) throw new CodingFault('TOO_MANY_CODINGS');
  let plain = body;
  for (const coding of codings.toReversed()) {
    const decoder = decoderOf(coding, plain);
    if (decoder === undefined) throw new CodingFault('UNKNOWN_CODING');
    const options = { maxOutputLength: maxBytes };
    try {
      plain = plain.length <= AT_ONCE_BYTES ? decoder.sync(plain, options) : await decoder.async(plain, options);
    } catch (error) {
      throw new CodingFault((error as NodeJS.ErrnoException).code ?? 'unknown error');
    }
  }
  return plain;
}

/** The beginning of a body. */
export interface Beginning {
  bytes: Buffer;
  /** Whether there is or may be more. */
  isCut: boolean;
}

/**
 * Undoes the codings of a body's beginning, in Node's threads. It puts out no more than `maxBytes`, so a small body which
 * grows to gigabytes costs nothing.
 * @returns undefined if it cannot be undone
 */
export async function decodeBeginning(
  beginning: Beginning,
  codings: readonly string[],
  maxBytes: number,
): Promise<Beginning | undefined> {
  if (codings.length > MAX_CODINGS) return undefined;
  let current: Beginning | undefined = beginning;
  for (const coding of codings.toReversed()) {
    const decoder = decoderOf(coding, current.bytes);
    current = decoder && (await inflate(decoder.stream(), current, maxBytes));
    if (current === undefined) return undefined;
  }
  return current;
}

function inflate(stream: Transform, { bytes, isCut }: Beginning, maxBytes: number): Promise<Beginning | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (result: Beginning | undefined): void => {
      stream.destroy();
      resolve(result);
    };
    const all = (cut: boolean): Beginning => ({ bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: cut });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes) end(all(true));
    });
    stream.on('end', () => end(all(false)));
    stream.on('error', () => end(isCut && length > 0 ? all(true) : undefined));
    stream.end(bytes);
  });
}
