/**
 * genesys-response-filter against the other ways to leave only id, name and email in a page of users. Then the filter alone
 * against JSON.parse and JSON.stringify of the same bytes, which every filter that builds objects has to do.
 */
import { readConfig } from '../../../plugins/genesys-response-filter/config.js';
import { type Alone, measureAlone } from '../alone.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, LUA_FILTER, postFunction } from '../lua.js';
import { isFilteredPage, KEPT_FIELDS, pageOfUsers } from '../pages.js';
import type { Row } from '../rows.js';
import { bothServers, ourName } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

const PLUGIN = 'genesys-response-filter';
const CONFIG = { rules: [{ keep: KEPT_FIELDS }] };
const PATH = '/users';

/** Runs both pages: the small one under load, the large one alone on its connection. */
export async function benchResponseFilter(kind: GatewayKind): Promise<CaseResult[]> {
  return [
    await benchPage(kind, 25, { connections: 16, rounds: 5, roundMs: 2000 }),
    await benchPage(kind, 10_000, { connections: 1, rounds: 3, roundMs: 2000 }),
  ];
}

/** The same pages through the filter alone. */
export async function benchFilterAlone(): Promise<Alone[]> {
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

function benchAlone(body: Buffer): Promise<Alone> {
  const filter = readConfig(CONFIG).rules[0]?.filter;
  if (filter === undefined) throw new Error('no rule');
  return measureAlone(body, () => filter(body));
}
