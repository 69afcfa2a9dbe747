/**
 * All four plugins on one route (nine events a request, or three combined), with key-auth before them: how the cost of a
 * request goes with the number of connections and with the length of the answer. And two of them, which kong.yml has on
 * every route.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CLIENT, startGenesysCloud } from '../../../kong/testbed/genesys-cloud/index.js';
import type { GatewayKind } from '../gateways.js';
import { LUA_ENV, LUA_FILTER, LUA_TOKEN, luaLog, postFunction } from '../lua.js';
import { isFilteredPage, KEPT_FIELDS, pageOfBytes } from '../pages.js';
import type { Case, Row } from '../rows.js';
import { bothServers, COMBINED, COMBINED_UNBUFFERED, ourName, sharedName, sharedServer } from '../variants.js';
import { type CaseResult, onKong, resultOf } from './result.js';

export const SUITE = ['genesys-pii-log', 'genesys-quota', 'genesys-token-manager', 'genesys-response-filter'] as const;
/** Rows of our plugins, by their processes. */
export const A_PROCESS_EACH = 'ours, a process each';
export const ONE_PROCESS = 'ours, one process';
const CONNECTIONS = [1, 16, 128];
const BYTES = [1_000, 13_000, 100_000, 1_000_000, 10_000_000];
/** Of the cases that vary the connections: a page of 25 users, Genesys' default. */
const PAGE_BYTES = 13_000;
/** Over the largest page. */
const MAX_BODY_BYTES = 16_000_000;
const LIMIT = 1_000_000_000;

/** The separate plugins in one process, with which the combined form is compared. */
const SEPARATE = ONE_PROCESS;

/** Runs the cases. */
export async function benchSuite(kind: GatewayKind): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  await withSuite(async (suite) => {
    for (const connections of CONNECTIONS) {
      const name = `all four, ${PAGE_BYTES / 1000} KB`;
      results.push(await resultOf(kind, { ...suite(kind, PAGE_BYTES), name, connections, rounds: 5 }));
    }
    for (const connections of [1, 16]) {
      const bench = withoutBodies(suite(kind, PAGE_BYTES));
      results.push(await resultOf(kind, { ...bench, name: 'quota and tokens', connections, rounds: 5 }));
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
  run: (suite: (kind: GatewayKind, bytes: number) => Suite) => Promise<T>,
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
      row(A_PROCESS_EACH, ...plugins('ours.log', ourName)),
      { ...row(SEPARATE, ...plugins('shared.log', sharedName)), comparedWith: A_PROCESS_EACH },
      {
        ...row('combined', { name: sharedName(COMBINED), config: recordsOf(configs('combined.log')) }),
        comparedWith: SEPARATE,
      },
    ],
    files: { '/open': { body }, '/guarded': { body, needsToken: true } },
    servers: [...bothServers(SUITE, ['--log-dir', folder]), ...sharedServer(SUITE, ['--log-dir', folder])],
    /** Of every plugin server. */
    args: ['--log-dir', folder],
    roundMs: 2000,
    env: LUA_ENV,
  };
}

type Suite = Omit<Case, 'name' | 'connections' | 'rounds'> & { args: string[] };

/** What kong.yml has on every route: the two parts that read no body, so that nothing is buffered. */
function withoutBodies(suite: Suite): Suite {
  const parts = ['genesys-quota', 'genesys-token-manager'].map((plugin) => sharedName(plugin));
  const rows = suite.rows
    .filter(({ name }) => ['no plugin', SEPARATE, 'combined'].includes(name))
    .map(({ accepts: _, ...row }): Row => {
      if (row.name === SEPARATE) {
        const plugins = row.plugins.filter(({ name }) => name === 'key-auth' || parts.includes(name));
        return { ...row, plugins, comparedWith: 'no plugin' };
      }
      const plugins = row.plugins.map(({ name, config }) => {
        if (name !== sharedName(COMBINED)) return { name, config };
        return { name: COMBINED_UNBUFFERED, config: { quota: config.quota, token_manager: config.token_manager } };
      });
      return { ...row, plugins };
    });
  return { ...suite, rows };
}

/** The configuration of genesys-gateway with the same parts. */
function recordsOf(configs: Record<(typeof SUITE)[number], Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(configs).map(([plugin, config]) => [plugin.replace('genesys-', '').replace('-', '_'), config]),
  );
}
