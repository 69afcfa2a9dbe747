/**
 * Whether Kong's plugin servers accept requests: Kong itself does a second or two before them, and answers 500 until then,
 * which its own health checks do not show.
 */
import { connect } from 'node:net';

const TIMEOUT_MS = 2000;

/** The sockets, by their paths, to which nobody can connect. */
export async function deafSockets(sockets: readonly string[]): Promise<string[]> {
  const listen = await Promise.all(sockets.map(accepts));
  return sockets.filter((_, index) => !listen[index]);
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
