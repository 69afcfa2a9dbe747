/**
 * What is kept for each namespace as long as the process lives: counters, what Genesys has closed, use by consumer.
 * Instances come and go with nginx workers and configurations; their namespace stays.
 */
import { openRedis, type RedisConnection } from '../shared/redis/connection.js';
import type { Config } from './config.js';
import { createUpstreamLimits, type UpstreamLimits } from './genesys-limits/closures.js';
import { createUpstreamHints, type UpstreamHints } from './genesys-limits/hints.js';
import type { Counters } from './limits/counters.js';
import { createLocalCounters, type LocalCounters } from './limits/local-counters.js';
import { createRedisCounters } from './limits/redis-counters.js';
import { createUsage, type Usage } from './usage.js';

export interface Namespace {
  name: string;
  /** In this node: with Redis, for the time that it is away. */
  local: LocalCounters;
  /** Undefined: policy local. */
  shared: { counters: Counters; redis: RedisConnection } | undefined;
  upstream: UpstreamLimits;
  hints: UpstreamHints;
  usage: Usage;
  /** Requests by what became of them: the limit that refused them, or a word for the rest. */
  decisions: Map<string, number>;
}

/**
 * Microseconds since 1970 by the machine's clock as it was when the process started. Set forward by mistake it would open a
 * window early, and set back again keep one from ending for as long.
 */
const STARTED_MS = Date.now() - performance.now();
const clockUs = (): number => Math.floor((STARTED_MS + performance.now()) * 1000);

const namespaces = new Map<string, Namespace>();

/** The namespace of a configuration; the first call for a Redis begins to connect. */
export function openNamespace({ namespace: name, redis: settings }: Config): Namespace {
  const key = `${settings?.key ?? ''} ${name}`;
  const known = namespaces.get(key);
  if (known !== undefined) {
    // The last one is the one that was configured last.
    namespaces.delete(key);
    namespaces.set(key, known);
    return known;
  }
  // Those of configurations that are gone: no request comes any more that would let their counters die.
  for (const { local } of namespaces.values()) local.dropIdle();
  const redis = settings && openRedis(settings);
  const made: Namespace = {
    name,
    local: createLocalCounters(clockUs),
    shared: redis && { redis, counters: createRedisCounters(redis, name) },
    upstream: createUpstreamLimits(),
    hints: createUpstreamHints(),
    usage: createUsage(name, redis),
    decisions: new Map(),
  };
  namespaces.set(key, made);
  return made;
}

/** All of them, in the order in which they were configured. */
export function openNamespaces(): Namespace[] {
  return [...namespaces.values()];
}
