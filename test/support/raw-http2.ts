/**
 * A client that writes HTTP/2 frames by hand, for header fields that HTTP/2 forbids and Node's own client refuses to send,
 * such as `connection`. Over TLS to a gateway with a certificate of its own making.
 */
import { connect } from 'node:tls';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME = { data: 0, headers: 1, resetStream: 3, settings: 4, goAway: 7 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const ACK = 0x1;

/** Statuses that HPACK has a number for (RFC 7541, appendix A). */
const INDEXED_STATUS: Readonly<Record<number, number>> = {
  136: 200,
  137: 204,
  138: 206,
  139: 304,
  140: 400,
  141: 404,
  142: 500,
};

export interface Http2Answer {
  /** 0 if the stream was reset. */
  status: number;
  body: string;
}

export interface Http2Request {
  method: string;
  path: string;
  /** In this order, in these words, after the pseudo-headers. */
  headers: readonly (readonly [name: string, value: string])[];
  body?: string;
}

/**
 * Sends these on one connection, each on a stream of its own when the one before is answered.
 * @throws Error if the connection ends before, or after `timeoutMs`
 */
export function http2Exchange(
  url: string,
  requests: readonly Http2Request[],
  timeoutMs = 15_000,
): Promise<Http2Answer[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ALPNProtocols: ['h2'], rejectUnauthorized: false });
    const answers: Http2Answer[] = [];
    let received: Buffer = Buffer.alloc(0);
    let current: Http2Answer = { status: 0, body: '' };
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (error === undefined) resolve(answers);
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error(`no answer to HTTP/2 request ${answers.length}`)), timeoutMs);
    const sendNext = (): void => {
      const request = requests[answers.length];
      current = { status: 0, body: '' };
      if (request === undefined) end();
      else socket.write(requestFrames(2 * answers.length + 1, request));
    };
    const take = (type: number, flags: number, stream: number, payload: Buffer): void => {
      if (type === FRAME.settings && (flags & ACK) === 0) socket.write(frame(FRAME.settings, ACK, 0));
      if (type === FRAME.goAway) end(new Error(`the gateway ended the connection: ${payload.toString('latin1')}`));
      if (stream !== 2 * answers.length + 1) return;
      if (type === FRAME.headers && current.status === 0) current.status = statusIn(payload);
      if (type === FRAME.data) current.body += unpadded(flags, payload).toString('latin1');
      const isEnd = (type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0;
      if (!isEnd && type !== FRAME.resetStream) return;
      answers.push(current);
      sendNext();
    };
    socket.on('secureConnect', () => {
      socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0)]));
      sendNext();
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
        const length = received.readUIntBE(0, 3);
        const [type = 0, flags = 0] = received.subarray(3, 5);
        const stream = received.readUInt32BE(5) & 0x7fffffff;
        const payload = received.subarray(9, 9 + length);
        received = received.subarray(9 + length);
        take(type, flags, stream, payload);
      }
    });
    socket.on('error', end);
    socket.on('close', () => end(new Error('the gateway closed the connection')));
  });
}

function requestFrames(stream: number, { method, path, headers, body = '' }: Http2Request): Buffer {
  const pseudo = [[':method', method] as const, [':scheme', 'https'] as const, [':path', path] as const];
  const fields = [...pseudo, [':authority', 'gateway'] as const, ...headers].map(([name, value]) =>
    // A literal without indexing, with a new name (RFC 7541, 6.2.2).
    Buffer.concat([Buffer.from([0]), text(name), text(value)]),
  );
  const isWhole = body === '';
  const head = frame(FRAME.headers, END_HEADERS | (isWhole ? END_STREAM : 0), stream, Buffer.concat(fields));
  return isWhole ? head : Buffer.concat([head, frame(FRAME.data, END_STREAM, stream, Buffer.from(body, 'latin1'))]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A string as it is, its length in the form of RFC 7541, 5.1. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length = [Math.min(bytes.length, 0x7f)];
  let rest = bytes.length - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) length.push((rest % 0x80) + 0x80);
  if (rest >= 0) length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The status of a block of header fields, which begins with it, as nginx writes it: numbered, or three digits in clear. */
function statusIn(block: Buffer): number {
  // A change of the table's size may come first.
  const fields = ((block[0] ?? 0) & 0xe0) === 0x20 ? block.subarray(1) : block;
  return INDEXED_STATUS[fields[0] ?? 0] ?? Number(fields.toString('latin1', 2, 5));
}

function unpadded(flags: number, payload: Buffer): Buffer {
  return (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - (payload[0] ?? 0));
}
