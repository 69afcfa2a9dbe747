/** A Genesys Cloud simulator and a gateway in front of it, with the configuration that ships. */
import { developmentConfig, developmentEnv, type KongConfig } from '../../kong/testbed/development-config.js';
import {
  DEFAULT_CLIENT,
  type GenesysCloud,
  type GenesysCloudOptions,
  startGenesysCloud,
} from '../../kong/testbed/genesys-cloud/index.js';
import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { type Gateway, startGateway } from './gateway.js';

export const KEY = { apikey: 'demo-key' };

export interface GenesysGateway {
  gateway: Gateway;
  genesys: GenesysCloud;
  /** The configuration that is in place; `edit` changes a copy of it and puts that in place. */
  reconfigure(edit: (config: KongConfig) => void): Promise<void>;
  /** A copy of the configuration, as `edit` changes it. */
  configuration(edit: (config: KongConfig) => void): KongConfig;
  /** A request with the development consumer's key. */
  get(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** The configuration of the token manager in the shipped configuration. */
export function tokenManagerConfig(config: KongConfig): Record<string, unknown> {
  const entry = config.services[0]?.routes[0]?.plugins.find(({ name }) => name === 'genesys-token-manager');
  if (entry === undefined) throw new Error('kong.yml has no genesys-token-manager');
  return entry.config;
}

/** Puts a plugin on every route that leads to Genesys and has none of its name. */
export function addToApi(config: KongConfig, plugin: { name: string; config: Record<string, unknown> }): void {
  for (const { plugins } of config.services.flatMap(({ routes }) => routes)) {
    const names = plugins.map(({ name }) => name);
    if (names.includes('genesys-token-manager') && !names.includes(plugin.name)) plugins.push(structuredClone(plugin));
  }
}

/**
 * Starts both.
 * @param edit changes the shipped configuration before the gateway starts
 */
export async function startGenesysGateway(
  options: GenesysCloudOptions & {
    plugins?: readonly ExternalPlugin[];
    /** Leaves the shipped limits in place; without, a test may send as much as it likes. */
    withQuota?: boolean;
    /** Leaves the shipped audit log in place. */
    withAudit?: boolean;
    edit?: (config: KongConfig) => void;
    /** Of the gateway, beside what kong.yml needs. */
    env?: Record<string, string>;
    /** nginx workers of a real Kong. */
    workers?: number;
    /** How long the gateway waits for a plugin server. */
    pluginServerTimeoutMs?: number;
  } = {},
): Promise<GenesysGateway> {
  const genesys = await startGenesysCloud({ rateLimitPerMinute: 0, ...options });
  const config = (): KongConfig => {
    const shipped = developmentConfig({ kind: 'simulator', url: genesys.url, tokenUrl: genesys.tokenUrl });
    for (const route of shipped.services.flatMap(({ routes }) => routes)) {
      if (!options.withQuota) route.plugins = route.plugins.filter(({ name }) => name !== 'genesys-quota');
      if (!options.withAudit) route.plugins = route.plugins.filter(({ name }) => !name.startsWith('genesys-pii-log'));
    }
    for (const consumer of shipped.consumers ?? []) if (!options.withQuota) delete consumer.plugins;
    return shipped;
  };
  const configuration = (edit: (config: KongConfig) => void): KongConfig => {
    const next = config();
    edit(next);
    return next;
  };
  const first = config();
  options.edit?.(first);
  const gateway = await startGateway({
    config: first,
    plugins: options.plugins ?? PLUGINS,
    workers: options.workers ?? 1,
    ...(options.pluginServerTimeoutMs && { pluginServerTimeoutMs: options.pluginServerTimeoutMs }),
    env: {
      ...developmentEnv(),
      GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
      GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
      ...options.env,
    },
  });
  return {
    gateway,
    genesys,
    reconfigure: (edit) => gateway.reconfigure(configuration(edit)),
    configuration,
    get: (path, init = {}) => fetch(`${gateway.url}${path}`, { ...init, headers: { ...KEY, ...init.headers } }),
    async close() {
      await gateway.close();
      await genesys.close();
    },
  };
}
