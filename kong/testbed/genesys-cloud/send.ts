/**
 * Puts an answer on the wire: compression, HEAD, and the faults that concern the body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import type { Answer } from './answer.js';
import type { Fault } from './faults.js';
import type { Encoding } from './stubs.js';
import { isOver, waitMs } from './wait.js';

/** Bodies below this size are not worth compressing. */
const COMPRESSED_FROM_BYTES = 1024;

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);
const deflateAsync = promisify(deflate);

/** Bodies that many answers share (stubs, large pages) are compressed once. */
const compressedBodies = new WeakMap<Buffer, Map<Encoding, Promise<Buffer>>>();

function compressed(body: Buffer, encoding: Encoding): Promise<Buffer> {
  const known = compressedBodies.get(body) ?? new Map<Encoding, Promise<Buffer>>();
  compressedBodies.set(body, known);
  const existing = known.get(encoding);
  if (existing !== undefined) return existing;
  const made: Promise<Buffer> =
    encoding === 'gzip'
      ? gzipAsync(body)
      : encoding === 'br'
        ? brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
        : deflateAsync(body);
  known.set(encoding, made);
  return made;
}

/** How an answer is to be encoded: `always` compresses whatever the client accepts, and however small the body is. */
export interface Compression {
  encoding: Encoding;
  always: boolean;
}

/**
 * Sends an answer.
 * @param onStart runs just before the first byte leaves, with the status
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  options: {
    compression: Compression | undefined;
    fault: Fault | undefined;
    onStart: (status: number) => void;
  },
): Promise<void> {
  const { fault } = options;
  let body = answer.body ?? Buffer.alloc(0);
  const headers: Record<string, string> = {};
  if (answer.body !== undefined) headers['content-type'] = 'application/json';
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers[name.toLowerCase()] = value;
  const encoding = chosenEncoding(request, body, options.compression);
  if (encoding !== undefined) {
    body = await compressed(body, encoding);
    headers['content-encoding'] = encoding;
  }
  if (options.compression !== undefined) headers.vary = 'Accept-Encoding';
  // A 204 and a 304 have no body and no length (RFC 9110 8.6).
  const bodyless = answer.status === 204 || answer.status === 304;
  if (!bodyless) headers['content-length'] = String(body.length);
  if (isOver(response)) return;
  options.onStart(answer.status);
  response.writeHead(answer.status, headers);
  if (request.method === 'HEAD' || bodyless) {
    response.end();
  } else if (fault?.dropMidBody) {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
  } else if (fault?.slowBody !== undefined) {
    await sendSlowly(response, body, fault.slowBody);
  } else {
    response.end(body);
  }
}

function chosenEncoding(
  request: IncomingMessage,
  body: Buffer,
  compression: Compression | undefined,
): Encoding | undefined {
  if (compression === undefined || body.length === 0) return undefined;
  if (compression.always) return compression.encoding;
  const accepted = String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => !/;\s*q=0(\.0*)?$/.test(item))
    .map((item) => item.replace(/\s*;.*$/, ''));
  return body.length >= COMPRESSED_FROM_BYTES && accepted.includes(compression.encoding)
    ? compression.encoding
    : undefined;
}

/** Ten chunks a second unless the fault says how large a chunk is. */
async function sendSlowly(response: ServerResponse, body: Buffer, pace: NonNullable<Fault['slowBody']>): Promise<void> {
  const [chunkBytes, chunkDelayMs] =
    'bytesPerSecond' in pace
      ? pace.bytesPerSecond >= 10
        ? [Math.floor(pace.bytesPerSecond / 10), 100]
        : [1, 1000 / pace.bytesPerSecond]
      : [pace.chunkBytes, pace.chunkDelayMs];
  response.flushHeaders();
  for (let offset = 0; offset < body.length; offset += chunkBytes) {
    await waitMs(chunkDelayMs, response);
    if (isOver(response)) return;
    response.write(body.subarray(offset, offset + chunkBytes));
  }
  response.end();
}
