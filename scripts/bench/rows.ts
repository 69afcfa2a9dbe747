/**
 * Compares plugins on one gateway: each row is a route of its own, the rows run interleaved in several rounds against the
 * same static service, by the same client, after a warm-up, and medians are told.
 */

import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';
import { cpuSeconds } from '../../kong/testbed/processes.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type BenchGateway, type GatewayKind, startBenchGateway } from './gateways.js';
import { type Load, type LoadRequest, runLoad } from './http-load.js';
import { type StaticFile, startStaticUpstream } from './static-upstream.js';

/** Of the consumer whom all requests are of, for rows with key-auth. */
const KEY = 'bench-key';
const START_TIMEOUT_MS = 60_000;
/** V8 and LuaJIT compile what has run some thousand times: measured earlier, plugins cost two to four times as much. */
const WARM_UP_MS = 10_000;
const WARM_UP_CONNECTIONS = 16;

export interface Row {
  name: string;
  /** Path at the static service. */
  path: string;
  /** Plugins of the row's route, as in kong.yml. */
  plugins: { name: string; config: Record<string, unknown> }[];
  /** The row that this one is to be compared with; left out: Lua, or the first. */
  comparedWith?: string;
  /** Whether the row does its work: measured is only what says so. */
  accepts?: (body: string) => boolean;
}

/** Rows that are compared with each other, and how. */
export interface Case {
  name: string;
  rows: readonly Row[];
  /** Of the static service. */
  files: Record<string, StaticFile>;
  servers: readonly ExternalPlugin[];
  connections: number;
  rounds: number;
  roundMs: number;
  /** Sent with each request, which is a POST then; left out: GET. */
  body?: string;
  /** Added to Kong's environment. */
  env?: Record<string, string>;
}

export interface RowResult extends Load {
  /** Processor time of a request: of Kong's nginx (or the local gateway), and of the plugin servers together. */
  gatewayCpuMicros: number;
  pluginCpuMicros: number;
}

/** What a gateway with a case's rows takes. */
export type Setup = Pick<Case, 'rows' | 'files' | 'servers' | 'body' | 'env'>;

/** Runs all rows. @throws Error of a row that does not do its work */
export function runCase(kind: GatewayKind, bench: Case): Promise<Map<string, RowResult>> {
  return withRows(kind, bench, (gateway) => runRounds(gateway, bench));
}

/** Lends a gateway whose rows all answer as they should. @throws Error of a row that does not */
export async function withRows<T>(
  kind: GatewayKind,
  setup: Setup,
  run: (gateway: BenchGateway) => Promise<T>,
): Promise<T> {
  const { rows, files, servers, env = {} } = setup;
  const upstream = await startStaticUpstream(files);
  const services = rows.map(({ path, plugins }, index) => ({
    name: `row-${index}`,
    url: `${upstream.url}${path}`,
    routes: [{ name: `row-${index}`, paths: [`/row-${index}`], plugins }],
  }));
  const consumers = [{ username: 'bench', keyauth_credentials: [{ key: KEY }] }];
  try {
    const gateway = await startBenchGateway(kind, { config: { services, consumers }, plugins: servers, env });
    try {
      for (const [index, { name, accepts }] of rows.entries()) {
        const request = requestOf(gateway, index, setup);
        await waitFor(`the row "${name}" to answer`, () => answers(request, accepts), START_TIMEOUT_MS);
      }
      return await run(gateway);
    } finally {
      await gateway.close();
    }
  } finally {
    await upstream.close();
  }
}

/** The request of a row. */
export function requestOf(gateway: BenchGateway, index: number, { body }: Pick<Case, 'body'>): LoadRequest {
  const url = `${gateway.url}/row-${index}`;
  if (body === undefined) return { url, headers: { apikey: KEY } };
  return { url, headers: { apikey: KEY, 'Content-Type': 'application/json' }, body };
}

async function runRounds(gateway: BenchGateway, bench: Case): Promise<Map<string, RowResult>> {
  const { rows, connections, rounds, roundMs } = bench;
  const requests = rows.map((_, index) => requestOf(gateway, index, bench));
  for (const request of requests) await measure(gateway, request, WARM_UP_CONNECTIONS, WARM_UP_MS);
  const results = rows.map((): RowResult[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, request] of requests.entries()) {
      results[index]?.push(await measure(gateway, request, connections, roundMs));
    }
  }
  return new Map(rows.map(({ name }, index) => [name, median(results[index] ?? [])]));
}

async function answers(
  { url, headers, body }: LoadRequest,
  accepts: (body: string) => boolean = () => true,
): Promise<boolean> {
  const response = await fetch(url, { headers, ...(body === undefined ? {} : { method: 'POST', body }) });
  const text = await response.text();
  return response.status === 200 && accepts(text);
}

async function measure(
  gateway: BenchGateway,
  request: LoadRequest,
  connections: number,
  durationMs: number,
): Promise<RowResult> {
  const [gatewayPids, pluginPids] = [gateway.gatewayPids(), gateway.pluginPids()];
  const cpu = (pids: number[]): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = [cpu(gatewayPids), cpu(pluginPids)] as const;
  const load = await runLoad(request, connections, durationMs);
  const micros = (seconds: number): number => (seconds / load.requests) * 1e6;
  return {
    ...load,
    gatewayCpuMicros: micros(cpu(gatewayPids) - before[0]),
    pluginCpuMicros: micros(cpu(pluginPids) - before[1]),
  };
}

function median(results: readonly RowResult[]): RowResult {
  const middle = (figure: keyof RowResult): number =>
    results.map((result) => result[figure]).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? Number.NaN;
  return {
    requests: middle('requests'),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    requestsPerSecond: middle('requestsPerSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    gatewayCpuMicros: middle('gatewayCpuMicros'),
    pluginCpuMicros: middle('pluginCpuMicros'),
  };
}
