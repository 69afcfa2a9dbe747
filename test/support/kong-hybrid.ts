/** A real Kong in hybrid mode on loopback: a control plane with PostgreSQL, and a data plane that serves requests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../kong/testbed/free-port.js';
import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';
import { createKongNode, type KongNode, postgresSettings } from './kong-node.js';
import { startPostgres } from './postgres.js';

export interface KongHybrid {
  /** Of the data plane. */
  url: string;
  /** Of the control plane. */
  adminUrl: string;
  controlPlane: KongNode;
  dataPlane: KongNode;
  stop(): Promise<void>;
}

/**
 * Starts both, with an empty configuration.
 * @param env added to the data plane's environment alone, for `{vault://env/...}`
 */
export async function startKongHybrid(
  plugins: readonly ExternalPlugin[],
  env: Record<string, string>,
): Promise<KongHybrid> {
  const postgres = await startPostgres();
  const [port, adminPort, clusterPort] = [await freePort(), await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  const [certificate, key] = [join(folder, 'cluster.crt'), join(folder, 'cluster.key')];
  const cluster = { KONG_CLUSTER_CERT: certificate, KONG_CLUSTER_CERT_KEY: key };
  const controlPlane = createKongNode({
    plugins,
    startsServers: false,
    env: {
      ...postgresSettings(postgres),
      ...cluster,
      KONG_ROLE: 'control_plane',
      KONG_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      KONG_CLUSTER_LISTEN: `127.0.0.1:${clusterPort}`,
      KONG_CLUSTER_TELEMETRY_LISTEN: 'off',
    },
  });
  const dataPlane = createKongNode({
    plugins,
    startsServers: true,
    env: {
      ...env,
      ...cluster,
      KONG_ROLE: 'data_plane',
      KONG_DATABASE: 'off',
      KONG_PROXY_LISTEN: `127.0.0.1:${port}`,
      KONG_CLUSTER_CONTROL_PLANE: `127.0.0.1:${clusterPort}`,
    },
  });
  const stop = async (): Promise<void> => {
    await dataPlane.remove();
    await controlPlane.remove();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await controlPlane.command('hybrid', 'gen_cert', certificate, key);
    await controlPlane.command('migrations', 'bootstrap');
    await controlPlane.start();
    await dataPlane.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, adminUrl: `http://127.0.0.1:${adminPort}`, controlPlane, dataPlane, stop };
}
