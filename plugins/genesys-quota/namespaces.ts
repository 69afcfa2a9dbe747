/**
 * What a process keeps for each namespace as long as it runs: counters, what Genesys has closed, use by consumer.
 * Instances come and go with nginx workers and configurations. Their namespace stays.
 */

import { realClock } from '../shared/clock.js';
import type { OpenRedis, RedisConnection } from '../shared/redis/connection.js';
import type { RedisSettings } from '../shared/redis/settings.js';
import type { CountFile } from '../shared/use-counts/file.js';
import { type Budgets, createBudgets } from './budgets.js';
import type { Config } from './config.js';
import { createFlights, type Flights } from './flights.js';
import { createGauges, type Gauges } from './gauges.js';
import { type Closures, createClosures } from './genesys-limits/closures.js';
import { createHints, type Hints } from './genesys-limits/hints.js';
import { createLeases, type Leases } from './limits/leases.js';
import { createLocalCounters, type LocalCounters } from './limits/local-counters.js';
import { createRedisCounters, type RedisCounters } from './limits/redis-counters.js';
import { createRedisFaults } from './limits/redis-faults.js';
import { openSavedWindows, type SavedWindows } from './limits/saved-windows.js';
import { createReports, type Reports } from './reports.js';
import { createUsage, type Usage } from './usage.js';
import { createWarnings, type Warnings } from './warnings.js';

export interface Namespace {
  name: string;
  /** This node's counters. With Redis, they are used while it is away. */
  local: LocalCounters;
  /** Weeks and months that survive the process; undefined with Redis, or if nothing does. */
  saved: SavedWindows | undefined;
  /** Undefined with `policy: local`. */
  shared: Shared | undefined;
  closures: Closures;
  hints: Hints;
  usage: Usage;
  /** Requests by decision: the name of the limit that refused them, or the kind of admission. */
  decisions: Map<string, number>;
  /** What limits in report mode would have decided. */
  reports: Reports;
  /** Limits that are nearly used up. */
  warnings: Warnings;
  /** How much of weeks and months is used. */
  budgets: Budgets;
  /** Requests in flight. */
  flights: Flights;
  /** How full its counters are. */
  gauges: Gauges;
}

/** Counters in Redis, for all nodes. */
export interface Shared {
  redis: RedisConnection;
  counters: RedisCounters;
  faults: ReturnType<typeof createRedisFaults>;
  leases: Leases;
  /** How often Redis was asked to count. */
  trips: number;
}

/** How often leases that are no longer used are looked for. */
const SWEEP_MS = 1000;

/** Gives back what this node has leased and does not use. Never fails: what Redis does not take stays counted. */
export async function giveBack({ leases, counters }: Shared, all: boolean): Promise<void> {
  await Promise.all(
    leases.due(all).map(async (check) => {
      const trip = leases.begin([check], 0);
      await counters.admit([check], 0, 'ignore', trip.asks).catch(() => {});
      leases.end([check], trip, undefined);
    }),
  );
}

/**
 * Makes the namespaces of a process. Different Redis settings in one namespace mean separate counters.
 * @param file where use is kept without Redis, and weeks and months of limits; undefined: in memory
 */
export function createNamespaces(openRedis: OpenRedis, file?: CountFile, windowFile?: CountFile) {
  const namespaces = new Map<string, Namespace>();
  // The machine's clock at the start, monotonic from then on. A clock set forward by mistake would open a window early;
  // set back again, it would keep a window from ending for as long.
  const startedMs = Date.now() - performance.now();
  const clockUs = (): number => Math.floor((startedMs + performance.now()) * 1000);

  function open(settings: RedisSettings, name: string): Shared {
    const redis = openRedis(settings);
    const leases = createLeases(() => performance.now());
    const shared = { redis, counters: createRedisCounters(redis, name), faults: createRedisFaults(), leases, trips: 0 };
    const sweep = (): void => void giveBack(shared, false).finally(() => realClock.startTimer(SWEEP_MS, sweep));
    realClock.startTimer(SWEEP_MS, sweep);
    return shared;
  }

  function create({ namespace: name, redis: settings }: Config): Namespace {
    // Counters of removed configurations get no more requests, so they never expire by themselves.
    for (const { local } of namespaces.values()) local.dropIdle();
    const shared = settings && open(settings, name);
    const saved = shared === undefined && windowFile ? openSavedWindows(name, windowFile, clockUs() / 1000) : undefined;
    const local = createLocalCounters(clockUs, saved);
    return {
      name,
      local,
      saved,
      shared,
      flights: createFlights({ local, shared }),
      closures: createClosures(),
      hints: createHints(),
      usage: createUsage(name, shared?.redis, file),
      decisions: new Map(),
      reports: createReports(() => performance.now()),
      warnings: createWarnings(() => performance.now()),
      budgets: createBudgets(),
      gauges: createGauges(),
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
