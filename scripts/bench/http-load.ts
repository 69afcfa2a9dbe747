/** A lean HTTP/1.1 client for load: keep-alive connections over plain sockets, one request in flight on each. */
import { connect, type Socket } from 'node:net';

export interface Load {
  requests: number;
  /** Answers whose status was not 200; they count as requests too. */
  failed: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const NOTHING = Buffer.alloc(0);
/** What JSON cannot hold: a raw line break stands outside of its strings, and these bodies have none there. */
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** What is sent again and again: a POST if it has a body, else a GET. */
export interface LoadRequest {
  url: string;
  headers: Record<string, string>;
  body?: string;
}

/**
 * Sends a request for a time, again and again on each connection, and measures. Every answer must have a Content-Length or
 * chunks.
 * @throws Error that names the first answer that is otherwise
 */
export async function runLoad(what: LoadRequest, connections: number, durationMs: number): Promise<Load> {
  const { hostname, port, pathname, search } = new URL(what.url);
  const { body } = what;
  const headers = { Host: hostname, ...what.headers, ...(body && { 'Content-Length': Buffer.byteLength(body) }) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `${body ? 'POST' : 'GET'} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`;
  const answers: Answers = { latenciesMs: [], failed: 0 };
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      // nginx closes a connection after so many requests (keepalive_requests), and says so in the last answer.
      for (let isOver = false; !isOver; ) {
        const socket = await open(Number(port), hostname);
        try {
          isOver = await runConnection(socket, request, endMs, answers);
        } finally {
          socket.destroy();
        }
      }
    }),
  );
  const elapsedMs = performance.now() - startedMs;
  const { latenciesMs, failed } = answers;
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number): number => latenciesMs[Math.floor(latenciesMs.length * part)] ?? Number.NaN;
  const requests = latenciesMs.length;
  return { requests, failed, requestsPerSecond: (requests * 1000) / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

interface Answers {
  latenciesMs: number[];
  failed: number;
}

function open(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.setNoDelay(true);
    socket.once('error', reject);
  });
}

/** @returns whether the time is over; false if the connection ended with an answer that said so */
function runConnection(socket: Socket, request: string, endMs: number, answers: Answers): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let sentMs = 0;
    let head = '';
    /** Of the body; undefined while the head is not whole, and for chunks. */
    let bytesLeft: number | undefined;
    let isChunked = false;
    let isLast = false;
    let tail: Buffer = NOTHING;
    const send = (): void => {
      if (performance.now() > endMs) {
        resolve(true);
        return;
      }
      sentMs = performance.now();
      head = '';
      bytesLeft = undefined;
      isChunked = false;
      tail = NOTHING;
      socket.write(request);
    };
    const onBody = (bytes: Buffer): void => {
      if (bytesLeft !== undefined) {
        bytesLeft -= bytes.length;
        if (bytesLeft > 0) return;
      } else {
        tail = Buffer.concat([tail, bytes.subarray(-LAST_CHUNK.length)]).subarray(-LAST_CHUNK.length);
        if (!tail.equals(LAST_CHUNK)) return;
      }
      answers.latenciesMs.push(performance.now() - sentMs);
      if (isLast) resolve(false);
      else send();
    };
    socket.on('data', (chunk: Buffer) => {
      if (bytesLeft !== undefined || isChunked) {
        onBody(chunk);
        return;
      }
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      isLast = /\r\nconnection: close/i.test(head.slice(0, end + 2));
      isChunked = /\r\ntransfer-encoding: chunked/i.test(head.slice(0, end + 2));
      if (!head.startsWith('HTTP/1.1 200')) answers.failed += 1;
      if (length === undefined && !isChunked) {
        reject(new Error(`not an answer to measure: ${head.slice(0, 300)}`));
        return;
      }
      if (!isChunked) bytesLeft = Number(length);
      onBody(Buffer.from(head.slice(end + 4), 'latin1'));
    });
    socket.on('close', () => reject(new Error('the connection was closed')));
    send();
  });
}
