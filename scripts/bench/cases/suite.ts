/**
 * All four plugins on one route (nine events a request), with key-auth before them: how the cost of a request goes with
 * the number of connections and with the length of the answer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CLIENT, startGenesysCloud } from '../../../kong/testbed/genesys-cloud/index.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, LUA_FILTER, LUA_TOKEN, luaLog, postFunction } from '../lua.js';
import { isFilteredPage, KEPT_FIELDS, pageOfBytes } from '../pages.js';
import type { Case, Row } from '../rows.js';
import { bothServers, ourName, sharedName, sharedServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

export const SUITE = ['genesys-pii-log', 'genesys-quota', 'genesys-token-manager', 'genesys-response-filter'] as const;
const CONNECTIONS = [1, 16, 128];
const BYTES = [1_000, 13_000, 100_000, 1_000_000, 10_000_000];
/** Of the cases that vary the connections: a page of 25 users, Genesys' default. */
const PAGE_BYTES = 13_000;
/** Over the largest page. */
const MAX_BODY_BYTES = 16_000_000;
const LIMIT = 1_000_000_000;

/** Runs the cases. */
export async function benchSuite(kind: GatewayKind): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  await withSuite(async (suite) => {
    for (const connections of CONNECTIONS) {
      const name = `all four, ${PAGE_BYTES / 1000} KB`;
      results.push(await resultOf(kind, { ...suite(kind, PAGE_BYTES), name, connections, rounds: 5 }));
    }
    for (const bytes of BYTES.filter((each) => each !== PAGE_BYTES)) {
      const name = `all four, ${bytes / 1000} KB`;
      results.push(await resultOf(kind, { ...suite(kind, bytes), name, connections: 1, rounds: 3 }));
    }
  });
  return results;
}

/** Lends what the plugins need: a login, and a folder for logs. */
export async function withSuite<T>(
  run: (suite: (kind: GatewayKind, bytes: number) => Omit<Case, 'name' | 'connections' | 'rounds'>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-suite-'));
  const genesys = await startGenesysCloud();
  try {
    return await run((kind, bytes) => suiteOf(kind, bytes, genesys.tokenUrl, folder));
  } finally {
    await genesys.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function suiteOf(kind: GatewayKind, bytes: number, tokenUrl: string, folder: string) {
  const { users, body } = pageOfBytes(bytes);
  const { clientId, clientSecret } = DEFAULT_CLIENT;
  const configs = (file: string): Record<(typeof SUITE)[number], Record<string, unknown>> => ({
    'genesys-pii-log': { sinks: [{ type: 'file', path: join(folder, file) }] },
    'genesys-quota': { limits: [{ name: 'share', limit: LIMIT }] },
    'genesys-token-manager': { token_url: tokenUrl, client_id: clientId, client_secret: clientSecret },
    'genesys-response-filter': { rules: [{ keep: KEPT_FIELDS }], max_body_bytes: MAX_BODY_BYTES },
  });
  const plugins = (file: string, nameOf: (plugin: string) => string): Row['plugins'] =>
    SUITE.map((plugin) => ({ name: nameOf(plugin), config: configs(file)[plugin] }));
  const row = (name: string, ...added: Row['plugins']): Row => ({
    name,
    path: added.length > 0 ? '/guarded' : '/open',
    plugins: [{ name: 'key-auth', config: {} }, ...added],
    accepts: (text) => isFilteredPage(text, users) === added.length > 0,
  });
  const lua = postFunction(luaLog(join(folder, 'lua.log')), LUA_TOKEN, LUA_FILTER);
  const limit = { name: 'rate-limiting', config: { minute: LIMIT, policy: 'local' } };
  return {
    rows: [
      row('no plugin'),
      ...onKong(kind, row('Lua', lua, limit)),
      row('kong-js-pluginserver', ...plugins('theirs.log', (plugin) => plugin)),
      row('ours, a process each', ...plugins('ours.log', ourName)),
      { ...row('ours, one process', ...plugins('shared.log', sharedName)), comparedWith: 'ours, a process each' },
    ],
    files: { '/open': { body }, '/guarded': { body, needsToken: true } },
    servers: [...bothServers(SUITE, ['--log-dir', folder]), ...sharedServer(SUITE, ['--log-dir', folder])],
    roundMs: 2000,
    env: LUA_ENV,
  };
}
