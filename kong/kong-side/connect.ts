/** How Kong reaches a plugin server, and how it loses it, in either protocol. */
import { connect, type Socket } from 'node:net';
import { patienceSeconds } from '../plugin-server/deadline.js';

/** How long Kong waits for a plugin server (lua_socket_read_timeout), with the settings that we print for it. */
export const READ_TIMEOUT_MS = patienceSeconds() * 1000;

/** The plugin server closed the connection, or has no such instance: Kong starts another one and repeats the event. */
export class ConnectionClosed extends Error {}

/** Connects to the plugin server that listens on `path`. @throws Error if none does */
export function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`trying to connect: ${error.code ?? error.message}`)),
    );
  });
}
