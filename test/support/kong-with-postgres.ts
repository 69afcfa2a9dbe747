/**
 * A real Kong that keeps its configuration in PostgreSQL, as decK needs it: two nodes on one database.
 *
 * Kong 3.9 answers `GET /` of the Admin API with 500 on a node that starts plugin servers itself (Kong pull request 14111
 * mends it in later releases), and decK begins with that call. So decK speaks to an admin node, which knows the plugins'
 * schemas and starts nothing, and requests go through another node, as docs/deck.md says.
 */

import { freePort } from '../../kong/testbed/free-port.js';
import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';
import { runs } from '../../kong/testbed/runs.js';
import { createKongNode, KONG, postgresSettings } from './kong-node.js';
import { POSTGRES_MISSING, startPostgres } from './postgres.js';

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
    ...env,
    ...postgresSettings(postgres),
    // How soon a node notices what was changed through another one, in seconds.
    KONG_DB_UPDATE_FREQUENCY: '1',
  };
  const stops: (() => Promise<unknown>)[] = [() => postgres.stop()];
  const stop = async (): Promise<void> => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  const startNode = async (listen: Record<string, string>, startsServers: boolean, bootstrap: boolean) => {
    const node = createKongNode({ plugins, startsServers, env: { ...common, ...listen } });
    stops.push(node.remove);
    if (bootstrap) await node.command('migrations', 'bootstrap');
    await node.start();
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
