/** A lean HTTP/1.1 client for load: keep-alive connections over plain sockets, one request in flight on each. */
import { connect, type Socket } from 'node:net';

export interface Load {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Sends GET requests for a time and measures them. Every answer must have the status 200 and a Content-Length.
 * @throws Error that names the first answer that is otherwise
 */
export async function runLoad(
  url: string,
  connections: number,
  durationMs: number,
  headers: Record<string, string> = {},
): Promise<Load> {
  const { hostname, port, pathname, search } = new URL(url);
  const lines = Object.entries({ Host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = await open(Number(port), hostname);
      try {
        await runConnection(socket, request, endMs, latenciesMs);
      } finally {
        socket.destroy();
      }
    }),
  );
  const elapsedMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number): number => latenciesMs[Math.floor(latenciesMs.length * part)] ?? Number.NaN;
  return { requestsPerSecond: (latenciesMs.length * 1000) / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function open(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.setNoDelay(true);
    socket.once('error', reject);
  });
}

function runConnection(socket: Socket, request: string, endMs: number, latenciesMs: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentMs = 0;
    let head = '';
    let bodyLeft = -1;
    const send = (): void => {
      if (performance.now() > endMs) {
        resolve();
        return;
      }
      sentMs = performance.now();
      head = '';
      bodyLeft = -1;
      socket.write(request);
    };
    socket.on('data', (chunk: Buffer) => {
      if (bodyLeft < 0) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
        if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
          reject(new Error(`not an answer to measure: ${head.slice(0, 300)}`));
          return;
        }
        bodyLeft = Number(length) - (head.length - end - 4);
      } else bodyLeft -= chunk.length;
      if (bodyLeft > 0) return;
      latenciesMs.push(performance.now() - sentMs);
      send();
    });
    socket.on('close', () => reject(new Error('the connection was closed')));
    send();
  });
}
