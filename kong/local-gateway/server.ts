/** The HTTP server: listens on loopback, and reads requests as nginx does instead of as Node's parser does. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createConnection, type Handlers } from './connection.js';

/** Listens on loopback. @throws the error of listen, with code EADDRINUSE if the port is taken */
export async function startHttp(port: number, handlers: Handlers) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    createConnection(socket, handlers);
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
        for (const socket of sockets) socket.destroy();
      }),
  };
}
