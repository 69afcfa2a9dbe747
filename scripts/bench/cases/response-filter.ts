/**
 * genesys-response-filter against the other ways to leave only id, name and email in a page of users. Then the filter alone
 * against JSON.parse and JSON.stringify of the same bytes, which every filter that builds objects has to do.
 */
import { readConfig } from '../../../plugins/genesys-response-filter/config.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, LUA_FILTER, postFunction } from '../lua.js';
import { isFilteredPage, KEPT_FIELDS, pageOfUsers } from '../pages.js';
import type { Row } from '../rows.js';
import { bothServers, ourName } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-response-filter';
const CONFIG = { rules: [{ keep: KEPT_FIELDS }] };
const PATH = '/users';

/** Rounds of the filter alone; the median is told. */
const ALONE_ROUNDS = 15;

/** One body through the filter alone, in ms. */
export interface FilterAlone {
  bytes: number;
  filterMs: number;
  parseAndStringifyMs: number;
}

/** Runs both pages: the small one under load, the large one alone on its connection. */
export async function benchResponseFilter(kind: GatewayKind): Promise<CaseResult[]> {
  return [
    await benchPage(kind, 25, { connections: 16, rounds: 5, roundMs: 2000 }),
    await benchPage(kind, 10_000, { connections: 1, rounds: 3, roundMs: 2000 }),
  ];
}

/** The same pages through the filter alone. */
export async function benchFilterAlone(): Promise<FilterAlone[]> {
  return [await benchAlone(pageOfUsers(25)), await benchAlone(pageOfUsers(10_000))];
}

function benchPage(
  kind: GatewayKind,
  users: number,
  load: { connections: number; rounds: number; roundMs: number },
): Promise<CaseResult> {
  const body = pageOfUsers(users);
  const row = (name: string, ...plugins: Row['plugins']): Row => ({
    name,
    path: PATH,
    plugins,
    accepts: (text) => isFilteredPage(text, users) === plugins.length > 0,
  });
  return resultOf(kind, {
    name: `filter, ${Math.round(body.length / 1000)} KB`,
    rows: [
      row('no plugin'),
      ...onKong(kind, row('Lua', postFunction(LUA_FILTER))),
      row('kong-js-pluginserver', { name: PLUGIN, config: CONFIG }),
      row('ours', { name: ourName(PLUGIN), config: CONFIG }),
    ],
    files: { [PATH]: { body } },
    servers: bothServers([PLUGIN]),
    env: LUA_ENV,
    ...load,
  });
}

async function benchAlone(body: Buffer): Promise<FilterAlone> {
  const filter = readConfig(CONFIG).rules[0]?.filter;
  if (filter === undefined) throw new Error('no rule');
  // Small bodies take less time than the clock tells well.
  const repeats = Math.max(1, Math.round(2_000_000 / body.length));
  const parse = (): Buffer => Buffer.from(JSON.stringify(JSON.parse(body.toString())));
  const times = { filter: [] as number[], parse: [] as number[] };
  for (let round = 0; round < ALONE_ROUNDS; round += 1) {
    times.filter.push(await timed(repeats, () => filter(body)));
    times.parse.push(await timed(repeats, parse));
  }
  return { bytes: body.length, filterMs: middle(times.filter), parseAndStringifyMs: middle(times.parse) };
}

async function timed(repeats: number, run: () => Buffer | Promise<Buffer>): Promise<number> {
  const began = performance.now();
  for (let count = 0; count < repeats; count += 1) await run();
  return (performance.now() - began) / repeats;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
