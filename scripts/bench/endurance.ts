/**
 * What a gateway with all four plugins holds and needs: resident memory of each plugin server at start, warm, and after a
 * million requests; and the time from the start command to the first request served.
 */

import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';
import { residentBytes } from '../../kong/testbed/processes.js';
import { A_PROCESS_EACH, ONE_PROCESS, SUITE, withSuite } from './cases/suite.js';
import type { GatewayKind } from './gateways.js';
import { runLoad } from './http-load.js';
import { type Case, type Row, requestOf, withRows } from './rows.js';
import { ourName, sharedName } from './variants.js';

/** What the first requests compile and allocate for good is no leak. */
const WARM_UP_REQUESTS = 50_000;
const CHUNK_MS = 5000;
const CONNECTIONS = 16;
const PAGE_BYTES = 13_000;
const STARTS = 3;

/** Resident memory in MB. */
export interface Memory {
  start: number;
  warm: number;
  end: number;
}

/** Sends so many requests through the four plugins; answers with the memory of each plugin server, and of the gateway. */
export function benchMemory(kind: GatewayKind, requests: number): Promise<Map<string, Memory>> {
  return withSuite(async (suite) => {
    const bench = only(suite(kind, PAGE_BYTES), ONE_PROCESS, sharedName);
    return withRows(kind, bench, async (gateway) => {
      const request = requestOf(gateway, 0, bench);
      const processes = new Map([
        ...bench.servers.slice(0, 1).map(({ name }) => ['plugins', gateway.pluginPid(name) ?? 0] as const),
        ['gateway', Math.min(...gateway.gatewayPids())] as const,
      ]);
      const sample = () => new Map([...processes].map(([name, pid]) => [name, residentBytes(pid) / 1e6]));
      const send = async (count: number): Promise<void> => {
        for (let sent = 0; sent < count; ) sent += (await runLoad(request, CONNECTIONS, CHUNK_MS)).requests;
      };
      const start = sample();
      await send(WARM_UP_REQUESTS);
      const warm = sample();
      await send(requests);
      const end = sample();
      const at = (when: Map<string, number>, name: string): number => when.get(name) ?? Number.NaN;
      return new Map(
        [...processes.keys()].map((name) => [
          name,
          { start: at(start, name), warm: at(warm, name), end: at(end, name) },
        ]),
      );
    });
  });
}

/** Time from the start command to the first request served, in ms, by what the gateway starts with: medians. */
export function benchStart(kind: GatewayKind): Promise<Map<string, number>> {
  return withSuite(async (suite) => {
    const both = suite(kind, PAGE_BYTES);
    const named = (name: string): Row[] => both.rows.filter((row) => row.name === name);
    const theirs = both.servers.filter(({ name }) => SUITE.some((plugin) => plugin === name));
    return new Map([
      ['no plugin', await timeToFirst(kind, { ...both, rows: named('no plugin'), servers: [] })],
      [
        'kong-js-pluginserver',
        await timeToFirst(kind, { ...both, rows: named('kong-js-pluginserver'), servers: theirs }),
      ],
      [A_PROCESS_EACH, await timeToFirst(kind, only(both, A_PROCESS_EACH, ourName))],
      [ONE_PROCESS, await timeToFirst(kind, only(both, ONE_PROCESS, sharedName))],
    ]);
  });
}

/** Keeps one row, and the plugin servers of its plugins. */
function only<T extends { rows: readonly Row[]; servers: readonly ExternalPlugin[] }>(
  suite: T,
  row: string,
  nameOf: (plugin: string) => string,
): T {
  const names = SUITE.map(nameOf);
  return {
    ...suite,
    rows: suite.rows.filter(({ name }) => name === row),
    servers: suite.servers.filter(({ name }) => names.includes(name)),
  };
}

async function timeToFirst(
  kind: GatewayKind,
  bench: Pick<Case, 'rows' | 'files' | 'servers' | 'env'>,
): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < STARTS; count += 1) {
    const beganMs = performance.now();
    await withRows(kind, bench, async () => times.push(performance.now() - beganMs));
  }
  return times.sort((a, b) => a - b)[Math.floor(STARTS / 2)] ?? Number.NaN;
}
