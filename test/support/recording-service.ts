/**
 * A service that records every request it reads, connection by connection, and names it in its answer, so that a request
 * which nobody sent and an answer for somebody else are seen. It parses leniently, as the service of an attacker's choice
 * would. Below `/events` it answers with a stream of two events, the second when it is let go; it echoes after an Upgrade.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface RecordedRequest {
  /** 1 is the first connection that was opened. */
  connection: number;
  method: string;
  url: string;
  /** By name in lower case; the values of all lines. */
  headers: Record<string, string[]>;
  body: string;
}

/** What an answer says. */
export interface Named {
  /** The X-Marker header of the request that it answers. */
  id: string;
  method: string;
  url: string;
}

export interface RecordingService {
  url: string;
  /** In the order in which their heads were read; of a body, what has come so far. */
  requests: RecordedRequest[];
  /** What was no request: the parser's error codes. */
  unreadable: string[];
  /** Forgets what was recorded. */
  reset(): void;
  /** Lets event streams end. */
  release(): void;
  close(): Promise<void>;
}

/** Starts it on a free port of loopback. */
export async function startRecordingService(): Promise<RecordingService> {
  const requests: RecordedRequest[] = [];
  const unreadable: string[] = [];
  const numbers = new WeakMap<object, number>();
  const waiting = new Set<() => void>();
  let connections = 0;

  const record = (request: IncomingMessage): RecordedRequest => {
    const headers: RecordedRequest['headers'] = {};
    for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
      const name = (request.rawHeaders[index] ?? '').toLowerCase();
      headers[name] = [...(headers[name] ?? []), request.rawHeaders[index + 1] ?? ''];
    }
    const { method = '', url = '' } = request;
    const recorded = { connection: numbers.get(request.socket) ?? 0, method, url, headers, body: '' };
    requests.push(recorded);
    return recorded;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const recorded = record(request);
    for await (const chunk of request) recorded.body += (chunk as Buffer).toString('latin1');
    if (recorded.url.includes('/events')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: first\n\n');
      await new Promise<void>((resolve) => waiting.add(resolve));
      response.end('data: last\n\n');
      return;
    }
    const [id = ''] = recorded.headers['x-marker'] ?? [];
    const named: Named = { id, method: recorded.method, url: recorded.url };
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(named));
  };
  const server = createServer({ insecureHTTPParser: true, keepAliveTimeout: 120_000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    connections += 1;
    numbers.set(socket, connections);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code?.startsWith('HPE_')) unreadable.push(error.code);
    socket.destroy();
  });
  server.on('upgrade', (request, socket) => {
    record(request);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const release = (): void => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    unreadable,
    release,
    reset() {
      requests.length = 0;
      unreadable.length = 0;
    },
    async close() {
      release();
      // Node no longer counts those that have changed their protocol.
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
