/**
 * A client that writes raw bytes over one kept-alive HTTP/1.1 connection and takes the answers in order, for requests that
 * no client would send. It only reads what the gateway answers; that is well formed, or the test fails.
 */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** By name in lower case, the last line of each. */
  headers: Record<string, string>;
  body: string;
}

export class RawConnection {
  readonly #socket: Socket;
  /** Read as latin1, not taken yet. */
  #received = '';
  #isClosed = false;
  #wake = (): void => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes these bytes, given as latin1. */
  send(bytes: string): void {
    if (!this.#isClosed) this.#socket.write(bytes, 'latin1');
  }

  /**
   * Takes the next answer; undefined if the connection closes before one begins.
   * @throws Error if none is whole after `timeoutMs`, or the connection breaks within one
   */
  async next(timeoutMs = 15_000): Promise<RawAnswer | undefined> {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      const [answer, rest] = parse(this.#received, this.#isClosed) ?? [];
      if (answer !== undefined) {
        this.#received = rest ?? '';
        // 100 Continue.
        if (answer.status >= 200 || answer.status === 101) return answer;
        continue;
      }
      if (this.#isClosed && this.#received === '') return undefined;
      const leftMs = giveUpAt - performance.now();
      if (this.#isClosed || leftMs <= 0) {
        this.close();
        throw new Error(`no whole answer: ${JSON.stringify(this.#received.slice(0, 300))}`);
      }
      await this.#change(leftMs);
    }
  }

  /** Takes bytes until they are these, after a change of protocol or within a stream. */
  async waitForBytes(bytes: string, timeoutMs = 15_000): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    while (!this.#received.includes(bytes)) {
      const leftMs = giveUpAt - performance.now();
      if (this.#isClosed || leftMs <= 0) throw new Error(`no ${JSON.stringify(bytes)} in ${this.#received}`);
      await this.#change(leftMs);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export interface RawMessage {
  method?: string;
  path: string;
  /** Default: `gateway`. */
  host?: string;
  /** Whole lines, after Host. */
  lines?: readonly string[];
  body?: string;
  /** How the body's end is told; `plain` by its length. Without, a body is not told of. */
  framing?: 'plain' | 'chunked';
}

/** A request's bytes as latin1, its body in two chunks where it has any. */
export function rawMessage({
  method = 'GET',
  path,
  host = 'gateway',
  lines = [],
  body = '',
  framing,
}: RawMessage): string {
  const half = Math.floor(body.length / 2);
  const chunks = [body.slice(0, half), body.slice(half), ''].map(
    (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
  );
  const framed = {
    none: ['', body],
    plain: [`Content-Length: ${body.length}\r\n`, body],
    chunked: ['Transfer-Encoding: chunked\r\n', chunks.slice(half === 0 ? 2 : 0).join('')],
  }[framing ?? 'none'];
  const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines].join('\r\n');
  return `${head}\r\n${framed[0]}\r\n${framed[1]}`;
}

/** Sends these over one connection, each when the one before is answered; undefined where the connection has closed. */
export async function exchange(url: string, requests: readonly string[]): Promise<(RawAnswer | undefined)[]> {
  const connection = await RawConnection.open(url);
  const answers: (RawAnswer | undefined)[] = [];
  try {
    for (const bytes of requests) {
      connection.send(bytes);
      answers.push(await connection.next());
    }
    return answers;
  } finally {
    connection.close();
  }
}

/** The first answer and what follows it; undefined if there is no whole one yet. */
function parse(received: string, isClosed: boolean): [answer: RawAnswer, rest: string] | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = received.slice(0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(statusLine.slice(0, 300))}`);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const after = received.slice(headEnd + 4);
  const whole = (body: string, rest: string): [RawAnswer, string] => [{ status, headers, body }, rest];
  if (status < 200 || status === 204 || status === 304) return whole('', after);
  if (headers['transfer-encoding'] === 'chunked') return parseChunks(after, whole);
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (Number.isNaN(length)) return isClosed ? whole(after, '') : undefined;
  return after.length < length ? undefined : whole(after.slice(0, length), after.slice(length));
}

function parseChunks<T>(text: string, whole: (body: string, rest: string) => T): T | undefined {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (text.length < end + 2) return undefined;
    if (size === 0) return whole(body, text.slice(end + 2));
    body += text.slice(lineEnd + 2, end);
    at = end + 2;
  }
}
