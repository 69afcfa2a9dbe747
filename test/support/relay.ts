/** A TCP port before a server that can be closed and opened again: connections are refused, the server keeps its state. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Relay {
  /** host:port */
  address: string;
  /** Breaks the connections, and refuses new ones. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** New connections go to another server, as after a change of a name's address; those that stand stay. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

/** Starts it, on a free port. */
export async function startRelay(firstTargetPort: number): Promise<Relay> {
  let targetPort = firstTargetPort;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const target = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', 4096, () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const refuse = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return {
    address: `127.0.0.1:${port}`,
    refuse,
    accept: async () => {
      if (!server.listening) await listen(port);
    },
    leadTo(other) {
      targetPort = other;
    },
    close: async () => {
      if (server.listening) await refuse();
    },
  };
}
