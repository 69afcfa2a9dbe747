/**
 * Names that hold for a while, such as the ids of revoked tokens: in memory, bounded, and with Redis on all nodes. A
 * request never waits for Redis. While requests come, the names of other nodes are fetched once a second, so they hold
 * here a second later.
 */
import type { Clock } from '../shared/clock.js';
import type { RedisConnection } from '../shared/redis/connection.js';
import { redisScript } from '../shared/redis/script.js';

export interface Marks {
  /** Returns whether any name may hold. */
  readonly isEmpty: boolean;
  /** Returns for how long a name holds; 0 if it does not. */
  remainingMs(name: string): number;
  /** Adds a name, on all nodes with `shared`. Never shortens the time of one. */
  add(name: string, ttlMs: number, shared: SharedMarks | undefined): Promise<void>;
  /** Fetches the names of other nodes in the background, if it is time to. */
  refresh(shared: SharedMarks): void;
}

/** The names in Redis. */
export interface SharedMarks {
  add(name: string, ttlMs: number): Promise<void>;
  /** Returns the names with their times; undefined if nothing was added since the last call. */
  news(): Promise<{ name: string; ttlMs: number }[] | undefined>;
}

/** More than a gateway has at a time. Those that end soonest are dropped. */
const MAX_NAMES = 20_000;
const REFRESH_EVERY_MS = 1_000;

const NOW = `
local time = redis.call('TIME')
local now_ms = math.floor(time[1] * 1000 + time[2] / 1000)`;

/** KEYS: sorted set by end, version. ARGV: name, milliseconds, maximum. */
const ADD = redisScript(`${NOW}
local ends_ms = now_ms + tonumber(ARGV[2])
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) >= ends_ms then return end
redis.call('ZADD', KEYS[1], string.format('%.0f', ends_ms), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_ms))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
local left_ms = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
-- The time in it makes a version unlike any before the keys expired.
redis.call('SET', KEYS[2], string.format('%.0f', now_ms) .. ' ' .. ARGV[1], 'PX', string.format('%.0f', left_ms))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left_ms))`);

/** KEYS: sorted set, version. ARGV: the version as last seen. */
const NEWS = redisScript(`${NOW}
local version = redis.call('GET', KEYS[2]) or ''
if version == ARGV[1] then return {version} end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now_ms), '+inf', 'WITHSCORES')
local news = {version}
for i = 1, #found, 2 do
  news[#news + 1] = found[i]
  news[#news + 1] = string.format('%.0f', found[i + 1] - now_ms)
end
return news`);

/** Makes the names of a process, none at first. */
export function createMarks({ nowMs }: Pick<Clock, 'nowMs'>): Marks {
  /** Until when each name holds. */
  const names = new Map<string, number>();
  const refreshedAtMs = new WeakMap<SharedMarks, number>();

  function dropEnded(now: number): void {
    for (const [name, untilMs] of names) if (untilMs <= now) names.delete(name);
  }

  function keep(name: string, untilMs: number): void {
    if ((names.get(name) ?? 0) >= untilMs) return;
    names.set(name, untilMs);
    if (names.size <= MAX_NAMES) return;
    dropEnded(nowMs());
    if (names.size <= MAX_NAMES) return;
    const bySoonest = [...names].sort(([, a], [, b]) => a - b);
    // A tenth at once, so that sorting is rare.
    for (const [dropped] of bySoonest.slice(0, MAX_NAMES / 10)) names.delete(dropped);
  }

  async function fetchNews(shared: SharedMarks): Promise<void> {
    const news = await shared.news();
    const now = nowMs();
    for (const { name, ttlMs } of news ?? []) keep(name, now + ttlMs);
  }

  return {
    get isEmpty() {
      return names.size === 0;
    },
    remainingMs(name) {
      const untilMs = names.get(name);
      if (untilMs === undefined) return 0;
      const now = nowMs();
      if (untilMs > now) return untilMs - now;
      dropEnded(now);
      return 0;
    },
    async add(name, ttlMs, shared) {
      keep(name, nowMs() + ttlMs);
      await shared?.add(name, ttlMs);
    },
    refresh(shared) {
      const now = nowMs();
      if (now - (refreshedAtMs.get(shared) ?? Number.NEGATIVE_INFINITY) < REFRESH_EVERY_MS) return;
      refreshedAtMs.set(shared, now);
      void fetchNews(shared);
    },
  };
}

/**
 * Opens the names in Redis. While Redis cannot be used, each node has its own.
 * @param topic what the names are, for the key
 */
export function openSharedMarks(redis: RedisConnection, topic: string): SharedMarks {
  // The hash tag keeps the keys on one node of a Cluster.
  const key = `${redis.keyPrefix}:{${topic}}`;
  const keys = [key, `${key}:version`];
  let version = 'none';
  return {
    async add(name, ttlMs) {
      await redis.run((commands) => ADD.run(commands, keys, [name, Math.ceil(ttlMs), MAX_NAMES])).catch(() => {});
    },
    async news() {
      const answer = await redis.run((commands) => NEWS.run(commands, keys, [version])).catch(() => undefined);
      if (!Array.isArray(answer)) return undefined;
      const [latest, ...found] = answer as string[];
      if (latest === undefined || latest === version) return undefined;
      version = latest;
      const names = found.filter((_, i) => i % 2 === 0);
      return names.map((name, i) => ({ name, ttlMs: Number(found[2 * i + 1]) }));
    },
  };
}
