/** A port for a server that cannot choose one itself, such as Kong or Redis. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Returns a port of 127.0.0.1 that nobody listens on. It is below those that the system gives to connections (Linux:
 * from 32768 on): one of those could be taken again before the server listens. So is the port of a Redis Cluster's bus
 * (10000 more).
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 22_768);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
