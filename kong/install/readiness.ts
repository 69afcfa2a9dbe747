/**
 * Whether Kong's plugin servers work: Kong itself accepts requests a second or two before them, and answers 500 until then,
 * which its own health checks do not show. A connection proves nothing, as the kernel accepts it for a stopped process too.
 */
import { KongDriver } from '../kong-side/protobuf.js';

/** How long a plugin server may take to answer. */
const TIMEOUT_MS = 2000;

/** Returns the sockets, by their paths, on which no plugin server answers. */
export async function deafSockets(sockets: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(sockets.map(isServed));
  return sockets.filter((_, index) => !answers[index]);
}

async function isServed(path: string): Promise<boolean> {
  let kong: KongDriver | undefined;
  try {
    kong = await KongDriver.connect(path, TIMEOUT_MS);
    await kong.pluginNames();
    return true;
  } catch {
    return false;
  } finally {
    kong?.close();
  }
}
