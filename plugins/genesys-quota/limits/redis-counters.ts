/**
 * Counts in Redis, for all nodes together. One script, so one round trip, does everything that a request asks of all
 * limits. Only Redis' clock is used. The keys of a namespace share one hash tag, so in a Cluster they are on one node.
 * They expire by themselves.
 */
import type { RedisConnection } from '../../shared/redis/connection.js';
import { redisScript } from '../../shared/redis/script.js';
import type { Closure } from '../genesys-limits/closures.js';
import { closuresKey, parseClosures } from '../genesys-limits/shared-closures.js';
import { type Check, counterOf, generationMs, type Reading } from './counting.js';
import type { Places } from './in-flight.js';
import type { Lease, LeaseAsk } from './leases.js';
import type { Reserved } from './shares.js';

/**
 * What to do with closures that other nodes have shared. `report`: return them instead of counting. `learn`: return
 * them, and count. `ignore`: do not read them.
 */
export type ClosureMode = 'report' | 'learn' | 'ignore';

export interface RedisCounters {
  /**
   * Counts one request against all checks at once, or against none of them. Atomic.
   * @param maxDelayUs how long a spike arrest may delay the request, whose place is then reserved
   * @param asks for each check, what to lease and to give back; left out: nothing
   * @throws RedisUnavailable, or the error that Redis answers
   */
  admit(
    checks: readonly Check[],
    maxDelayUs: number,
    mode: ClosureMode,
    asks?: readonly LeaseAsk[],
  ): Promise<RedisAnswer>;
  /** Frees a request's places among those in flight. @throws RedisUnavailable, or the error that Redis answers */
  free(places: Places): Promise<void>;
}

export type RedisAnswer =
  /** `leases` are in the order of the checks; empty if none was asked for. */
  | { kind: 'counted'; reading: Reading; closures: readonly Closure[]; leases: readonly Lease[] }
  /** Nothing was counted. Check these closures first. */
  | { kind: 'reported'; closures: readonly Closure[] };

/**
 * Decides as local-counters.ts does.
 *
 * KEYS: the closures of the namespace; then for each check its counter, the counter of identities without a place, and
 * the census of identities.
 * ARGV: the longest delay in µs; the ClosureMode; then for each check its kind, limit or emission, burst, shift in ms or
 * place, cost, generation or time to live in ms, and the most identities; then of leases how much is wanted, the most of what is left in percent (or
 * 0), what is given back, and the generation and birth of the counter that it comes from; then for each check of which
 * something is reserved its number, the number of the share of who asks (or 0), and the shares, with commas.
 *
 * A counter is `generation value value-before`, and with leases its birth: a time that is lost with Redis' data, so that
 * nothing is given back to a counter that never had it. With reserved shares it ends with `k` and what is kept of each. A census is `generation touched alive`: an identity is alive if it was
 * counted in this generation or in the one before. Requests in flight are a sorted set of places, by the time in µs when
 * each is free by itself.
 */
const ADMIT = redisScript(`
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local closures = {}
if ARGV[2] ~= 'ignore' then
  closures = redis.call('HGETALL', KEYS[1])
  if #closures > 0 and ARGV[2] == 'report' then return {2, now_us, closures} end
end

local function read(key, this)
  local value = redis.call('GET', key)
  if not value then return this, 0, 0, false end
  local g, a, b, birth, kept = string.match(value, '^(%d+) (%d+) (%d+) ?(%d*) ?k?([%d,]*)$')
  g, a, b = tonumber(g), tonumber(a), tonumber(b)
  -- A clock that was set back stands still until it is there again.
  if g >= this then return g, a, b, true, birth, kept end
  if g == this - 1 and a > 0 then return this, 0, a, true, birth end
  return this, 0, 0, false
end

local function write(key, g, a, b, ms, birth, kept)
  local value = string.format('%.0f %.0f %.0f', g, a, b)
  if birth and birth ~= '' then value = value .. ' ' .. birth end
  if kept and kept ~= '' then value = value .. ' k' .. kept end
  redis.call('SET', key, value, 'PX', string.format('%.0f', 2 * ms))
end

-- The months since January 1970, and the milliseconds since this one began. A year begins in March here, so that it ends with the leap day, and an era has 400.
local function month_of(ms)
  local day = math.floor(ms / 86400000) + 719468
  local era = math.floor(day / 146097)
  day = day - 146097 * era
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * day + 2) / 153)
  day = day - math.floor((153 * month + 2) / 5)
  return (era * 400 + year - 1970) * 12 + month + 2, day * 86400000 + ms % 86400000
end

-- What is kept of each share at this time, and what who asks must leave of it.
local function keep(s, own, shares, age_ms)
  local before = string.gmatch(s.kept or '', '%d+')
  local held = 0
  s.keeps, s.own = {}, own
  for share in string.gmatch(shares, '%d+') do
    local kept = math.ceil(tonumber(share) * (s.ms - age_ms) / s.ms)
    kept = math.min(kept, tonumber(before() or kept))
    s.keeps[#s.keeps + 1] = kept
    if #s.keeps ~= own then held = held + kept end
  end
  if s.cost <= (s.keeps[own] or -1) then return 0 end
  return held
end

local slots, fits, count = {}, 1, (#KEYS - 1) / 3
local reserved = {}
for at = 11 * count + 3, #ARGV, 3 do
  reserved[tonumber(ARGV[at])] = {tonumber(ARGV[at + 1]), ARGV[at + 2]}
end
for i = 1, count do
  local at, key = 11 * i - 9, 3 * i - 1
  local kind, size, burst, cost = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local s = {kind = kind, size = size, cost = cost, ms = tonumber(ARGV[at + 5]), key = KEYS[key]}
  local max, this, alive, age_ms = tonumber(ARGV[at + 6]), nil, nil, 0
  s.want, s.percent = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8])
  if kind == 'concurrent' then
    redis.call('ZREMRANGEBYSCORE', s.key, '-inf', string.format('%.0f', now_us))
    s.place, s.g, s.a, s.b = ARGV[at + 3], 0, redis.call('ZCARD', s.key), 0
    if s.a >= size then fits = 0 end
  else
    if kind == 'month' then
      this, age_ms = month_of(now_ms - burst)
    else
      local shifted = kind == 'spike' and now_ms or now_ms - burst
      this = math.floor(shifted / s.ms)
      age_ms = shifted - this * s.ms
    end
    s.g, s.a, s.b, alive, s.birth, s.kept = read(s.key, this)
  end
  if max > 0 and s.a == 0 then
    local g, touched, living = read(KEYS[key + 2], this)
    if alive or living < max then
      s.census = {KEYS[key + 2], g, touched + 1, alive and living or living + 1}
    else
      s.key = KEYS[key + 1]
      s.g, s.a, s.b, alive, s.birth, s.kept = read(s.key, this)
      -- Shared by many identities, of whom one must not lease it.
      s.percent = 0
    end
  end
  local back = tonumber(ARGV[at + 9])
  if back > 0 and s.key == KEYS[key] and s.birth == ARGV[at + 11] then
    local from = tonumber(ARGV[at + 10])
    if s.g == from then s.a = math.max(0, s.a - back) end
    if s.g == from + 1 then s.b = math.max(0, s.b - back) end
    s.changed = true
  end
  if s.percent > 0 and (s.birth or '') == '' then s.birth = string.format('%.0f', now_us) end
  local held = 0
  -- A clock that was set back stands at the begin of the window.
  if reserved[i] then held = keep(s, reserved[i][1], reserved[i][2], s.g == this and age_ms or 0) end
  if kind == 'spike' then
    s.tat = math.max(s.a, s.b)
    if math.max(s.tat, now_us) + size - size * burst - now_us > tonumber(ARGV[1]) then fits = 0 end
  elseif kind == 'fixed' or kind == 'month' then
    if s.a + cost + held > size then fits = 0 end
  elseif kind == 'sliding' then
    s.carried = s.b * (s.ms - math.max(0, now_ms - s.g * s.ms))
    if s.carried + (s.a + cost + held) * s.ms > size * s.ms then fits = 0 end
  end
  slots[i] = s
end

local answer = {fits, now_us, closures}
for _, s in ipairs(slots) do
  if fits == 1 then
    if s.kind == 'spike' then
      s.tat = math.max(s.tat, now_us) + s.size
      write(s.key, s.g, s.tat, 0, s.ms)
    elseif s.place then
      s.a = s.a + 1
      redis.call('ZADD', s.key, string.format('%.0f', now_us + s.ms * 1000), s.place)
      redis.call('PEXPIRE', s.key, string.format('%.0f', s.ms + 1))
    else
      local left = s.size - math.ceil((s.carried or 0) / s.ms) - s.a - s.cost
      s.leased = math.max(0, math.min(s.want, math.floor(left * s.percent / 100)))
      s.a = s.a + s.cost + s.leased
      if s.keeps then
        if s.keeps[s.own] then s.keeps[s.own] = math.max(0, s.keeps[s.own] - s.cost) end
        s.kept = table.concat(s.keeps, ',')
      end
      write(s.key, s.g, s.a, s.b, s.ms, s.birth, s.kept)
    end
    if s.census then write(s.census[1], s.census[2], s.census[3], s.census[4], s.ms) end
  elseif s.changed then
    write(s.key, s.g, s.a, s.b, s.ms, s.birth, s.kept)
  end
  answer[#answer + 1] = s.tat or s.a
  answer[#answer + 1] = s.b
  answer[#answer + 1] = s.leased or 0
  answer[#answer + 1] = s.g
  answer[#answer + 1] = s.birth or ''
end
for _, s in ipairs(slots) do
  if s.keeps then answer[#answer + 1] = table.concat(s.keeps, ',') end
end
return answer`);

/** KEYS: counters of requests in flight. ARGV: the place to free in each. */
const FREE = redisScript(`
for i = 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end`);

/**
 * Makes the counters of one namespace.
 * @param redis a connection that is open, or being opened
 */
export function createRedisCounters(redis: RedisConnection, namespace: string): RedisCounters {
  const prefix = `${redis.keyPrefix}:quota:{${namespace}}:`;
  const closed = closuresKey(redis.keyPrefix, namespace);

  return {
    async admit(checks, maxDelayUs, mode, asks) {
      const keys = checks.flatMap(({ group, id }) => {
        const family = `${prefix}${group}`;
        return [`${family}:${id}`, `${family}:*`, `${family}:#`];
      });
      const args = checks.flatMap((check, i) => {
        const { want, percent, back, generation, birth } = asks?.[i] ?? NO_LEASE;
        const ms = check.kind === 'concurrent' ? check.ttlMs : generationMs(check);
        return [...argsOf(check), ms, check.maxIdentities, want, percent, back, generation, birth];
      });
      const shares = checks.flatMap(sharesOf);
      const answer = await redis.run((commands) =>
        ADMIT.run(commands, [closed, ...keys], [maxDelayUs, mode, ...args, ...shares]),
      );
      return parseAnswer(answer, checks);
    },
    async free({ place, counters }) {
      const keys = counters.map((counter) => `${prefix}${counter}`);
      await redis.run((commands) => FREE.run(commands, keys, [place]));
    },
  };
}

const NO_LEASE: LeaseAsk = { want: 0, percent: 0, back: 0, generation: 0, birth: '' };

/** Returns a check's kind, limit or emission, burst, shift or place, and cost, in the script's order. */
function argsOf(check: Check): (string | number)[] {
  if (check.kind === 'concurrent') return [check.kind, check.limit, check.place, 0];
  if (check.kind === 'spike') return [check.kind, check.emissionUs, check.burst, 0];
  return [check.kind, check.limit, check.shiftMs ?? 0, check.cost];
}

/** Returns what the script gets of reserved shares: nothing if nothing is reserved. It counts from 1. */
function sharesOf(check: Check, index: number): (string | number)[] {
  const reserved = reservedOf(check);
  return reserved === undefined ? [] : [index + 1, reserved.own + 1, reserved.shares.join(',')];
}

function reservedOf(check: Check): Reserved | undefined {
  return check.kind === 'spike' || check.kind === 'concurrent' ? undefined : check.reserved;
}

/** The numbers that the script answers for each check. */
const ANSWERS = 5;

function parseAnswer(answer: unknown, checks: readonly Check[]): RedisAnswer {
  const [verdict, nowUs, entries, ...rest] = answer as [number, number, unknown[], ...(number | string)[]];
  const closures = parseClosures(entries, nowUs / 1000);
  if (verdict === 2) return { kind: 'reported', closures };
  const at = (check: number, field: number): number => Number(rest[ANSWERS * check + field] ?? 0);
  const leases = checks.map((_, i): Lease => {
    const birth = String(rest[ANSWERS * i + 4] ?? '');
    return { amount: at(i, 2), generation: at(i, 3), birth };
  });
  const kept = rest.slice(ANSWERS * checks.length);
  // What is leased is counted there, and not yet here.
  const counters = checks.map((check, i) => {
    const keeps = reservedOf(check) && String(kept.shift()).split(',').map(Number);
    return counterOf(check, at(i, 0) - at(i, 2), at(i, 1), keeps);
  });
  return { kind: 'counted', reading: { admitted: verdict === 1, nowUs, counters }, closures, leases };
}
