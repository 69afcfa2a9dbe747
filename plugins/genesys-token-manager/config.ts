/**
 * Turns Kong's raw configuration into what the plugin works with: the credential to inject, how to fetch tokens, and
 * the header. Every mistake is refused here, so the rest of the plugin does not check again.
 */
import type { BreakerPolicy } from '../shared/circuit-breaker.js';
import type { Host } from '../shared/host.js';
import { readEgress } from '../shared/http/egress.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import { parseConfig } from '../shared/kong-schema/parse-config.js';
import { isReference } from '../shared/kong-schema/reference.js';
import { property } from '../shared/property.js';
import { readRedisSettings } from '../shared/redis/settings.js';
import { regionTokenUrl } from '../shared/regions.js';
import { openSecret, type Secret } from '../shared/secret.js';
import { readSecureUrl } from '../shared/secure-url.js';
import { readHeaderName } from './header-name.js';
import { openClientSecret } from './login/assertion.js';
import { type ClientSource, clientSource, type FetchPolicy } from './login/client.js';
import { createRefusals, type Refusals } from './own-token.js';
import { type Failover, readFailover } from './regions/config.js';
import { EntityChecks, type RawConfig, Schema } from './schema.js';
import type { SharedCache } from './tokens/store.js';

/** How to fetch tokens of an OAuth client, and where to keep them. */
interface Fetching {
  policy: FetchPolicy;
  sharedCache: SharedCache | undefined;
}

/** The credential to inject. */
export type Credential =
  | ({ kind: 'oauth2'; sources: ClientSource[] } & Fetching)
  | ({ kind: 'regional'; failover: Failover } & Fetching)
  | { kind: 'static'; headerValue(): string; takeWarning(): string | undefined };

export interface Config {
  credential: Credential;
  headerName: string;
  purgeOnStatuses: ReadonlySet<number>;
  refusals: Refusals;
  /** Undefined means no breaker. */
  breaker: BreakerPolicy | undefined;
  /** The plugin's service, if Kong names it. Kong does not for a plugin on a route or a global plugin. */
  serviceId: string | undefined;
}

/** The region of the OAuth client's organisation, unless configured. */
const DEFAULT_REGION = 'us_east_1';
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
/** The parameters that the plugin sets itself. */
const OWN_PARAMS = new Set(['grant_type', 'client_id', 'client_secret', 'scope']);
/** The headers that the plugin sets itself, or that would change how the answer is read. */
const OWN_HEADERS = new Set(['authorization', 'accept-encoding', 'proxy-authorization']);
/** RFC 9110 5.5: visible ASCII, with spaces and tabs between. */
const HEADER_VALUE = /^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/;

/** The longest open time: this many times `open_seconds`, but at most ten minutes (or `open_seconds` if longer). */
const MAX_OPEN_FACTOR = 32;
const MAX_OPEN_MS = 600_000;

/**
 * Parses the configuration of an instance. Reads the files that it names.
 * @param raw the configuration as Kong sends it, with references resolved and keys of Kong's own
 * @throws ConfigError that names the field and contains no secret
 */
export function readConfig(raw: unknown, host: Host): Config {
  const config = parseConfig(Schema, raw, EntityChecks);
  const headerName = readHeaderName('header_name', config.header_name);
  if (config.failover !== undefined && config.regions === undefined) {
    throw new ConfigError('failover', 'is for a configuration with regions');
  }
  if (config.regions !== undefined && config.credential !== 'oauth2') {
    throw new ConfigError('regions', 'is for credential oauth2');
  }
  return {
    credential: config.credential === 'oauth2' ? readOauth(config, host) : readStatic(config, host),
    headerName,
    purgeOnStatuses: new Set(config.purge_on_statuses),
    refusals: readRefusals(config.refuse_operations ?? []),
    breaker: config.circuit_breaker && readBreaker(config.circuit_breaker),
    serviceId: readServiceId(raw),
  };
}

function readRefusals(operations: readonly string[]): Refusals {
  for (const [index, operation] of operations.entries()) {
    try {
      createRefusals([operation]);
    } catch (error) {
      throw new ConfigError(`refuse_operations[${index}]`, (error as Error).message);
    }
  }
  return createRefusals(operations);
}

function readOauth(config: RawConfig, host: Host): Credential {
  for (const name of Object.keys(config.extra_params ?? {})) {
    if (OWN_PARAMS.has(name) || (isSigned(config) && name.startsWith('client_assertion')))
      throw new ConfigError(`extra_params.${name}`, 'is set by the plugin itself');
  }
  for (const [name, value] of Object.entries(config.token_headers ?? {})) readTokenHeader(name, value);
  if (!isSigned(config)) {
    for (const field of ['assertion_key_id', 'assertion_audience'] as const) {
      if (config[field] !== undefined) throw new ConfigError(field, 'is for client_secret_jwt and private_key_jwt');
    }
  }
  const fetching = {
    policy: {
      refreshAheadMs: config.refresh_ahead_seconds * 1000,
      timeoutMs: config.timeout_ms,
      maxAttempts: config.max_attempts,
    },
    sharedCache: config.cache === 'redis' ? readSharedCache(config, host) : undefined,
  };
  if (config.regions !== undefined) {
    const failover = readFailover(config, config.regions, host, (tokenUrl, path, id, secret) =>
      clientSources(config, readSecureUrl(tokenUrl, path), id, secret, host),
    );
    return { kind: 'regional', failover, ...fetching };
  }
  const tokenUrl = readSecureUrl(config.token_url ?? regionTokenUrl(config.region ?? DEFAULT_REGION), 'token_url');
  const sources = readClients(config, host).flatMap(({ id, secret }) =>
    clientSources(config, tokenUrl, id, secret, host),
  );
  return { kind: 'oauth2', sources, ...fetching };
}

/** Makes one source for each token that is held for an OAuth client. */
function clientSources(config: RawConfig, tokenUrl: URL, id: Secret, secret: Secret, host: Host): ClientSource[] {
  const common = {
    tokenUrl: tokenUrl.href,
    tokenHost: tokenUrl.host,
    authMethod: config.auth_method,
    assertion: { audience: config.assertion_audience ?? tokenUrl.href, keyId: config.assertion_key_id },
    scope: config.scope,
    extraParams: config.extra_params ?? {},
    tokenHeaders: config.token_headers ?? {},
    defaultLifetimeMs: config.default_ttl_seconds * 1000,
    maxIdleMs: config.max_idle_seconds && config.max_idle_seconds * 1000,
    egress: readEgress(config, tokenUrl, host),
  };
  return Array.from({ length: config.tokens_per_client }, (_, slot) => clientSource({ ...common, slot }, id, secret));
}

function readClients(config: RawConfig, host: Host): { id: Secret; secret: Secret }[] {
  const { client_id: id, client_secret: secret, clients } = config;
  if (clients !== undefined) {
    if (secret !== undefined) throw new ConfigError('clients', 'cannot stand beside client_secret');
    const read = clients.map((client, index) => ({
      id: openSecret(`clients[${index}].client_id`, client.client_id, host),
      secret: openClientSecret(`clients[${index}].client_secret`, client.client_secret, config.auth_method, host),
    }));
    const ids = read.map((client) => client.id.current());
    const twice = ids.findIndex((value, index) => ids.indexOf(value) !== index);
    if (twice !== -1) throw new ConfigError(`clients[${twice}].client_id`, 'is listed twice; see tokens_per_client');
    return read;
  }
  return [
    {
      id: openSecret('client_id', id, host),
      secret: openClientSecret('client_secret', secret, config.auth_method, host),
    },
  ];
}

function isSigned({ auth_method: method }: RawConfig): boolean {
  return method === 'client_secret_jwt' || method === 'private_key_jwt';
}

/** Checks a header of the token request. */
function readTokenHeader(name: string, value: string): void {
  const path = `token_headers.${name}`;
  readHeaderName(path, name);
  if (OWN_HEADERS.has(name.toLowerCase())) throw new ConfigError(path, 'is set by the plugin itself');
  if (value.trim() === '') throw new ConfigError(path, 'is empty');
  if (isReference(value)) throw new ConfigError(path, 'is a vault reference that was not resolved');
  if (!HEADER_VALUE.test(value)) throw new ConfigError(path, 'holds characters that no header can carry');
}

function readSharedCache(config: RawConfig, host: Host): SharedCache {
  if (config.redis === undefined) throw new ConfigError('redis', 'is required');
  const text = openSecret('cache_encryption_key', config.cache_encryption_key, host).current().trim();
  const encryptionKey = Buffer.from(text, 'base64');
  if (encryptionKey.length !== 32 || !/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    throw new ConfigError('cache_encryption_key', 'must be 32 bytes in base64');
  }
  return { redis: readRedisSettings(config.redis, 'redis', host), encryptionKey };
}

function readStatic(config: RawConfig, host: Host): Credential {
  if (config.credential === 'basic') {
    // RFC 7617 2: the first colon ends the user name.
    const username = openSecret('username', config.username, host, (value) =>
      value.includes(':') ? 'must not hold a colon' : undefined,
    );
    const password = openSecret('password', config.password, host);
    return {
      kind: 'static',
      headerValue: () =>
        `Basic ${Buffer.from(`${username.current()}:${password.current()}`, 'utf8').toString('base64')}`,
      takeWarning: () => username.takeWarning() ?? password.takeWarning(),
    };
  }
  const secret = openSecret('secret', config.secret, host, (value) =>
    VISIBLE_ASCII.test(value) ? undefined : 'holds characters that no header can carry',
  );
  const prefix = config.credential === 'bearer' ? 'Bearer ' : '';
  return { kind: 'static', headerValue: () => prefix + secret.current(), takeWarning: secret.takeWarning };
}

function readBreaker(config: NonNullable<RawConfig['circuit_breaker']>): BreakerPolicy {
  const openMs = config.open_seconds * 1000;
  return {
    failures: config.failures,
    windowMs: config.window_seconds * 1000,
    openMs,
    maxOpenMs: Math.max(openMs, Math.min(openMs * MAX_OPEN_FACTOR, MAX_OPEN_MS)),
  };
}

/** Returns the service's id, which Kong adds to the fields of the schema. */
function readServiceId(raw: unknown): string | undefined {
  const id = property(raw, 'service_id');
  return typeof id === 'string' && id !== '' ? id : undefined;
}
