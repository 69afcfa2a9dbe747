/**
 * A real Kong that keeps its configuration in PostgreSQL, as decK needs it: two nodes on one database.
 *
 * Kong 3.9 answers `GET /` of the Admin API with 500 on a node that starts plugin servers itself (Kong pull request 14111
 * mends it in later releases), and decK begins with that call. So decK speaks to an admin node, which knows the plugins'
 * schemas and starts nothing, and requests go through another node, as docs/deck.md says.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, pluginServerSettings } from '../../scripts/native-kong.js';
import type { ExternalPlugin } from '../../scripts/plugin-servers.js';
import { POSTGRES_MISSING, startPostgres } from './postgres.js';
import { runs } from './runs.js';

const KONG = process.env.KONG_BIN ?? 'kong';
const run = promisify(execFile);

/** Undefined if both are there; else why their tests are skipped. */
export const KONG_WITH_POSTGRES_MISSING =
  POSTGRES_MISSING ?? (runs(KONG, 'version') ? undefined : 'no Kong (KONG_BIN, or kong on PATH)');

export interface KongWithPostgres {
  url: string;
  /** Of the admin node. */
  adminUrl: string;
  /** Of the node that serves requests and manages plugin servers: its `GET /` is broken. */
  brokenAdminUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts both, with an empty configuration.
 * @param env added to Kong's environment, for `{vault://env/...}`
 */
export async function startKongWithPostgres(
  plugins: readonly ExternalPlugin[],
  env: Record<string, string> = {},
): Promise<KongWithPostgres> {
  const postgres = await startPostgres();
  const [port, adminPort, brokenPort] = [await freePort(), await freePort(), await freePort()];
  const common = {
    ...process.env,
    ...env,
    KONG_DATABASE: 'postgres',
    KONG_PG_HOST: '127.0.0.1',
    KONG_PG_PORT: String(postgres.port),
    KONG_PG_USER: postgres.user,
    KONG_PG_DATABASE: 'postgres',
    // How soon a node notices what was changed through another one, in seconds.
    KONG_DB_UPDATE_FREQUENCY: '1',
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: 'off',
    KONG_ANONYMOUS_REPORTS: 'off',
    KONG_NGINX_WORKER_PROCESSES: '1',
    KONG_PLUGINS: ['bundled', ...plugins.map(({ name }) => name)].join(','),
    KONG_PLUGINSERVER_NAMES: plugins.map(({ name }) => name).join(','),
  };
  const stops: (() => Promise<unknown>)[] = [() => postgres.stop()];
  const stop = async (): Promise<void> => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  const startNode = async (listen: Record<string, string>, startsServers: boolean, bootstrap: boolean) => {
    const prefix = mkdtempSync(join(tmpdir(), 'kong-'));
    const settings = Object.assign({}, ...plugins.map((plugin) => pluginServerSettings(plugin, prefix)));
    const kept = Object.entries<string>(settings).filter(([name]) => startsServers || !name.endsWith('_START_CMD'));
    const options = { env: { ...common, ...Object.fromEntries(kept), ...listen, KONG_PREFIX: prefix } };
    stops.push(async () => rmSync(prefix, { recursive: true, force: true }));
    if (bootstrap) await run(KONG, ['migrations', 'bootstrap'], options);
    await run(KONG, ['start'], options);
    stops.push(() => run(KONG, ['stop', '--prefix', prefix], options).catch(() => {}));
  };
  try {
    const admin = `127.0.0.1:${adminPort}`;
    await startNode({ KONG_PROXY_LISTEN: 'off', KONG_ADMIN_LISTEN: admin }, false, true);
    await startNode(
      { KONG_PROXY_LISTEN: `127.0.0.1:${port}`, KONG_ADMIN_LISTEN: `127.0.0.1:${brokenPort}` },
      true,
      false,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    brokenAdminUrl: `http://127.0.0.1:${brokenPort}`,
    stop,
  };
}
