/** Counts the bytes of a request and its answer on their connection, as nginx does for its log. */
import type { Socket } from 'node:net';

/** The bytes of each connection that are counted already. */
const counted = new WeakMap<Socket, { read: number; written: number }>();

/** Returns how many bytes the connection has carried since the last call for it. */
export function takeSizes(socket: Socket): { request: number; response: number } {
  const before = counted.get(socket) ?? { read: 0, written: 0 };
  const { bytesRead: read, bytesWritten: written } = socket;
  counted.set(socket, { read, written });
  return { request: read - before.read, response: written - before.written };
}
