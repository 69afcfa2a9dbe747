/**
 * A service whose answers a test of the audit log can choose by the path: what it received (`/mirror`), so many bytes of
 * text (`/text/<n>`) or of JSON (`/json/<n>`), gzip (`/gzip`), nothing (`/empty`), an answer in two halves of which the
 * second waits (`/halves`), none until it is let go (`/hold`). Any other path is mirrored, too.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface MirrorService {
  url: string;
  /** Requests that wait in `/hold` or between the `/halves`. */
  readonly waiting: number;
  /** Lets all that wait go on. */
  release(): void;
  close(): Promise<void>;
}

/** Starts it on a free port of loopback. */
export async function startMirrorService(): Promise<MirrorService> {
  const waiting = new Set<() => void>();
  const released = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.add(resolve);
    });
  const server = createServer((request, response) => {
    answer(request, response, released).catch(() => response.destroy());
  });
  // Longer than Kong's pool keeps a connection: one that is closed here just as Kong uses it would be a 502 of its own.
  server.keepAliveTimeout = 120_000;
  // It is spoken to by HTTP whatever a client asks for: without this, Node would hang up on an Upgrade.
  server.on('upgrade', (_request, socket) => {
    const body = '{"id":"of-an-upgrade","ani":"+4930111222333"}';
    socket.end(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const release = (): void => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get waiting() {
      return waiting.size;
    },
    release,
    async close() {
      release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, released: () => Promise<void>) {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const url = new URL(request.url ?? '/', 'http://service');
  const [, kind, amount] = url.pathname.split('/');
  const send = (type: string, content: string | Buffer, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(content), ...headers });
    response.end(content);
  };
  switch (kind) {
    case 'text':
      return send('text/plain', 'x '.repeat(Number(amount) / 2));
    case 'json':
      return send('application/json', jsonOf(Number(amount)));
    case 'gzip':
      return send('application/json', gzipSync(body.length > 0 ? body : '{"id":"zipped","ani":"+4930111222333"}'), {
        'Content-Encoding': 'gzip',
      });
    case 'empty':
      return send('application/json', '');
    case 'hold':
      await released();
      return send('application/json', '{"id":"held"}');
    case 'halves':
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: first\n\n');
      await released();
      response.end('data: last\n\n');
      return;
    default: {
      const type = request.headers['content-type'] ?? '';
      const mirrored = {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: type.includes('json') ? JSON.parse(body.toString()) : body.toString('utf8'),
      };
      return send('application/json', JSON.stringify(mirrored), { 'Set-Cookie': request.headers.cookie ?? 'a=b' });
    }
  }
}

/** A JSON document of about so many bytes, in which every value is unlike the others. */
export function jsonOf(bytes: number): string {
  const entities: { id: string; version: number; text: string }[] = [];
  for (let n = 0; n < bytes / 100; n++) entities.push({ id: `entity-${n}`, version: n, text: 'word '.repeat(10) });
  return JSON.stringify({ entities });
}
