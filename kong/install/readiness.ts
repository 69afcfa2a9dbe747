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

/** What answers once a Kong is ready. */
export interface RunningKong {
  /** The sockets of this package's plugin servers that it is configured with, each once. */
  sockets: string[];
  /** Of its own readiness: it has a configuration, and a database if it uses one. Undefined without a plain status port. */
  statusUrl: string | undefined;
}

/**
 * Reads what the Kong with a prefix runs with.
 * @returns undefined if no Kong has been prepared there, or its settings cannot be read
 */
export function runningKong(prefix: string): RunningKong | undefined {
  let text: string;
  try {
    text = readFileSync(join(prefix, RUNNING), 'utf8');
  } catch {
    return undefined;
  }
  const settings = readKongConf(text);
  return {
    sockets: configuredServers(settings).map(({ socket }) => socket),
    statusUrl: statusUrlOf(settings('status_listen') ?? ''),
  };
}

/** @param listen as in `127.0.0.1:8007 reuseport, [::]:8443 ssl` */
function statusUrlOf(listen: string): string | undefined {
  const plain = listen.split(',').find((one) => !/\bssl\b/.test(one));
  const { host, port } = /^\s*(?<host>\[.+\]|[^\s:]+):(?<port>\d+)/.exec(plain ?? '')?.groups ?? {};
  if (host === undefined) return undefined;
  const reachable = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' }[host] ?? host;
  return `http://${reachable}:${port}/status/ready`;
}

/** How long a plugin server, or Kong, may take to answer. */
const TIMEOUT_MS = 2000;

/** Returns why a Kong is not ready, in its own words where it has some; undefined if it is. */
export async function unreadiness(statusUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(statusUrl, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return response.ok ? undefined : `${statusUrl} answers ${response.status} ${text}`;
  } catch {
    return `nobody answers on ${statusUrl}`;
  }
}

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
