/** The HTTP server. Serves `Upgrade`, CONNECT and unknown methods, which Node treats apart, like any request. */
import { createServer, type IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { readUnknownMethod } from './unknown-method.js';

/** Listens on loopback. @throws the error of listen, with code EADDRINUSE if the port is taken */
export async function startHttp(port: number, serve: RequestListener) {
  const server = createServer(serve);
  // nginx does not limit how long a whole request may take.
  server.requestTimeout = 0;
  // nginx's keepalive_timeout. With Node's 5 s, a slow client's next request may find its connection closed.
  server.keepAliveTimeout = 75_000;
  const taken = new Set<Duplex>();
  /** Serves a request that Node makes no response for. Its connection ends with the answer. */
  const take = (request: IncomingMessage, socket: Duplex): void => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    socket.on('error', () => socket.destroy());
    response.on('finish', () => socket.end());
    taken.add(socket);
    socket.on('close', () => taken.delete(socket));
    serve(request, response);
  };
  server.on('upgrade', take);
  server.on('connect', take);
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    if (taken.has(socket)) return;
    const packet = error.code === 'HPE_INVALID_METHOD' ? error.rawPacket : undefined;
    const request = packet && readUnknownMethod(packet, socket as Socket);
    if (request !== undefined) take(request, socket);
    else if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 4096 }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of taken) socket.destroy();
      }),
  };
}
