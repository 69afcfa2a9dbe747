/**
 * What a process keeps for each namespace as long as it runs: counters, what Genesys has closed, use by consumer.
 * Instances come and go with nginx workers and configurations. Their namespace stays.
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
  /** This node's counters. With Redis, they are used while it is away. */
  local: LocalCounters;
  /** Undefined with `policy: local`. */
  shared: { redis: RedisConnection; counters: RedisCounters; faults: ReturnType<typeof createRedisFaults> } | undefined;
  closures: Closures;
  hints: Hints;
  usage: Usage;
  /** Requests by decision: the name of the limit that refused them, or the kind of admission. */
  decisions: Map<string, number>;
}

/** Makes the namespaces of a process. Different Redis settings in one namespace mean separate counters. */
export function createNamespaces(openRedis: OpenRedis) {
  const namespaces = new Map<string, Namespace>();
  // The machine's clock at the start, monotonic from then on. A clock set forward by mistake would open a window early;
  // set back again, it would keep a window from ending for as long.
  const startedMs = Date.now() - performance.now();
  const clockUs = (): number => Math.floor((startedMs + performance.now()) * 1000);

  function create({ namespace: name, redis: settings }: Config): Namespace {
    // Counters of removed configurations get no more requests, so they never expire by themselves.
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
    /** Returns the namespace of a configuration. The first call for a Redis starts to connect to it. */
    open(config: Config): Namespace {
      const key = `${config.redis?.key ?? ''} ${config.namespace}`;
      const namespace = namespaces.get(key) ?? create(config);
      // Moves it to the end, because `all` is in this order.
      namespaces.delete(key);
      namespaces.set(key, namespace);
      return namespace;
    },
    /** Returns all namespaces, the most recently configured last. */
    all: (): Namespace[] => [...namespaces.values()],
  };
}
