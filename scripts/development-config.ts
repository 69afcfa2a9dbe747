/**
 * The shipped kong.yml, made to run on a laptop: the development consumer added, Genesys Cloud replaced by the simulator
 * or moved to another region. What is tried out and tested is so the configuration that ships.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { type Region, regionApiUrl } from '../plugins/shared/regions.js';

const KONG = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../kong' : '../../kong');
const TOKEN_MANAGER = 'genesys-token-manager';

/** The parts of kong.yml that are changed here. */
export interface KongConfig extends Record<string, unknown> {
  services: { name: string; url: string; routes: { plugins: PluginEntry[] }[] }[];
  consumers?: { username: string; keyauth_credentials?: { key: string }[]; plugins?: PluginEntry[] }[];
}
interface PluginEntry {
  name: string;
  config: Record<string, unknown>;
}

/** Where requests go: to a simulator, or to Genesys Cloud in a region. */
export type Destination = { kind: 'simulator'; url: string; tokenUrl: string } | { kind: 'region'; region: Region };

/**
 * Builds the configuration.
 * @param key replaces the development consumer's key, which everyone knows
 */
export function developmentConfig(destination: Destination, key?: string): KongConfig {
  const config = readYaml('kong.yml');
  const overlay = readYaml('development.yml');
  const consumers = [...(config.consumers ?? []), ...(overlay.consumers ?? [])];
  if (key !== undefined) {
    for (const consumer of consumers) consumer.keyauth_credentials = [{ key }];
  }
  for (const service of config.services) {
    const path = new URL(service.url).pathname.replace(/\/$/, '');
    service.url = (destination.kind === 'simulator' ? destination.url : regionApiUrl(destination.region)) + path;
    for (const entry of service.routes.flatMap((route) => route.plugins)) {
      if (entry.name !== TOKEN_MANAGER) continue;
      if (destination.kind === 'simulator') entry.config.token_url = destination.tokenUrl;
      else entry.config.region = destination.region;
    }
  }
  return { ...config, consumers };
}

/** Counts in Redis instead of in each node. */
export function useRedis(config: KongConfig, redis: { host: string; port: number }): void {
  for (const { name, config: settings } of config.services.flatMap(({ routes }) => routes).flatMap((r) => r.plugins)) {
    if (name === 'genesys-quota') Object.assign(settings, { policy: 'redis', redis });
  }
}

function readYaml(name: string): KongConfig {
  return parse(readFileSync(resolve(KONG, name), 'utf8')) as KongConfig;
}
