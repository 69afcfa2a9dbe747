/**
 * Listens on the unix socket of one plugin. A new server takes the path over from an older one without a gap, and an
 * older one notices, finishes what it has begun and leaves: Kong starts a second process while the first still lives.
 */
import { chmodSync, existsSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { type Connection, type ConnectionOptions, serveConnection } from './connection.js';

/**
 * How often the server looks whether its socket path still leads to it. At a reload Kong kills it with the worker that
 * started it, a few seconds after it has started the next: what is not finished and written by then is lost.
 */
const OWNERSHIP_CHECK_MS = 100;

/** The longest path of a unix socket on Linux, without the closing zero (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

/** Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

export interface ServerOptions extends ConnectionOptions {
  socketPath: string;
  /** Permissions of the socket, 0o600 or 0o660. */
  socketMode: number;
  /** Called once when the path leads to another process, or nowhere. */
  onTakenOver: () => void;
}

/** After a takeover, how long a connection that Kong keeps may lie unused until it is closed. */
const UNUSED_MS = 500;

export interface PluginServer {
  /**
   * Takes no new connection, lets running events end, closes everything. Resolves at the latest after `timeoutMs`. Where
   * another process has taken the path over, Kong loses no call: a connection is closed with the answer to its next one.
   */
  drain(timeoutMs: number): Promise<void>;
}

/**
 * Starts listening.
 * @throws Error with one line for the operator, if the path is too long or cannot be bound
 */
export async function startServer(options: ServerOptions): Promise<PluginServer> {
  const { socketPath, socketMode } = options;
  // Bound beside the path and moved over it: at every moment the path leads to a process that accepts.
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
      // What has connected before the path led elsewhere may still wait to be accepted.
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

/** Binds the socket with no permission for anyone but its owner, from its first moment on. */
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
