/**
 * A service that answers with what it received, and remembers it. Headers of the request choose the answer: X-Echo-Status,
 * X-Echo-Encoding (only named, not done), X-Echo-Bytes (that many bytes of text instead).
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface EchoServer {
  url: string;
  received: Received[];
  close(): Promise<void>;
}

export async function startEchoServer(): Promise<EchoServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      received.push(seen);
      const wish = (name: string): string | undefined => request.headers[`x-echo-${name}`]?.toString();
      response.statusCode = Number(wish('status') ?? 200);
      const encoding = wish('encoding');
      if (encoding !== undefined) response.setHeader('Content-Encoding', encoding);
      const bytes = wish('bytes');
      if (bytes !== undefined) {
        response.end(Buffer.alloc(Number(bytes), 'x'));
        return;
      }
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ ...seen, body: undefined, bodyBytes: seen.body.length }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
