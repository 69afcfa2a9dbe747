/**
 * Whether Kong's plugin servers work: Kong itself accepts requests a second or two before them, and answers 500 until then,
 * which its own health checks do not show. A connection proves nothing, as the kernel accepts it for a stopped process too.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KongDriver } from '../kong-side/protobuf.js';
import { configuredServers, readKongConf } from './kong-settings.js';

/** Kong's settings as it runs, in its prefix (kong/cmd/utils/prefix_handler.lua): no secret is in it. */
const RUNNING = '.kong_env';

/**
 * Returns the sockets of this package's plugin servers that the Kong with a prefix is configured with, each once.
 * @returns undefined if no Kong has been prepared there, or its settings cannot be read
 */
export function configuredSockets(prefix: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(join(prefix, RUNNING), 'utf8');
  } catch {
    return undefined;
  }
  return configuredServers(readKongConf(text)).map(({ socket }) => socket);
}

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
