/** Content codings (RFC 9110 8.4): how a body was compressed, and how to decompress it, whole or only its beginning. */
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

/** More codings on top of each other are not decoded. No honest body has more. */
export const MAX_CODINGS = 3;

type Options = { maxOutputLength: number };

/** How to decode one coding. */
interface Decoder {
  sync(body: Buffer, options: Options): Buffer;
  async(body: Buffer, options: Options): Promise<Buffer>;
  stream(): Transform;
}

/** Lists the codings of Content-Encoding in the order in which they were applied. `identity` is left out. */
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

/** Returns the decoder of zstd, which Node has from 22.15 on. The types are those of Node 20. */
function zstd(): Decoder | undefined {
  const { zstdDecompressSync, zstdDecompress, createZstdDecompress } = zlib as unknown as {
    zstdDecompressSync?: Decoder['sync'];
    zstdDecompress: (body: Buffer, options: Options, done: (error: Error | null, plain: Buffer) => void) => void;
    createZstdDecompress: Decoder['stream'];
  };
  if (zstdDecompressSync === undefined) return undefined;
  return { sync: zstdDecompressSync, async: promisify(zstdDecompress), stream: createZstdDecompress };
}

/** Returns the decoder of a coding; undefined if it is not supported. */
function decoderOf(coding: string, body: Buffer): Decoder | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return GZIP;
    case 'deflate':
      // Deflate is the zlib format (RFC 9110 8.4.1.2), but some servers send it without the zlib frame.
      return body.length >= 2 && body.readUInt16BE(0) % 31 === 0 && ((body[0] ?? 0) & 0x0f) === 8 ? ZLIB : RAW;
    case 'br':
      return BROTLI;
    case 'zstd':
      return zstd();
    default:
      return undefined;
  }
}

/** Why a body cannot be decoded. `code` is ours, zlib's or Node's: `ERR_BUFFER_TOO_LARGE` means over the limit. */
export class CodingFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Smaller bodies are decompressed synchronously, since a thread would cost more than the work itself. */
export const AT_ONCE_BYTES = 16_384;

/**
 * Decodes a whole body. Returns the body itself if it has no codings.
 * @param codings from `codingsOf`
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

/** The beginning of a decoded body. */
export interface Beginning {
  bytes: Buffer;
  /** Whether there is more, or may be. */
  isCut: boolean;
}

/**
 * Decodes the beginning of a body, in Node's threads. The output is at most `maxBytes` long, so a small body that
 * expands to gigabytes does no harm.
 * @returns undefined if the body cannot be decoded
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
