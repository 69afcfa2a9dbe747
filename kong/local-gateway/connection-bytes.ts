/** How many bytes a request and its answer took on their connection, as nginx counts them for the log. */
import type { Socket } from 'node:net';

/** What a connection's requests took that are counted already. */
const counted = new WeakMap<Socket, { read: number; written: number }>();

/** Returns the bytes since the last request of this connection was counted, and counts them. */
export function takeSizes(socket: Socket): { request: number; response: number } {
  const before = counted.get(socket) ?? { read: 0, written: 0 };
  const { bytesRead: read, bytesWritten: written } = socket;
  counted.set(socket, { read, written });
  return { request: read - before.read, response: written - before.written };
}
