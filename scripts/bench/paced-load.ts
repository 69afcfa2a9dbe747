/**
 * A load that is kept up: requests in turn over keep-alive connections, each at its own time or as fast as answers come.
 * Every answer is looked at. Latencies are counted from when a request was due, so that a gateway that falls behind shows it.
 */
import { connect, type Socket } from 'node:net';

/** A request that is sent again and again, and what its answer must be. */
export interface Probe {
  name: string;
  path: string;
  headers: Record<string, string>;
  status: number;
  /** Whether the body is the right one. */
  accepts(body: string): boolean;
}

/** What was counted since the last time. */
export interface Counted {
  requests: number;
  latenciesMs: number[];
  /** What was not as it should be, in words; the first ones only. */
  wrong: string[];
  wrongCount: number;
}

export interface PacedLoad {
  /** What was counted since the last call. */
  take(): Counted;
  /** Lets every connection end its request. */
  stop(): Promise<void>;
}

const MAX_TOLD = 20;
/** Before a connection that broke is opened again. */
const REOPEN_MS = 100;
/** Far beyond every deadline of the gateway. */
const ANSWER_TIMEOUT_MS = 60_000;

/**
 * Starts it.
 * @param probes sent in turn by each connection
 * @param requestsPerSecond of all connections together; undefined: as fast as answers come
 */
export function startPacedLoad(
  url: string,
  probes: readonly Probe[],
  connections: number,
  requestsPerSecond?: number,
): PacedLoad {
  const { hostname, port } = new URL(url);
  const intervalMs = requestsPerSecond === undefined ? 0 : (1000 * connections) / requestsPerSecond;
  let counted: Counted = { requests: 0, latenciesMs: [], wrong: [], wrongCount: 0 };
  let isStopped = false;
  const tell = (what: string): void => {
    counted.wrongCount += 1;
    if (counted.wrong.length < MAX_TOLD) counted.wrong.push(`${new Date().toISOString()} ${what}`);
  };

  async function run(index: number): Promise<void> {
    let connection = await openConnection(hostname, Number(port));
    // Connections do not send at once.
    let dueMs = performance.now() + (intervalMs * index) / connections;
    for (let turn = index; !isStopped; turn += 1) {
      const probe = probes[turn % probes.length];
      if (probe === undefined) return;
      await until(dueMs);
      const beganMs = intervalMs === 0 ? performance.now() : dueMs;
      dueMs += intervalMs;
      try {
        const { status, body, isLast } = await connection.send(requestOf(probe, hostname));
        counted.latenciesMs.push(performance.now() - beganMs);
        counted.requests += 1;
        if (status !== probe.status || !probe.accepts(body)) tell(`${probe.name}: ${status} ${body.slice(0, 200)}`);
        // nginx does so after `keepalive_requests`: 10,000 in Kong.
        if (isLast) {
          connection.close();
          connection = await openConnection(hostname, Number(port));
        }
      } catch (error) {
        tell(`${probe.name}: ${(error as Error).message}`);
        connection.close();
        await until(performance.now() + REOPEN_MS);
        connection = await openConnection(hostname, Number(port));
      }
    }
    connection.close();
  }
  const running = Array.from({ length: connections }, (_, index) =>
    run(index).catch((error: Error) => tell(`a connection is given up: ${error.message}`)),
  );
  return {
    take() {
      const taken = counted;
      counted = { requests: 0, latenciesMs: [], wrong: [], wrongCount: 0 };
      return taken;
    },
    async stop() {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

/** A quantile of measured times, in ms; NaN of none. @param part 0 to 1 */
export function quantile(latenciesMs: readonly number[], part: number): number {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function until(dueMs: number): Promise<void> {
  const waitMs = dueMs - performance.now();
  return waitMs <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, waitMs));
}

function requestOf({ path, headers }: Probe, host: string): string {
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

interface HttpAnswer {
  status: number;
  body: string;
  /** Whether it is the last one on its connection. */
  isLast: boolean;
}

interface Connection {
  send(request: string): Promise<HttpAnswer>;
  close(): void;
}

function openConnection(host: string, port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, host);
    socket.setNoDelay(true);
    let bytes: Buffer = Buffer.alloc(0);
    let waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | undefined;
    const fail = (error: Error): void => {
      waiting?.reject(error);
      waiting = undefined;
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => waiting && fail(new Error('no answer')));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const answer = readAnswer(bytes);
      if (answer === undefined) return;
      bytes = Buffer.alloc(0);
      waiting?.resolve(answer);
      waiting = undefined;
    });
    socket.once('connect', () =>
      resolve({
        send: (request) =>
          new Promise((resolveAnswer, rejectAnswer) => {
            if (socket.destroyed) {
              rejectAnswer(new Error('the connection was closed'));
              return;
            }
            waiting = { resolve: resolveAnswer, reject: rejectAnswer };
            socket.write(request);
          }),
        close: () => socket.destroy(),
      }),
    );
  });
}

/** An answer with a Content-Length, or in chunks; undefined while it is not whole. */
function readAnswer(bytes: Buffer): HttpAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end + 2);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const isLast = /\r\nconnection: close\r\n/i.test(head);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const rest = bytes.subarray(end + 4);
  if (length !== undefined && rest.length < Number(length)) return undefined;
  const body = length === undefined ? readChunks(rest) : rest.toString('utf8');
  return body === undefined ? undefined : { status, body, isLast };
}

/** Undefined while the last chunk is not there. */
function readChunks(body: Buffer): string | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (!(body.length >= next)) return undefined;
    if (size === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
