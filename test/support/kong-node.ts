/** One node of a real Kong that has several: with PostgreSQL, or of a hybrid deployment. `KONG_BIN`, or `kong` on PATH. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environmentOf, nginxSettings, settingsOf } from '../../kong/install/plugin-server-settings.js';
import { type ExternalPlugin, pluginServerCommands } from '../../kong/testbed/plugin-servers.js';
import type { Postgres } from './postgres.js';

export const KONG = process.env.KONG_BIN ?? 'kong';
const run = promisify(execFile);

export interface KongNode {
  prefix: string;
  /** `kong` with these arguments and the node's settings. */
  command(...args: string[]): Promise<unknown>;
  start(): Promise<void>;
  /** Ends the processes; the node can be started again. */
  stop(): Promise<void>;
  /** Ends the processes and removes the folder. */
  remove(): Promise<void>;
}

export interface KongNodeOptions {
  plugins: readonly ExternalPlugin[];
  /** Without, the node knows the plugins' schemas and has no start commands. */
  startsServers: boolean;
  /** Kong's settings and what else its environment holds. */
  env: Record<string, string>;
}

/** Makes a node with a prefix of its own, and starts nothing. */
export function createKongNode({ plugins, startsServers, env }: KongNodeOptions): KongNode {
  const prefix = mkdtempSync(join(tmpdir(), 'kong-'));
  const settings = environmentOf(settingsOf(pluginServerCommands(plugins, prefix)));
  const kept = Object.entries(settings).filter(([name]) => startsServers || !name.endsWith('_START_CMD'));
  const options = {
    env: {
      ...process.env,
      ...environmentOf(nginxSettings()),
      KONG_ADMIN_GUI_LISTEN: 'off',
      KONG_STATUS_LISTEN: 'off',
      KONG_ANONYMOUS_REPORTS: 'off',
      KONG_NGINX_WORKER_PROCESSES: '1',
      ...Object.fromEntries(kept),
      ...env,
      KONG_PREFIX: prefix,
    },
  };
  const command = (...args: string[]): Promise<unknown> => run(KONG, args, options);
  const stop = async (): Promise<void> => {
    await command('stop', '--prefix', prefix).catch(() => {});
  };
  return {
    prefix,
    command,
    stop,
    async start() {
      await command('start');
    },
    async remove() {
      await stop();
      rmSync(prefix, { recursive: true, force: true });
    },
  };
}

/** Kong's settings of its database. */
export function postgresSettings({ port, user }: Postgres): Record<string, string> {
  return {
    KONG_DATABASE: 'postgres',
    KONG_PG_HOST: '127.0.0.1',
    KONG_PG_PORT: String(port),
    KONG_PG_USER: user,
    KONG_PG_DATABASE: 'postgres',
  };
}
