/** A request whose head was read by nginx's rules, as an `IncomingMessage` that the connection fills. */
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHead } from './request-head.js';

export class ReceivedRequest extends IncomingMessage {
  /** nginx's `$host`. */
  readonly host: string;
  readonly isChunked: boolean;
  /** Whether the client asks for a websocket. Kong forwards no other `Upgrade`. */
  readonly isWebsocket: boolean;

  constructor(socket: Socket, { method, target, host, version, rawHeaders, framing }: RequestHead) {
    super(socket);
    const headers = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ''] as const] : [],
    );
    Object.assign(this, { method, url: target, rawHeaders, httpVersion: version, httpVersionMajor: 1 });
    this.httpVersionMinor = version === '1.1' ? 1 : 0;
    this.host = host;
    this.isChunked = framing.kind === 'chunked';
    const upgrade = headers.find(([name]) => name === 'upgrade')?.[1];
    this.isWebsocket = version === '1.1' && upgrade?.toLowerCase() === 'websocket';
  }

  /** Whether the client has shut down its side of the connection. It may still read. */
  #isHalfClosed = false;
  #onHalfClosed = (): void => {};

  markHalfClosed(): void {
    this.#isHalfClosed = true;
    this.#onHalfClosed();
  }

  /** Calls back when the client has shut down its side, also if it already has. */
  onHalfClosed(callback: () => void): void {
    this.#onHalfClosed = callback;
    if (this.#isHalfClosed) callback();
  }

  /** Leaves the connection alone, unlike Node: there may be an answer to send. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
  }

  /** Whether the client wants its connection closed after the answer. */
  get isLast(): boolean {
    const connection = this.rawHeaders.flatMap((name, index) =>
      index % 2 === 0 && name.toLowerCase() === 'connection' ? [this.rawHeaders[index + 1] ?? ''] : [],
    );
    const says = (word: RegExp): boolean => connection.some((value) => word.test(value));
    return says(/close/i) || (this.httpVersion === '1.0' && !says(/keep-alive/i));
  }
}
