/** Takes a request's body out of what its connection carries, by its length or chunk by chunk, as nginx does. */
import type { BodyFraming } from './request-head.js';

export interface Decoded {
  /** Parts of the body. */
  parts: Buffer[];
  /** Whether the body is complete. */
  isDone: boolean;
  /** What belongs to the next request, or what is to be given again with more behind it. */
  rest: Buffer;
}

/** @throws Error if the chunks are malformed */
export type BodyDecoder = (received: Buffer) => Decoded;

/** Longer than any line between chunks that a client would send. */
const MAX_LINE_BYTES = 8192;

export function createBodyDecoder(framing: BodyFraming): BodyDecoder {
  return framing.kind === 'chunked' ? decodeChunks() : decodeLength(framing.bytes);
}

function decodeLength(bytes: number): BodyDecoder {
  let left = bytes;
  return (received) => {
    const part = received.subarray(0, left);
    left -= part.length;
    return { parts: part.length > 0 ? [part] : [], isDone: left === 0, rest: received.subarray(part.length) };
  };
}

function decodeChunks(): BodyDecoder {
  /** Bytes of the current chunk that are still to come, or what its next line is. */
  let left = 0;
  let expected: 'size' | 'data' | 'end of data' | 'trailer' = 'size';
  return (received) => {
    const parts: Buffer[] = [];
    let rest = received;
    for (;;) {
      if (expected === 'data') {
        const part = rest.subarray(0, left);
        if (part.length > 0) parts.push(part);
        rest = rest.subarray(part.length);
        left -= part.length;
        if (left > 0) return { parts, isDone: false, rest };
        expected = 'end of data';
      }
      const end = rest.indexOf('\n');
      if (end < 0) {
        if (rest.length > (expected === 'end of data' ? 1 : MAX_LINE_BYTES)) throw new Error('malformed chunk');
        return { parts, isDone: false, rest };
      }
      const line = rest.toString('latin1', 0, end).replace(/\r$/, '');
      rest = rest.subarray(end + 1);
      if (expected === 'size') {
        const size = /^([\da-f]{1,13})(?:[ \t;].*)?$/i.exec(line)?.[1];
        if (size === undefined) throw new Error('malformed chunk');
        left = Number.parseInt(size, 16);
        expected = left === 0 ? 'trailer' : 'data';
      } else if (expected === 'end of data') {
        if (line !== '') throw new Error('malformed chunk');
        expected = 'size';
      } else if (line === '') return { parts, isDone: true, rest };
    }
  };
}
