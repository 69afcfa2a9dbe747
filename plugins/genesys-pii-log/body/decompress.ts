/**
 * The beginning of a compressed body: no more is put out than is wanted, so that a small body which grows to gigabytes
 * costs nothing. The work is done in Node's threads.
 */
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

export interface Beginning {
  bytes: Buffer;
  /** Whether there is or may be more. */
  isCut: boolean;
}

const GZIP = Buffer.from([0x1f, 0x8b]);

/** Encodings that are undone one after the other. */
const MAX_ENCODINGS = 3;

/**
 * Undoes a Content-Encoding.
 * @param encoding the header, empty if there is none
 * @returns undefined if it cannot be undone
 */
export async function decompress(
  beginning: Beginning,
  encoding: string,
  limit: number,
): Promise<Beginning | undefined> {
  const encodings = encoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (encodings.length > MAX_ENCODINGS) return undefined;
  let current = beginning;
  for (const name of encodings.reverse()) {
    const next = await undo(name, current, limit);
    if (next === undefined) return undefined;
    current = next;
  }
  // The header may be gone: a plugin that rewrites the answer clears it, and what is logged is the service's own.
  if (encodings.length === 0 && current.bytes.subarray(0, 2).equals(GZIP))
    return inflate(createGunzip(), current, limit);
  return current;
}

/** Brotli has no mark of its own: whether it was used only an attempt shows. */
export function decompressBrotli(beginning: Beginning, limit: number): Promise<Beginning | undefined> {
  return inflate(createBrotliDecompress(), beginning, limit);
}

async function undo(name: string, beginning: Beginning, limit: number): Promise<Beginning | undefined> {
  switch (name) {
    case 'gzip':
    case 'x-gzip':
      return inflate(createGunzip(), beginning, limit);
    case 'br':
      return inflate(createBrotliDecompress(), beginning, limit);
    case 'deflate': {
      // RFC 9110 8.4.1.2: meant is zlib's format, and some send it without.
      const withHeader = ((beginning.bytes[0] ?? 0) & 0x0f) === 8;
      return inflate(withHeader ? createInflate() : createInflateRaw(), beginning, limit);
    }
    default:
      return undefined;
  }
}

function inflate(stream: Transform, { bytes, isCut }: Beginning, limit: number): Promise<Beginning | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (result: Beginning | undefined): void => {
      stream.destroy();
      resolve(result);
    };
    const all = (cut: boolean): Beginning => ({ bytes: Buffer.concat(chunks).subarray(0, limit), isCut: cut });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > limit) end(all(true));
    });
    stream.on('end', () => end(all(false)));
    stream.on('error', () => end(isCut && length > 0 ? all(true) : undefined));
    stream.end(bytes);
  });
}
