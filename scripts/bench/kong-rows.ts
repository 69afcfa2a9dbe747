/**
 * Compares plugins on a real Kong with one nginx worker: each row is a route of its own, the rows run interleaved in
 * several rounds against the same static service, by the same client, and medians are told.
 */

import { waitFor } from '../../test/support/wait-for.js';
import { type NativeKong, startNativeKong } from '../native-kong.js';
import type { ExternalPlugin } from '../plugin-servers.js';
import { type Load, runLoad } from './http-load.js';
import { childrenOf, cpuSeconds } from './processes.js';

/** Of the consumer whom all requests are of, for rows with key-auth. */
const KEY = 'bench-key';
const START_TIMEOUT_MS = 60_000;

export interface Row {
  name: string;
  /** Path at the static service. */
  path: string;
  /** Plugins of the row's route, as in kong.yml. */
  plugins: { name: string; config: Record<string, unknown> }[];
  /** Whether the row does its work: measured is only what says so. */
  accepts?: (body: string) => boolean;
}

export interface RowResult extends Load {
  /** Of nginx, and of the plugin servers together. */
  nginxCpuMicros: number;
  pluginCpuMicros: number;
}

export interface RowOptions {
  upstreamUrl: string;
  servers: readonly ExternalPlugin[];
  connections: number;
  rounds: number;
  roundMs: number;
  /** Added to Kong's environment. */
  env?: Record<string, string>;
}

/** Runs all rows. */
export async function runRows(rows: readonly Row[], options: RowOptions): Promise<Map<string, RowResult>> {
  const services = rows.map(({ path, plugins }, index) => ({
    name: `row-${index}`,
    url: `${options.upstreamUrl}${path}`,
    routes: [{ name: `row-${index}`, paths: [`/row-${index}`], plugins }],
  }));
  const consumers = [{ username: 'bench', keyauth_credentials: [{ key: KEY }] }];
  const kong = await startNativeKong({
    config: { services, consumers },
    plugins: options.servers,
    env: options.env ?? {},
  });
  try {
    for (const [index, { name, accepts }] of rows.entries()) {
      await waitFor(
        `the row "${name}" to answer`,
        () => answers(`${kong.url}/row-${index}`, accepts),
        START_TIMEOUT_MS,
      );
    }
    const results = rows.map((): RowResult[] => []);
    const round = async (index: number, durationMs: number): Promise<RowResult> =>
      measure(kong, `/row-${index}`, options, durationMs);
    for (const index of rows.keys()) await round(index, options.roundMs / 2);
    for (let n = 0; n < options.rounds; n += 1) {
      for (const [index, list] of results.entries()) list.push(await round(index, options.roundMs));
    }
    return new Map(rows.map(({ name }, index) => [name, median(results[index] ?? [])]));
  } finally {
    await kong.close();
  }
}

async function answers(url: string, accepts: (body: string) => boolean = () => true): Promise<boolean> {
  const response = await fetch(url, { headers: { apikey: KEY } });
  const body = await response.text();
  return response.status === 200 && accepts(body);
}

async function measure(
  kong: NativeKong,
  path: string,
  { connections, servers }: RowOptions,
  durationMs: number,
): Promise<RowResult> {
  const pluginPids = servers.flatMap(({ name }) => kong.pluginServerPid(name) ?? []);
  const workers = childrenOf(kong.masterPid).filter((pid) => !pluginPids.includes(pid));
  const cpu = (pids: number[]): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = [cpu(workers), cpu(pluginPids)] as const;
  const load = await runLoad(`${kong.url}${path}`, connections, durationMs, { apikey: KEY });
  const micros = (seconds: number): number => (seconds / load.requests) * 1e6;
  return {
    ...load,
    nginxCpuMicros: micros(cpu(workers) - before[0]),
    pluginCpuMicros: micros(cpu(pluginPids) - before[1]),
  };
}

function median(results: readonly RowResult[]): RowResult {
  const middle = (figure: keyof RowResult): number =>
    results.map((result) => result[figure]).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? Number.NaN;
  return {
    requests: middle('requests'),
    requestsPerSecond: middle('requestsPerSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    nginxCpuMicros: middle('nginxCpuMicros'),
    pluginCpuMicros: middle('pluginCpuMicros'),
  };
}
