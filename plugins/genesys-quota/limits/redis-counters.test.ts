/** The script in a real Redis: step by step the same as the counters in memory, and gone when it does not matter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { REDIS_MISSING, type RedisServer, startCluster, startRedis } from '../../../kong/testbed/redis-server.js';
import { unless } from '../../../kong/testbed/unless.js';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { BARE_HOST } from '../../shared/host.js';
import { parseConfig } from '../../shared/kong-schema/parse-config.js';
import { createRedisConnections, type RedisConnection } from '../../shared/redis/connection.js';
import { REDIS_FIELDS } from '../../shared/redis/schema.js';
import { readRedisSettings } from '../../shared/redis/settings.js';
import { shareClosure } from '../genesys-limits/shared-closures.js';
import { type Check, generationOf } from './counting.js';
import { type Places, placesOf } from './in-flight.js';
import { createLocalCounters } from './local-counters.js';
import { createRedisCounters, type RedisAnswer } from './redis-counters.js';

const openRedis = createRedisConnections();

async function connect(settings: Record<string, unknown>): Promise<RedisConnection> {
  const config = parseConfig(REDIS_FIELDS, { timeout_ms: 5000, ...settings });
  const redis = openRedis(readRedisSettings(config, 'redis', BARE_HOST));
  await redis.firstContact(5000);
  return redis;
}

const DAY_MS = 86_400_000;
const MONTH = {
  kind: 'month',
  name: 'month',
  group: 'month',
  maxIdentities: 0,
  limit: 1,
  windowMs: 31 * DAY_MS,
  cost: 1,
} as const;

const readingOf = (answer: RedisAnswer) => (answer.kind === 'counted' ? answer.reading : undefined);

describe('counters in Redis', unless(REDIS_MISSING), () => {
  let server: RedisServer;
  let redis: RedisConnection;
  beforeAll(async () => {
    server = await startRedis();
    redis = await connect({ port: server.port });
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  it.each([1, 2, 3, 4, 5, 6])('decide as those in memory do, on any traffic (seed %i)', async (seed) => {
    const random = createRandom(String(seed));
    const clock = { us: 0 };
    const local = createLocalCounters(() => clock.us);
    const shared = createRedisCounters(redis, `same-${seed}`);
    const outcomes = { admitted: 0, refused: 0 };
    const flying: Places[] = [];
    let ended = 0;
    for (let step = 0; step < 1500; step += 1) {
      const common = { name: 'x', maxIdentities: random.pick([2, 5]) };
      const reserve = (...shares: number[]) => {
        if (random.next() < 0.1) return undefined;
        return { shares: random.pick([shares, shares, shares.slice(1)]), own: random.pick([-1, 0, shares.length - 1]) };
      };
      const later = -(365 * seed + step / 4) * DAY_MS;
      const all: Check[] = [
        // Some milliseconds each, so that many windows go by.
        { ...common, kind: 'fixed', group: 'f', id: 'all', maxIdentities: 0, limit: 40, windowMs: 23, cost: 1 },
        {
          ...common,
          kind: 'sliding',
          group: 's',
          id: random.pick(['', 'a', 'b', 'c', 'd', 'e', 'f', 'g']),
          maxIdentities: 5,
          limit: 6,
          windowMs: 31,
          cost: random.int(1, 3),
        },
        {
          ...common,
          kind: 'spike',
          group: 'k',
          id: random.pick(['a', 'b', 'c']),
          maxIdentities: 2,
          emissionUs: 700,
          burst: 3,
        },
        // Six hours a step, and another year with each seed: a leap day is among them.
        { ...common, kind: 'month', group: 'm', id: 'a', limit: 40, windowMs: 31 * DAY_MS, shiftMs: later, cost: 1 },
        { ...common, kind: 'fixed', group: 'w', id: 'a', limit: 15, windowMs: 7 * DAY_MS, shiftMs: later, cost: 1 },
        // As entries of several routes that share the limits: one reserves other shares, and one none.
        {
          ...common,
          ...{ kind: 'fixed', group: 'rf', id: random.pick(['a', 'b', 'c']), limit: 40 },
          ...{ windowMs: 37, cost: random.int(1, 3), reserved: reserve(16, 9) },
        },
        {
          ...common,
          ...{ kind: 'sliding', group: 'rs', id: 'a', maxIdentities: 0, limit: 30, windowMs: 41 },
          ...{ cost: random.int(1, 3), reserved: reserve(7, 20) },
        },
        {
          ...common,
          ...{ kind: 'month', group: 'rm', id: 'a', limit: 1e9, windowMs: 31 * DAY_MS, shiftMs: later, cost: 1 },
          reserved: reserve(5e8, 123_456_789),
        },
        // Some are never freed, and are free by themselves.
        ...['c', 'd'].map((group, i): Check => {
          const id = random.pick(['a', 'b']);
          return {
            ...common,
            maxIdentities: 0,
            kind: 'concurrent',
            group,
            id,
            limit: 4,
            ttlMs: 19 + 20 * i,
            place: `p${step}`,
          };
        }),
      ];
      const checks = all.filter(() => random.next() < 0.7);
      const maxDelayUs = random.pick([0, 0, 1000]);
      const answer = await shared.admit(checks, maxDelayUs, 'ignore');
      const reading = readingOf(answer);
      clock.us = reading?.nowUs ?? 0;
      expect(local.admit(checks, maxDelayUs), `seed ${seed}, step ${step}`).toEqual(reading);
      expect(answer.closures).toEqual([]);
      const places = reading?.admitted ? placesOf(checks) : undefined;
      if (places !== undefined) flying.push(places);
      const end = random.next() < 0.6 ? flying.splice(random.int(0, flying.length), 1) : [];
      for (const places of end) {
        local.free(places.place);
        await shared.free(places);
        ended += 1;
      }
      outcomes[reading?.admitted ? 'admitted' : 'refused'] += 1;
    }
    expect(outcomes.admitted).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
    expect(ended).toBeGreaterThan(100);
  });

  it('count in the months of the calendar that the counters in memory count in', async () => {
    const random = createRandom('months');
    const shared = createRedisCounters(redis, 'months');
    const days = ['2028-02-29', '2100-02-28', '2100-03-01', '2000-02-29', '2026-12-31', '2027-01-01', '1970-01-01'];
    const times = days.flatMap((day) => [Date.parse(day), Date.parse(day) + DAY_MS - 50]);
    for (let n = 0; n < 300; n++) times.push(random.int(0, Date.UTC(2500, 0, 1)));
    for (const time of times) {
      // Redis' clock cannot be set. To shift the months does the same.
      const shiftMs = Date.now() - time;
      const check = { ...MONTH, id: String(time), shiftMs };
      const answer = await shared.admit([check], 0, 'ignore');
      const nowMs = (readingOf(answer)?.nowUs ?? 0) / 1000;
      const generation = answer.kind === 'counted' && answer.leases[0]?.generation;
      expect(generation, new Date(time).toISOString()).toBe(generationOf(check, nowMs));
    }
  });

  it('of a month do not end when the clock of Redis is set back', async () => {
    const shared = createRedisCounters(redis, 'set-back');
    const march = Date.now() - Date.UTC(2028, 2, 1, 12);
    const admitted = async (shiftMs: number): Promise<boolean | undefined> =>
      readingOf(await shared.admit([{ ...MONTH, id: '', shiftMs }], 0, 'ignore'))?.admitted;
    expect([await admitted(march), await admitted(march + DAY_MS), await admitted(march)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await admitted(march - 31 * DAY_MS)).toBe(true);
    // Until the window after it ends, at least.
    const leftMs = Number(server.cli('pttl', 'genesys:quota:{set-back}:month:'));
    expect(leftMs).toBeGreaterThan(61 * DAY_MS);
    expect(leftMs).toBeLessThanOrEqual(62 * DAY_MS);
  });

  it('lie under one hash tag, tell no identity, and expire by themselves', async () => {
    const shared = createRedisCounters(redis, 'org');
    const check: Check = {
      kind: 'sliding',
      name: 'l',
      group: 'l:60000:consumer',
      id: 'digest',
      maxIdentities: 10,
      limit: 5,
      windowMs: 60_000,
      cost: 1,
    };
    await shared.admit([check], 0, 'report');
    const keys = server.cli('keys', 'genesys:quota:{org}*').split('\n').sort();
    expect(keys).toEqual(['genesys:quota:{org}:l:60000:consumer:#', 'genesys:quota:{org}:l:60000:consumer:digest']);
    for (const key of keys) {
      const leftMs = Number(server.cli('pttl', key));
      expect(leftMs).toBeGreaterThan(60_000);
      expect(leftMs).toBeLessThanOrEqual(120_000);
    }
  });

  it('of requests in flight are free when they end, or by themselves, and leave nothing', async () => {
    const shared = createRedisCounters(redis, 'flights');
    const check = (place: string, ttlMs: number): Check => {
      const common = { name: 'l', group: 'l', id: 'a', maxIdentities: 0, limit: 2 };
      return { ...common, kind: 'concurrent', ttlMs, place };
    };
    const admitted = async (...checks: Check[]) => readingOf(await shared.admit(checks, 0, 'ignore'))?.admitted;
    expect(await admitted(check('one', 60_000))).toBe(true);
    expect(await admitted(check('two', 60_000))).toBe(true);
    // What is refused takes no place in another limit either.
    expect(await admitted(check('three', 60_000), { ...check('three', 60_000), group: 'other' })).toBe(false);
    expect(server.cli('keys', 'genesys:quota:{flights}*')).toBe('genesys:quota:{flights}:l:a');
    expect(Number(server.cli('pttl', 'genesys:quota:{flights}:l:a'))).toBeGreaterThan(50_000);
    await shared.free({ place: 'one', counters: ['l:a', 'other:a'] });
    expect(await admitted(check('three', 60_000))).toBe(true);
    expect(await admitted(check('four', 60_000))).toBe(false);
    for (const place of ['one', 'two', 'three']) await shared.free({ place, counters: ['l:a'] });
    expect(server.cli('keys', 'genesys:quota:{flights}*')).toBe('');

    for (const place of ['five', 'six']) expect(await admitted(check(place, 200))).toBe(true);
    expect(await admitted(check('seven', 200))).toBe(false);
    await waitFor('places to be free by themselves', () => admitted(check('eight', 200)).then((one) => one === true));
  });

  it('come back with a Redis that lost its scripts', async () => {
    const shared = createRedisCounters(redis, 'flushed');
    server.cli('script', 'flush');
    expect(readingOf(await shared.admit([], 0, 'ignore'))).toMatchObject({ admitted: true, counters: [] });
  });

  it('tell of what Genesys has closed, before they count or with it, until it is over', async () => {
    const shared = createRedisCounters(redis, 'closed');
    await shareClosure(redis, 'closed', { ref: 'token', route: 'users', poolSize: 3, remainingMs: 300 });
    await shareClosure(redis, 'closed', { ref: 'token', route: 'queues', poolSize: 3, remainingMs: 60_000 });
    const check: Check = {
      kind: 'fixed',
      name: 'l',
      group: 'l',
      id: '',
      maxIdentities: 0,
      limit: 1,
      windowMs: 60_000,
      cost: 1,
    };
    const reported = await shared.admit([check], 0, 'report');
    expect(reported.kind).toBe('reported');
    expect(reported.closures).toEqual([
      { ref: 'token', route: 'users', poolSize: 3, remainingMs: expect.closeTo(290, -2) },
      { ref: 'token', route: 'queues', poolSize: 3, remainingMs: expect.closeTo(59_990, -2) },
    ]);
    // A shorter time does not open it earlier.
    await shareClosure(redis, 'closed', { ref: 'token', route: 'queues', poolSize: 3, remainingMs: 300 });
    const learned = await shared.admit([check], 0, 'learn');
    expect(learned.closures[1]?.remainingMs).toBeGreaterThan(50_000);
    expect(readingOf(learned)?.admitted).toBe(true);
    expect(learned.closures).toHaveLength(2);
    await waitFor('the shorter one to be over', async () => {
      return (await shared.admit([], 0, 'report')).closures.length === 1;
    });
    // The next one that is written takes those that are over away.
    await shareClosure(redis, 'closed', { ref: 'token', route: 'roles', poolSize: 3, remainingMs: 100 });
    expect(server.cli('hkeys', 'genesys:quota:{closed}:closures').split('\n').sort()).toEqual([
      'token queues',
      'token roles',
    ]);
    expect(Number(server.cli('pttl', 'genesys:quota:{closed}:closures'))).toBeGreaterThan(50_000);
  });
});

describe('counters in a Cluster', unless(REDIS_MISSING), () => {
  it('count all limits of a request on one node', async () => {
    const cluster = await startCluster();
    const redis = await connect({ cluster_nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })) });
    try {
      for (const namespace of ['a', 'b', 'c', 'd', 'e']) {
        const shared = createRedisCounters(redis, namespace);
        const checks = ['x', 'y'].map((group): Check => {
          const common = { name: group, group, id: 'i', maxIdentities: 9 };
          return { ...common, kind: 'fixed', limit: 2, windowMs: 3_600_000, cost: 1 };
        });
        const answers = [];
        for (let i = 0; i < 3; i += 1) answers.push(await shared.admit(checks, 0, 'report'));
        expect(answers.map((answer) => readingOf(answer)?.admitted)).toEqual([true, true, false]);
      }
    } finally {
      await redis.close();
      await cluster.stop();
    }
  });
});
