/**
 * A small request of a plugin's own to another service, such as a login. Only this file sends them. It never rejects:
 * every failure is a result.
 */
import type nodeFetch from 'node-fetch';
import type { Clock } from '../clock.js';
import { errorCode } from '../error-code.js';
import { property } from '../property.js';
import { parseRetryAfter } from '../retry-after.js';
import { type CodingFault, codingsOf, decodeBody } from './content-coding.js';
import type { Egress } from './egress.js';

export interface SmallRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** The network path to the service. */
  egress: Egress;
  /** The limit for the connection, the answer and its body together. */
  timeoutMs: number;
  /** A longer body is not read. */
  maxBytes: number;
}

/** Why a body was not read, as the end of "a body ...". */
export interface UnreadBody {
  unread: string;
}

export interface SmallAnswer {
  status: number;
  /** Decoded text without a byte order mark. */
  body: string | UnreadBody;
  /** What the service asked to wait, already limited. */
  retryAfterMs: number | undefined;
}

/** What sending needs from outside. Tests pass their own. */
export interface FetchEffects extends Pick<Clock, 'startTimer' | 'wallClockMs'> {
  loadFetch(): Promise<typeof nodeFetch>;
}

/** Loads node-fetch on first use: it costs 9 MB of resident memory, and a plugin server must start with less than 60 MB. */
export const loadFetch: FetchEffects['loadFetch'] = async () => (await import('node-fetch')).default;

/**
 * Sends a request.
 * @returns the answer, or why there is none, as the end of a sentence that begins with the service's name
 */
export async function smallFetch(
  { url, method, headers, body, egress, timeoutMs, maxBytes }: SmallRequest,
  effects: FetchEffects,
): Promise<SmallAnswer | { failure: string }> {
  const abort = new AbortController();
  const cancelTimer = effects.startTimer(timeoutMs, () => abort.abort());
  try {
    const [fetch, agent] = await Promise.all([effects.loadFetch(), egress.loadAgent()]);
    const response = await fetch(url, {
      method,
      headers: { Accept: 'application/json', ...headers },
      ...(body !== undefined && { body }),
      ...(agent !== undefined && { agent }),
      // Redirects are not followed: the credentials are for this URL only.
      redirect: 'manual',
      // Decoded below: node-fetch does not limit what a body decompresses to.
      compress: false,
      size: maxBytes,
      signal: abort.signal,
    });
    const codings = codingsOf([response.headers.get('content-encoding') ?? '']);
    return {
      status: response.status,
      body: await readBody(() => response.arrayBuffer(), codings, maxBytes),
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), effects.wallClockMs()),
    };
  } catch (error) {
    if (abort.signal.aborted) return { failure: `did not answer within ${Math.round(timeoutMs)} ms` };
    return { failure: `could not be reached (${errorCode(error)})` };
  } finally {
    cancelTimer();
    // Closes the connection if the answer was not read to its end.
    abort.abort();
  }
}

/** Reads and decodes a body. */
async function readBody(
  read: () => Promise<ArrayBuffer>,
  codings: readonly string[],
  maxBytes: number,
): Promise<SmallAnswer['body']> {
  let bytes: Buffer;
  try {
    bytes = Buffer.from(await read());
  } catch (error) {
    if (property(error, 'type') === 'max-size') return { unread: 'over the size limit' };
    throw error;
  }
  try {
    return new TextDecoder().decode(await decodeBody(bytes, codings, maxBytes));
  } catch (error) {
    const { code } = error as CodingFault;
    return { unread: code === 'ERR_BUFFER_TOO_LARGE' ? 'over the size limit' : 'in an encoding that cannot be undone' };
  }
}
