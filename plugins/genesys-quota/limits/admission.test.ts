/** Admission: what Genesys has closed, limits, waiting, and a Redis that fails; time is simulated. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { routeOf } from '../../shared/genesys-route.js';
import { type RedisConnection, RedisUnavailable } from '../../shared/redis/connection.js';
import { createBudgets } from '../budgets.js';
import { createFlights } from '../flights.js';
import { createGauges } from '../gauges.js';
import { createClosures } from '../genesys-limits/closures.js';
import { createHints } from '../genesys-limits/hints.js';
import { routeKey } from '../genesys-limits/route-key.js';
import type { Namespace } from '../namespaces.js';
import { createReports } from '../reports.js';
import { createUsage } from '../usage.js';
import { createWarnings } from '../warnings.js';
import { type Admission, type AdmissionSettings, admit, type Patience } from './admission.js';
import { type Check, counterOf } from './counting.js';
import { createHolds } from './hold.js';
import { createLeases } from './leases.js';
import { createLocalCounters } from './local-counters.js';
import type { RedisCounters } from './redis-counters.js';
import { createRedisFaults } from './redis-faults.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 21), toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => vi.useRealTimers());

let names = 0;
function setUp(changes: Partial<AdmissionSettings> = {}, shared?: RedisCounters) {
  names += 1;
  const redis = { firstContact: async () => {} } as unknown as RedisConnection;
  const faults = createRedisFaults();
  const namespace: Namespace = {
    name: `n${names}`,
    local: createLocalCounters(() => Date.now() * 1000),
    saved: undefined,
    shared: shared && { counters: shared, redis, faults, leases: createLeases(() => performance.now()), trips: 0 },
    closures: createClosures(),
    hints: createHints(),
    usage: createUsage('n', undefined),
    decisions: new Map(),
    reports: createReports(() => performance.now()),
    warnings: createWarnings(() => performance.now()),
    budgets: createBudgets(),
    flights: createFlights({ local: createLocalCounters(() => 0), shared: undefined }),
    gauges: createGauges(),
  };
  const settings: AdmissionSettings = {
    namespace,
    holds: createHolds(),
    maxWaitMs: 0,
    onRedisError: 'local',
    leasePercent: 0,
    followUpstream: true,
    ...changes,
  };
  const request = (checks: readonly Check[], path = '/api/v2/users') => admit(checks, path, settings);
  return { namespace, settings, request, faults };
}

const perSecond = (limit: number): Check => ({
  kind: 'fixed',
  name: 'l',
  group: 'l',
  id: 'a',
  maxIdentities: 10,
  limit,
  windowMs: 1000,
  cost: 1,
});
const spike: Check = {
  kind: 'spike',
  name: 's',
  group: 's',
  id: 'a',
  maxIdentities: 10,
  emissionUs: 100_000,
  burst: 1,
};
const users = routeKey(routeOf('/api/v2/users'));

/** Lets time pass until all is decided. Not all timers: those of another test file in this process may never end. */
async function settled<T>(deciding: Promise<T>): Promise<T> {
  let isOver = false;
  void deciding.finally(() => {
    isOver = true;
  });
  while (!isOver) await vi.advanceTimersToNextTimerAsync();
  return deciding;
}

/** Notes when each request was decided, and how. */
async function outcomes(requests: Promise<Admission>[]): Promise<string[]> {
  const startedMs = Date.now();
  const noted = requests.map(async (request) => {
    const { kind } = await request;
    return `${kind} ${Date.now() - startedMs}`;
  });
  return settled(Promise.all(noted));
}

describe('a limit', () => {
  it('refuses at once if nobody may wait', async () => {
    const { request } = setUp();
    const all = await outcomes([1, 2, 3].map(() => request([perSecond(2)])));
    expect(all).toEqual(['admitted 0', 'admitted 0', 'refused 0']);
    expect(await request([perSecond(2)])).toMatchObject({ limit: 'l', waitMs: 1000, tightest: { remaining: 0 } });
  });

  it('holds a request until it fits, one after the other, and refuses what turns out not to fit in time', async () => {
    const { request } = setUp({ maxWaitMs: 1500 });
    const all = await outcomes([1, 2, 3, 4, 5].map(() => request([perSecond(2)])));
    expect(all).toEqual(['admitted 0', 'admitted 0', 'admitted 1000', 'admitted 1000', 'refused 1000']);
  });

  it('refuses at once what would have to wait for too long', async () => {
    const { request } = setUp({ maxWaitMs: 999 });
    expect(await outcomes([1, 2].map(() => request([perSecond(1)])))).toEqual(['admitted 0', 'refused 0']);
  });

  it('lets only so many wait at once', async () => {
    const { request } = setUp({ maxWaitMs: 2000 });
    const all = await outcomes(Array.from({ length: 1200 }, () => request([perSecond(1)])));
    expect(all.filter((outcome) => outcome === 'refused 0')).toHaveLength(200);
    // Their places are free again.
    expect(await outcomes([request([perSecond(1)]), request([perSecond(1)])])).toHaveLength(2);
  });
});

describe('requests in flight', () => {
  const flight = (place: string): Check => {
    const common = { name: 'f', group: 'f', id: 'a', maxIdentities: 0, limit: 1, ttlMs: 60_000 };
    return { kind: 'concurrent', ...common, place };
  };

  it('are refused at once if nobody may wait, and told a second', async () => {
    const { request } = setUp();
    expect((await request([flight('1')])).kind).toBe('admitted');
    expect(await request([flight('2')])).toMatchObject({
      limit: 'f',
      waitMs: 1000,
      tightest: { limit: 1, remaining: 0 },
    });
  });

  it('are waited for, one after the other, until one ends or the time is up', async () => {
    const { namespace, request } = setUp({ maxWaitMs: 500 });
    await request([flight('1')]);
    setTimeout(() => namespace.local.free('1'), 120);
    const all = await outcomes(['2', '3', '4'].map((place) => request([flight(place)])));
    expect(all).toEqual(['admitted 150', 'refused 500', 'refused 500']);
  });

  it('that Redis may have counted are freed there, if the request is refused for want of an answer', async () => {
    const freed: unknown[] = [];
    const away: RedisCounters = {
      admit: () => Promise.reject(new RedisUnavailable('Redis cannot be used: gone')),
      free: async (places) => void freed.push(places),
    };
    const alone = setUp({ onRedisError: 'local' }, away);
    expect((await alone.request([flight('1')])).kind).toBe('admitted');
    expect((await alone.request([flight('2')])).kind).toBe('refused');
    expect((await setUp({ onRedisError: 'reject' }, away).request([flight('3')])).kind).toBe('unavailable');
    expect((await setUp({ onRedisError: 'allow' }, away).request([flight('4')])).kind).toBe('admitted');
    expect(freed).toEqual(['2', '3'].map((place) => ({ place, counters: ['f:a'] })));
  });

  it('are known to a node whose Redis goes away', async () => {
    const answers = [true, false];
    const { request } = setUp(
      {},
      {
        async admit(checks) {
          if (!answers.shift()) throw new RedisUnavailable('Redis cannot be used: gone');
          const counters = checks.map((check) => counterOf(check, 1, 0));
          const reading = { admitted: true, nowUs: Date.now() * 1000, counters };
          return { kind: 'counted', reading, closures: [], leases: [] };
        },
        free: async () => {},
      },
    );
    expect([(await request([flight('1')])).kind, (await request([flight('2')])).kind]).toEqual(['admitted', 'refused']);
  });
});

describe('a spike arrest', () => {
  it('smooths if requests may wait', async () => {
    const { request } = setUp({ maxWaitMs: 250 });
    const all = await outcomes([1, 2, 3, 4].map(() => request([spike])));
    expect(all).toEqual(['admitted 0', 'admitted 100', 'admitted 200', 'refused 0']);
  });
});

describe('a priority', () => {
  const [HIGH, LOW] = [1, -1];
  const waits = (level: number, maxWaitMs = 5000): Patience => ({ level, maxWaitMs });

  it('goes first of those that wait, and by arrival among its own', async () => {
    const { namespace, settings } = setUp({ maxWaitMs: 5000 });
    const queued = async (name: string, level: number): Promise<string> => {
      const { kind } = await admit([perSecond(1)], '/', settings, waits(level));
      return `${name} ${kind} ${Date.now() - startedMs}`;
    };
    const startedMs = Date.now();
    const all = ['low1', 'low2', 'mid', 'high1', 'high2'].map((name) =>
      queued(name, name.startsWith('high') ? HIGH : name.startsWith('low') ? LOW : 0),
    );
    // The first one found a place, since nobody was there.
    expect(await settled(Promise.all(all))).toEqual([
      'low1 admitted 0',
      'low2 admitted 4000',
      'mid admitted 3000',
      'high1 admitted 1000',
      'high2 admitted 2000',
    ]);
    expect(namespace.local.identities()).toBe(1);
  });

  it('is not overtaken by who comes later with a lower one, when a place is free', async () => {
    const { namespace, settings } = setUp();
    const flight = (place: string): Check => {
      const common = { name: 'f', group: 'f', id: 'a', maxIdentities: 0, limit: 1, ttlMs: 60_000 };
      return { kind: 'concurrent', ...common, place };
    };
    await admit([flight('1')], '/', settings, waits(0));
    const order: string[] = [];
    const ask = (place: string, level: number, maxWaitMs?: number): void =>
      void admit([flight(place)], '/', settings, waits(level, maxWaitMs)).then(({ kind }) =>
        order.push(`${place} ${kind}`),
      );
    ask('high', HIGH);
    await vi.advanceTimersByTimeAsync(20);
    namespace.local.free('1');
    ask('low', LOW);
    ask('hasty', 0, 0);
    await vi.advanceTimersByTimeAsync(30);
    expect(order).toEqual(['hasty refused', 'high admitted']);
    namespace.local.free('high');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(order).toEqual(['hasty refused', 'high admitted', 'low admitted']);
  });

  it('that is low is refused when its time is up while others wait, without asking', async () => {
    const { settings } = setUp();
    const order: string[] = [];
    const ask = (name: string, patience: Patience): void =>
      void admit([perSecond(1)], '/', settings, patience).then(({ kind }) =>
        order.push(`${name} ${kind} ${Date.now() % 1000}`),
      );
    ask('first', waits(0));
    ask('low', waits(LOW, 1000));
    ask('high', waits(HIGH));
    await vi.advanceTimersByTimeAsync(1001);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(order).toEqual(['first admitted 0', 'low refused 0', 'high admitted 0']);
  });
});

describe('what Genesys has closed', () => {
  const closure = { ref: 't', route: users, poolSize: 1, remainingMs: 5000 };

  it('is refused, and consumes nothing', async () => {
    const { namespace, request } = setUp();
    await request([perSecond(2)]);
    namespace.closures.close(closure, performance.now());
    expect(await request([perSecond(2)])).toEqual({ kind: 'closed', waitMs: 5000 });
    expect((await request([perSecond(2)], '/api/v2/queues')).kind).toBe('admitted');
  });

  it('is waited for if there is time', async () => {
    const { namespace, request } = setUp({ maxWaitMs: 6000 });
    namespace.closures.close(closure, performance.now());
    expect(await outcomes([request([])])).toEqual(['admitted 5000']);
  });

  it('does not matter if the configuration does not follow', async () => {
    const { namespace, request } = setUp({ followUpstream: false });
    namespace.closures.close(closure, performance.now());
    expect((await request([])).kind).toBe('admitted');
  });

  it('is learned from other nodes before the request is counted', async () => {
    const modes: string[] = [];
    const { request } = setUp(
      {},
      {
        async admit(_checks, _delay, mode) {
          modes.push(mode);
          if (mode === 'report') return { kind: 'reported', closures: [closure] };
          const reading = { admitted: true, nowUs: Date.now() * 1000, counters: [] };
          return { kind: 'counted', reading, closures: [closure], leases: [] };
        },
        free: async () => {},
      },
    );
    expect((await request([])).kind).toBe('closed');
    expect((await request([], '/api/v2/queues')).kind).toBe('admitted');
    expect(modes).toEqual(['report', 'learn']);
  });

  it('and nearly used up tokens spread requests that may wait', async () => {
    const { namespace, request } = setUp({ maxWaitMs: 1000 });
    const hint = { count: '298', allowed: '300', resetSeconds: '1' };
    namespace.hints.learn({ ref: 't', poolSize: 1 }, hint, performance.now());
    expect(await outcomes([1, 2, 3].map(() => request([])))).toEqual(['admitted 0', 'admitted 500', 'admitted 1000']);
  });
});

describe('a Redis that fails', () => {
  const away: RedisCounters = {
    admit: async () => {
      throw new RedisUnavailable('Redis cannot be used: gone');
    },
    free: async () => {},
  };

  it.each([
    ['local', ['admitted', 'refused']],
    ['reject', ['unavailable', 'unavailable']],
    ['allow', ['admitted', 'admitted']],
  ] as const)('is taken as on_redis_error: %s says', async (onRedisError, kinds) => {
    const { request, faults } = setUp({ onRedisError }, away);
    expect([(await request([perSecond(1)])).kind, (await request([perSecond(1)])).kind]).toEqual(kinds);
    expect(faults.take()).toBeUndefined();
  });

  it('with an answer of its own is told of', async () => {
    const { request, faults } = setUp(
      {},
      { admit: () => Promise.reject(new Error('WRONGTYPE')), free: async () => {} },
    );
    expect((await request([perSecond(1)])).kind).toBe('admitted');
    expect([faults.take(), faults.take()]).toEqual(['WRONGTYPE', undefined]);
  });
});
