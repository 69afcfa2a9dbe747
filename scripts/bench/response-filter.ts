/**
 * genesys-response-filter against the other ways to leave only id, name and email in a page of users: a Lua body_filter
 * with cjson in Kong's post-function, and the same module under kong-pdk's plugin server. Then the filter alone against
 * JSON.parse and JSON.stringify of the same bytes, which every filter that builds objects has to do.
 */
import { readConfig } from '../../plugins/genesys-response-filter/config.js';
import { createOrganizationData } from '../../test/genesys-cloud/data/organization.js';
import { kongJsPluginServer } from '../../test/support/kong-js-pluginserver.js';
import { PLUGINS } from '../plugin-servers.js';
import { type Row, type RowResult, runRows } from './kong-rows.js';
import { startStaticUpstream } from './static-upstream.js';

const FILTER = 'genesys-response-filter';
/** The same module in two servers of one Kong: kong-pdk's takes the module's own name. */
const OURS = `${FILTER}-ours`;
const KEEP = ['id', 'name', 'email'];
const CONFIG = { rules: [{ keep: KEEP }] };

/** What one would write in Lua; numbers of more than 14 digits do not survive it. */
const LUA = {
  header_filter: ['kong.response.clear_header("Content-Length")'],
  body_filter: [
    `local body = kong.response.get_raw_body()
     if body then
       local cjson = require("cjson.safe")
       local page = cjson.decode(body)
       for index, user in ipairs(page.entities) do
         page.entities[index] = { id = user.id, name = user.name, email = user.email }
       end
       kong.response.set_raw_body(cjson.encode(page))
     end`,
  ],
};

/** Rounds of the filter alone; the median is told. */
const ALONE_ROUNDS = 15;

export interface PageBench {
  users: number;
  bytes: number;
  rows: Map<string, RowResult>;
  /** One body, in ms. */
  filterMs: number;
  parseAndStringifyMs: number;
}

/** Runs both pages: the small one under load, the large one alone on its connection. */
export async function benchResponseFilter(): Promise<PageBench[]> {
  const small = { connections: 16, rounds: 5, roundMs: 2000 };
  const large = { connections: 1, rounds: 3, roundMs: 2000 };
  return [await benchPage(25, small), await benchPage(10_000, large)];
}

async function benchPage(
  users: number,
  load: { connections: number; rounds: number; roundMs: number },
): Promise<PageBench> {
  const body = pageOf(users);
  const upstream = await startStaticUpstream({ '/users': body });
  const kongJs = kongJsPluginServer(FILTER, 'plugins/genesys-response-filter/index.js');
  const ours = PLUGINS.filter(({ name }) => name === FILTER).map((plugin) => ({
    ...plugin,
    name: OURS,
    args: ['--name', OURS],
  }));
  const row = (name: string, plugin?: string, config: Record<string, unknown> = CONFIG): Row => ({
    name,
    path: '/users',
    plugins: plugin === undefined ? [] : [{ name: plugin, config }],
    accepts: (text) => isFiltered(text, users) === (plugin !== undefined),
  });
  const rows = [
    row('no plugin'),
    row('post-function, Lua and cjson', 'post-function', LUA),
    row(FILTER, OURS),
    row(`${FILTER} under kong-js-pluginserver`, FILTER),
  ];
  try {
    const results = await runRows(rows, {
      ...load,
      upstreamUrl: upstream.url,
      servers: [...ours, kongJs],
      // cjson is not among what Kong's sandbox lets Lua load.
      env: { KONG_UNTRUSTED_LUA: 'on' },
    });
    return { users, bytes: body.length, rows: results, ...(await benchAlone(body)) };
  } finally {
    await upstream.close();
  }
}

/** A page of the simulator's users, without the lists that make them larger than most. */
function pageOf(users: number): Buffer {
  const entities = [...createOrganizationData('us_east_1', users).users.values()].map((user) => {
    const { addresses: _a, images: _i, primaryContactInfo: _p, acdAutoAnswer: _d, ...rest } = user;
    return rest;
  });
  return Buffer.from(JSON.stringify({ entities, pageSize: users, pageNumber: 1, total: users, pageCount: 1 }));
}

function isFiltered(text: string, users: number): boolean {
  const { entities } = JSON.parse(text) as { entities: Record<string, unknown>[] };
  const isKept = (user: Record<string, unknown>): boolean =>
    Object.keys(user).length === KEEP.length && KEEP.every((key) => key in user);
  return entities.length === users && entities.every(isKept);
}

async function benchAlone(body: Buffer): Promise<Pick<PageBench, 'filterMs' | 'parseAndStringifyMs'>> {
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
  return { filterMs: middle(times.filter), parseAndStringifyMs: middle(times.parse) };
}

async function timed(repeats: number, run: () => Buffer | Promise<Buffer>): Promise<number> {
  const began = performance.now();
  for (let count = 0; count < repeats; count += 1) await run();
  return (performance.now() - began) / repeats;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
