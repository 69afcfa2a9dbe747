/**
 * The state of the process: tokens, regions, circuit breakers. Kong starts an instance per configuration and nginx
 * worker, and all instances share this state.
 */
import type { RunningPart, Steps } from '../runtime/part.js';
import type { RedisConnection } from '../shared/redis/connection.js';
import type { Services } from '../shared/services.js';
import { accessStep, type Injection } from './access.js';
import { createCircuitBreakers } from './circuit-breakers.js';
import { createClientUse } from './client-use.js';
import type { Config } from './config.js';
import { type Effects, realEffects } from './effects.js';
import { createGate, type Gate } from './gate.js';
import { logStep } from './log.js';
import type { ClientSource } from './login/client.js';
import { createLoginTokens } from './login-tokens.js';
import { createMarks, openSharedMarks, type SharedMarks } from './marks.js';
import { createMetrics } from './metrics.js';
import { createOperations } from './operations.js';
import { regionalAccessStep, tokenWaitMs } from './regions/access.js';
import { createRegionGroups } from './regions/groups.js';
import { regionOperations } from './regions/operations.js';
import { redactedKey, serviceHeaders } from './service-headers.js';
import { createTokenBroker } from './tokens/broker.js';
import { createTokenPool, type TokenPool } from './tokens/pool.js';
import { createRouteClosures } from './tokens/route-closures.js';
import { openTokenStore } from './tokens/store.js';

/** Starts the state without tokens. The first request of an OAuth client has its token fetched. */
export function startTokenManager({ openRedis, countFile }: Services): RunningPart<Config> {
  const regionGroups = createRegionGroups();
  const metrics = createMetrics(() => broker, regionGroups, realEffects.nowMs);
  const clientUse = createClientUse(countFile);
  const effects: Effects = {
    ...realEffects,
    ...metrics,
    countTokenUse(source, clientId) {
      metrics.countTokenUse(source);
      clientUse.count(clientId);
    },
  };
  const broker = createTokenBroker(effects);
  const operator = createOperations(broker);
  const breakers = createCircuitBreakers(effects);
  const revoked = createMarks(effects);
  const closures = createRouteClosures(effects);
  const sharedMarks = { revoked: marksByRedis('revoked'), closed: marksByRedis('closed') };

  /** Returns what the nodes share about a topic; undefined without Redis. */
  function onAllNodes(topic: keyof typeof sharedMarks, credential: Config['credential']): SharedMarks | undefined {
    if (credential.kind === 'static' || credential.sharedCache === undefined) return undefined;
    return sharedMarks[topic](openRedis(credential.sharedCache.redis));
  }

  function poolOf(credential: Fetched, sources: ClientSource[]): TokenPool {
    const { policy, sharedCache } = credential;
    const store = sharedCache && openTokenStore(sharedCache, openRedis);
    const routes = { closures, shared: onAllNodes('closed', credential) };
    return createTokenPool({ sources, policy, store }, broker, operator, effects, routes);
  }

  function regionalAccess(credential: Regional, injection: Injection & { gate: Gate }) {
    const { regions, policy, methods, responseHeader } = credential.failover;
    const names = regions.map(({ name, upstream }) => ({ name, upstream }));
    // The keys are digests that include the secrets. So nobody can trigger another's failover by knowing only the ids.
    const identity = regions.flatMap(({ sources }) => sources.map((source) => source.current().key));
    return {
      ...injection,
      regions: regions.map(({ name, upstream, sources }) => ({ name, upstream, pool: poolOf(credential, sources) })),
      states: regionGroups.open(names, identity, policy).states,
      methods,
      responseHeader,
      tokenWaitMs: tokenWaitMs(credential.policy.timeoutMs, regions.length),
      effects,
    };
  }

  /** Returns a static credential whose uses are counted for operators. */
  function counted(credential: Static): Static {
    return {
      ...credential,
      headerValue() {
        const value = credential.headerValue();
        operator.countStatic(value);
        return value;
      },
    };
  }

  function stepsOf({ credential, headerName, purgeOnStatuses, refusals, ...config }: Config): Steps {
    const gate = createGate(refusals, createLoginTokens(revoked, onAllNodes('revoked', credential), effects));
    const injection = { gate, headersWith: serviceHeaders(headerName), redactedKey: redactedKey(headerName) };
    const breaker = config.breaker && breakers.of(config.breaker, config.serviceId);
    const learnsUse = credential.kind !== 'static' && credential.sharedCache !== undefined;
    const log = { broker, purgeOnStatuses, learnsUse, breaker };
    if (credential.kind === 'regional') {
      const access = regionalAccess(credential, injection);
      const names = access.regions.map(({ name }) => name);
      return {
        access: regionalAccessStep(access),
        log: logStep({
          ...log,
          pools: access.regions.map(({ pool }) => pool),
          regions: { names, states: access.states },
        }),
      };
    }
    const injected = credential.kind === 'static' ? counted(credential) : poolOf(credential, credential.sources);
    return {
      access: accessStep({ ...injection, credential: injected, breaker }),
      log: logStep({ ...log, pools: 'kind' in injected ? [] : [injected], regions: undefined }),
    };
  }

  return {
    stepsOf,
    metrics: metrics.families,
    operations: [
      ...operator.operations,
      clientUse.operation,
      ...regionOperations(regionGroups, effects.nowMs),
      breakers.operation,
    ],
    shutdown: clientUse.flush,
  };
}

/** Returns the function that opens the marks of one topic, once for each connection. */
function marksByRedis(topic: string): (redis: RedisConnection) => SharedMarks {
  const opened = new Map<RedisConnection, SharedMarks>();
  return (redis) => {
    const marks = opened.get(redis) ?? openSharedMarks(redis, topic);
    opened.set(redis, marks);
    return marks;
  };
}

type Static = Extract<Config['credential'], { kind: 'static' }>;
type Regional = Extract<Config['credential'], { kind: 'regional' }>;
type Fetched = Exclude<Config['credential'], Static>;
