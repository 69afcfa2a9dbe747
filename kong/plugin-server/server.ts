/**
 * Listens on the unix socket of one plugin. Kong starts a second process while the first still runs. The new server
 * takes over the path without a gap. The old one notices, finishes its events and exits.
 */
import { chmodSync, existsSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { type Connection, type ConnectionOptions, serveConnection } from './connection.js';

/**
 * How often the server checks that its socket path is still its own. At a reload Kong starts the next process and kills
 * this one a few seconds later, with the worker that started it. What is not written by then is lost.
 */
const OWNERSHIP_CHECK_MS = 100;

/** The longest path of a unix socket on Linux, without the final null byte (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

/** Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

export interface ServerOptions extends ConnectionOptions {
  socketPath: string;
  /** Permissions of the socket, 0o600 or 0o660. */
  socketMode: number;
  /** Called once when the path belongs to another process, or is gone. */
  onTakenOver: () => void;
}

/** After a takeover, a connection that Kong keeps is closed when unused for this time. */
const UNUSED_MS = 500;

export interface PluginServer {
  /**
   * Accepts no new connection, lets running events end, and closes everything. Resolves after `timeoutMs` at the
   * latest. After a takeover Kong loses no call: each connection is closed with the answer to its next one.
   */
  drain(timeoutMs: number): Promise<void>;
}

/**
 * Starts listening.
 * @throws Error with one line for the operator, if the path is too long or cannot be bound
 */
export async function startServer(options: ServerOptions): Promise<PluginServer> {
  const { socketPath, socketMode } = options;
  // Bound next to the path and moved over it, so that the path always belongs to a process that accepts.
  const bindPath = `${socketPath}.${process.pid}`;
  if (Buffer.byteLength(bindPath) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(
      `the socket path is too long: ${socketPath} (with its suffix at most ${MAX_SOCKET_PATH_BYTES} bytes)`,
    );
  }
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = serveConnection(socket, options);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
  });
  await listenPrivately(server, bindPath);
  chmodSync(bindPath, socketMode);
  const inode = statSync(bindPath).ino;
  renameSync(bindPath, socketPath);

  const isOwner = (): boolean => statSync(socketPath, { throwIfNoEntry: false })?.ino === inode;
  const ownershipCheck = setInterval(() => {
    if (isOwner()) return;
    clearInterval(ownershipCheck);
    options.onTakenOver();
  }, OWNERSHIP_CHECK_MS);

  return {
    async drain(timeoutMs) {
      clearInterval(ownershipCheck);
      const hasSuccessor = !isOwner() && existsSync(socketPath);
      if (isOwner()) unlinkSync(socketPath);
      const closeIdle = (): void => {
        for (const connection of connections) connection.closeWhenIdle();
      };
      const closeAnswered = (): void => {
        for (const connection of connections) connection.closeAfterAnswer();
      };
      if (hasSuccessor) closeAnswered();
      // Connections made before the takeover may still wait to be accepted.
      await new Promise((resolve) => setImmediate(resolve));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      if (hasSuccessor) closeAnswered();
      else closeIdle();
      const unused = setTimeout(closeIdle, UNUSED_MS);
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, timeoutMs);
      await closed;
      clearTimeout(unused);
      clearTimeout(cut);
    },
  };
}

/** Binds the socket so that, from the first moment, only its owner has access. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`cannot listen on ${path}: ${error.code ?? error.message}`));
    });
    const umask = process.umask(0o177);
    try {
      server.listen({ path, backlog: BACKLOG }, () => resolve());
    } finally {
      process.umask(umask);
    }
  });
}
