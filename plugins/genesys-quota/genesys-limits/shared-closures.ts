/** Shares what Genesys has refused with the other nodes: one Redis hash per namespace, by Redis' clock. */
import type { RedisConnection } from '../../shared/redis/connection.js';
import { redisScript } from '../../shared/redis/script.js';
import type { Closure } from './closures.js';

/** KEYS: the hash. ARGV: field, milliseconds, size of the pool. Removes ended closures, and never shortens one. */
const CLOSE = redisScript(`
local time = redis.call('TIME')
local now_ms = math.floor(time[1] * 1000 + time[2] / 1000)
local latest_ms = now_ms + tonumber(ARGV[2])
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then latest_ms = math.max(latest_ms, tonumber(string.match(known, '^%d+'))) end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', latest_ms) .. ' ' .. ARGV[3])
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local until_ms = tonumber(string.match(fields[i + 1], '^%d+'))
  if until_ms <= now_ms then redis.call('HDEL', KEYS[1], fields[i]) end
  latest_ms = math.max(latest_ms, until_ms)
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', latest_ms - now_ms))`);

/** Returns the key of the hash. */
export function closuresKey(keyPrefix: string, namespace: string): string {
  return `${keyPrefix}:quota:{${namespace}}:closures`;
}

/** Shares a closure with the other nodes. @throws RedisUnavailable */
export async function shareClosure(redis: RedisConnection, namespace: string, closure: Closure): Promise<void> {
  const { ref, route, remainingMs, poolSize } = closure;
  const key = closuresKey(redis.keyPrefix, namespace);
  await redis.run((commands) => CLOSE.run(commands, [key], [`${ref} ${route}`, Math.ceil(remainingMs), poolSize]));
}

/**
 * Reads the closures in the hash.
 * @param entries fields and values in turn, as Redis answers HGETALL
 * @param redisNowMs the time of Redis' clock
 */
export function parseClosures(entries: readonly unknown[], redisNowMs: number): Closure[] {
  const closures: Closure[] = [];
  for (let i = 0; i + 1 < entries.length; i += 2) {
    const [, ref, route] = /^(\S+) (\S+)$/.exec(String(entries[i])) ?? [];
    const [, untilMs, poolSize] = /^(\d+) (\d+)$/.exec(String(entries[i + 1])) ?? [];
    if (ref === undefined || route === undefined || untilMs === undefined) continue;
    const remainingMs = Number(untilMs) - redisNowMs;
    if (remainingMs > 0) closures.push({ ref, route, remainingMs, poolSize: Number(poolSize) });
  }
  return closures;
}
