/**
 * genesys-token-manager: the OAuth client of Genesys Cloud stays in the gateway, and every request that reaches the
 * service carries its token. This file is the plugin's contract with the process that runs it (plugins/shared/plugin.ts).
 */
import { configError } from '../shared/config.js';
import { BARE_HOST, type Host } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { type Access, handleAccess, type Injection } from './access.js';
import { type ClientSource, type Config, readConfig } from './config.js';
import { type Effects, realEffects } from './effects.js';
import { handleLog, type Log } from './log.js';
import { createMetrics } from './metrics.js';
import { createOperations } from './operations.js';
import { handleRegionalAccess, type RegionalAccess, tokenWaitMs } from './regions/access.js';
import { createRegionGroups } from './regions/groups.js';
import { regionOperations } from './regions/operations.js';
import { createServiceBreaker } from './service-breaker.js';
import { redactedKey, serviceHeaders } from './service-headers.js';
import { createTokenBroker } from './tokens/broker.js';
import { createTokenPool, type TokenPool } from './tokens/pool.js';
import { openTokenStore } from './tokens/store.js';

export { EntityChecks, PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-token-manager';
export const Version = '0.1.0';
/** After every plugin that may refuse a request (authentication, acl, rate limits), so that those cost no token. */
export const Priority = 850;

/** Kong starts an instance per configuration and nginx worker; they all share the tokens and regions of the process. */
const regionGroups = createRegionGroups();
const told = createMetrics(() => broker, regionGroups, realEffects.nowMs);
const effects: Effects = {
  ...realEffects,
  countTokenRequest: told.countTokenRequest,
  countTokenUse: told.countTokenUse,
};
const broker = createTokenBroker(effects);
const operator = createOperations(broker);
export const metrics = told.families;
export const operations = [...operator.operations, ...regionOperations(regionGroups, realEffects.nowMs)];

/** One configuration, without what it would learn from answers. */
class TokensWithoutLog implements PluginInstance {
  readonly #access: (kong: Kong) => Promise<void>;
  protected readonly learns: Log;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown, host: Host = BARE_HOST, hasLog = false) {
    const { credential, headerName, purgeOnStatuses, ...rest } = readConfig(config, host);
    if (!hasLog && credential.kind === 'regional') throw needsLog('config.regions');
    if (!hasLog && rest.breaker !== undefined) throw needsLog('config.circuit_breaker');
    const breaker = rest.breaker && createServiceBreaker(rest.breaker, rest.serviceId);
    const injection: Injection = { headersWith: serviceHeaders(headerName), redactedKey: redactedKey(headerName) };
    const isShared = credential.kind !== 'static' && credential.sharedCache !== undefined;
    const log = { broker, purgeOnStatuses, learnsUse: isShared, breaker };
    if (credential.kind === 'regional') {
      const access = createRegionalAccess(credential, injection);
      const names = access.regions.map(({ name }) => name);
      this.#access = (kong) => handleRegionalAccess(kong, access);
      this.learns = { ...log, regions: { names, states: access.states } };
      return;
    }
    const injected = credential.kind === 'static' ? counted(credential) : createPool(credential, credential.sources);
    const access: Access = { ...injection, credential: injected, breaker };
    this.#access = (kong) => handleAccess(kong, access);
    this.learns = { ...log, regions: undefined };
  }

  /** Puts the credential in, or answers 429 or 503. */
  access(kong: Kong): Promise<void> {
    return this.#access(kong);
  }
}

/** One configuration. */
export class Plugin extends TokensWithoutLog {
  /** @throws as above */
  constructor(config: unknown, host: Host = BARE_HOST) {
    super(config, host, true);
  }

  /** Learns from the service's answer. */
  log(kong: Kong): Promise<void> {
    return handleLog(kong, this.learns);
  }
}

/** A log phase costs Kong more than the rest of the plugin: `--without-log` learns of no 401, and is faster. */
export const variants = { 'without-log': TokensWithoutLog };

function needsLog(field: string): Error {
  return configError(field, 'learns from answers, which a plugin server started with --without-log does not see');
}

/** A static credential whose uses an operator can see. */
function counted(credential: Extract<Config['credential'], { kind: 'static' }>): typeof credential {
  return {
    ...credential,
    headerValue() {
      const value = credential.headerValue();
      operator.countStatic(value);
      return value;
    },
  };
}

type Fetched = Exclude<Config['credential'], { kind: 'static' }>;

function createPool({ policy, sharedCache }: Fetched, sources: ClientSource[]): TokenPool {
  const store = sharedCache && openTokenStore(sharedCache);
  return createTokenPool({ sources, policy, store }, broker, operator, effects);
}

function createRegionalAccess(
  credential: Extract<Fetched, { kind: 'regional' }>,
  injection: Injection,
): RegionalAccess {
  const { regions, policy, methods, responseHeader } = credential.failover;
  const names = regions.map(({ name, upstream }) => ({ name, upstream }));
  // The keys hold a digest of the secrets: who knows only the ids cannot make another one's regions fail over.
  const identity = regions.flatMap(({ sources }) => sources.map((source) => source.current().key));
  return {
    ...injection,
    regions: regions.map(({ name, upstream, sources }) => ({ name, upstream, pool: createPool(credential, sources) })),
    states: regionGroups.open(names, identity, policy).states,
    methods,
    responseHeader,
    tokenWaitMs: tokenWaitMs(credential.policy.timeoutMs, regions.length),
    effects: realEffects,
  };
}
