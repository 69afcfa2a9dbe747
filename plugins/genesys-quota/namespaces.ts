/**
 * What a process keeps for each namespace as long as it lives: counters, what Genesys has closed, use by consumer.
 * Instances come and go with nginx workers and configurations; their namespace stays.
 */
import type { OpenRedis, RedisConnection } from '../shared/redis/connection.js';
import type { Config } from './config.js';
import { type Closures, createClosures } from './genesys-limits/closures.js';
import { createHints, type Hints } from './genesys-limits/hints.js';
import { createLocalCounters, type LocalCounters } from './limits/local-counters.js';
import { createRedisCounters, type RedisCounters } from './limits/redis-counters.js';
import { createRedisFaults } from './limits/redis-faults.js';
import { createUsage, type Usage } from './usage.js';

export interface Namespace {
  name: string;
  /** Counters of this node; with Redis, for the time that it is away. */
  local: LocalCounters;
  /** Undefined: policy local. */
  shared: { redis: RedisConnection; counters: RedisCounters; faults: ReturnType<typeof createRedisFaults> } | undefined;
  closures: Closures;
  hints: Hints;
  usage: Usage;
  /** Requests by decision: the name of the limit that refused them, or the kind of admission. */
  decisions: Map<string, number>;
}

/** Makes the namespaces of a process. Configurations that name Redis differently count apart in one namespace. */
export function createNamespaces(openRedis: OpenRedis) {
  const namespaces = new Map<string, Namespace>();
  // The machine's clock as it is now, and monotonic from here: set forward by mistake it would open a window early, and
  // set back again keep one from ending for as long.
  const startedMs = Date.now() - performance.now();
  const clockUs = (): number => Math.floor((startedMs + performance.now()) * 1000);

  function create({ namespace: name, redis: settings }: Config): Namespace {
    // Counters of configurations that are gone: no request comes any more that would let them die.
    for (const { local } of namespaces.values()) local.dropIdle();
    const redis = settings && openRedis(settings);
    return {
      name,
      local: createLocalCounters(clockUs),
      shared: redis && { redis, counters: createRedisCounters(redis, name), faults: createRedisFaults() },
      closures: createClosures(),
      hints: createHints(),
      usage: createUsage(name, redis),
      decisions: new Map(),
    };
  }

  return {
    /** Returns the namespace of a configuration; the first call for a Redis begins to connect. */
    open(config: Config): Namespace {
      const key = `${config.redis?.key ?? ''} ${config.namespace}`;
      const namespace = namespaces.get(key) ?? create(config);
      // To the end of the order.
      namespaces.delete(key);
      namespaces.set(key, namespace);
      return namespace;
    },
    /** Returns all of them, in the order in which they were configured last. */
    all: (): Namespace[] => [...namespaces.values()],
  };
}
