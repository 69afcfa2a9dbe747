/**
 * Makes the shipped kong.yml run on a laptop: adds the development consumer, and replaces Genesys Cloud by the
 * simulator or moves it to another region. So what is tried out and tested is the configuration that ships.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { type Region, regionApiUrl } from '../../plugins/shared/regions.js';

const KONG = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '..' : '../../../kong');
const TOKEN_MANAGER = 'genesys-token-manager';
const LOGIN = 'genesys-login';

/** The parts of kong.yml that are changed here. */
export interface KongConfig extends Record<string, unknown> {
  services: ServiceEntry[];
  upstreams: UpstreamEntry[];
  consumers?: ConsumerEntry[];
}
interface ServiceEntry {
  name: string;
  tags?: string[];
  url?: string;
  protocol?: string;
  path?: string | undefined;
  tls_verify?: boolean;
  ca_certificates?: string[];
  routes: { methods?: string[]; plugins: PluginEntry[] }[];
}
interface UpstreamEntry {
  name: string;
  targets: { target: string; weight?: number }[];
  healthchecks?: { active: { https_sni?: string } };
}
interface ConsumerEntry {
  username: string;
  acls?: { group: string }[];
  keyauth_credentials?: { key: string }[];
  basicauth_credentials?: { username: string; password: string }[];
  jwt_secrets?: { key: string; algorithm: string; rsa_public_key: string; secret?: string }[];
  plugins?: PluginEntry[];
}
interface PluginEntry {
  name: string;
  config: Record<string, unknown>;
}

/** Where requests go: to a simulator, or to Genesys Cloud in a region. */
export type Destination = { kind: 'simulator'; url: string; tokenUrl: string } | { kind: 'region'; region: Region };

/** The credentials of the development consumer. */
export interface DevelopmentAccess {
  key: string;
  clientId: string;
  clientSecret: string;
}

/** These credentials are public. */
export const DEMO_ACCESS: DevelopmentAccess = {
  key: 'demo-key',
  clientId: 'demo-client',
  clientSecret: 'demo-secret',
};

let signingKeys: { publicKey: string; privateKey: string } | undefined;

/** Returns the key pair that signs the gateway's own tokens, in PEM. Made in memory, once per process. */
export function developmentSigningKeys(): { publicKey: string; privateKey: string } {
  signingKeys ??= generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return signingKeys;
}

/** Returns the environment variables that a gateway with this configuration needs, besides Genesys' credentials. */
export function developmentEnv(): Record<string, string> {
  return { GENESYS_LOGIN_SIGNING_KEY: developmentSigningKeys().privateKey };
}

/**
 * Builds the configuration.
 * @param access replaces the development consumer's publicly known key and secret
 * @param config what to build on, which is changed: the shipped one, or one that a command has made
 */
export function developmentConfig(
  destination: Destination,
  access = DEMO_ACCESS,
  config = readYaml('kong.yml'),
): KongConfig {
  const consumers = readYaml('development.yml').consumers ?? [];
  for (const consumer of consumers) {
    consumer.keyauth_credentials = [{ key: access.key }];
    consumer.basicauth_credentials = [{ username: access.clientId, password: access.clientSecret }];
    consumer.jwt_secrets = loginKeyIds(config).map((id) => ({
      key: `${consumer.username}:${id}`,
      algorithm: 'RS256',
      rsa_public_key: developmentSigningKeys().publicKey,
      // decK 1.56 asks for it, and with RS256 Kong does not use it.
      secret: 'unused',
    }));
  }
  for (const upstream of config.upstreams) aim(upstream, destination);
  for (const service of config.services) {
    const entries = service.routes.flatMap((route) => route.plugins).filter(({ name }) => name === TOKEN_MANAGER);
    // A service is Genesys only if it gets Genesys' token.
    if (entries.length > 0 && destination.kind === 'simulator') withoutTls(service);
    for (const { config: settings } of entries) {
      if (destination.kind === 'simulator') settings.token_url = destination.tokenUrl;
      else settings.region = destination.region;
    }
  }
  return { ...config, consumers: [...(config.consumers ?? []), ...consumers] };
}

function aim(upstream: UpstreamEntry, destination: Destination): void {
  if (destination.kind === 'simulator') {
    upstream.targets = [{ target: new URL(destination.url).host }];
    // The simulator plays services that fail, and tests count its requests.
    delete upstream.healthchecks;
    return;
  }
  const { hostname } = new URL(regionApiUrl(destination.region));
  upstream.targets = [{ target: `${hostname}:443` }];
  if (upstream.healthchecks !== undefined) upstream.healthchecks.active.https_sni = hostname;
}

/** Turns TLS off, which a simulator does not speak. */
function withoutTls(service: ServiceEntry): void {
  service.protocol = 'http';
  delete service.tls_verify;
  delete service.ca_certificates;
}

/** Writes the private key into the configuration, for a Kong whose environment we do not set. Development only. */
export function inlineSigningKey(config: KongConfig): void {
  for (const login of loginsOf(config)) login.config.signing_key = developmentSigningKeys().privateKey;
}

function loginKeyIds(config: KongConfig): string[] {
  return loginsOf(config).map((login) => String(login.config.key_id));
}

function loginsOf({ services }: KongConfig): PluginEntry[] {
  const plugins = services.flatMap(({ routes }) => routes).flatMap(({ plugins }) => plugins);
  return plugins.filter(({ name }) => name === LOGIN);
}

/** Makes quotas count in Redis instead of in each node. */
export function useRedis(config: KongConfig, redis: { host: string; port: number }): void {
  for (const { name, config: settings } of config.services.flatMap(({ routes }) => routes).flatMap((r) => r.plugins)) {
    if (name === 'genesys-quota') Object.assign(settings, { policy: 'redis', redis });
  }
}

function readYaml(name: string): KongConfig {
  return parse(readFileSync(resolve(KONG, name), 'utf8'), { merge: true }) as KongConfig;
}
