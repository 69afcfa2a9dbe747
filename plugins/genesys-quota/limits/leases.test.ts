/** Leases against a real Redis: several nodes never let more than the limit through, and seldom ask. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../../kong/testbed/redis-server.js';
import { unless } from '../../../kong/testbed/unless.js';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { BARE_HOST } from '../../shared/host.js';
import { createRedisConnections } from '../../shared/redis/connection.js';
import { readConfig } from '../config.js';
import { createNamespaces, giveBack, type Namespace } from '../namespaces.js';
import { type AdmissionSettings, admit } from './admission.js';
import type { Check, Counter } from './counting.js';
import { createHolds } from './hold.js';
import { createLeases } from './leases.js';

const RUN_MS = process.env.LONG ? 30_000 : 2500;

describe('a lease, with a clock that the test sets', () => {
  const check: Extract<Check, { cost: number }> = {
    kind: 'fixed',
    name: 'l',
    group: 'l',
    id: 'a',
    maxIdentities: 0,
    limit: 100,
    windowMs: 600,
    cost: 1,
  };
  /** A lease of 5 that Redis gave 500 ms into window 10, in a trip of 20 ms. */
  function leased() {
    const clock = { ms: 1000 };
    const leases = createLeases(() => clock.ms);
    const trip = leases.begin([check], 10);
    clock.ms += 20;
    const nowUs = 6_500_000;
    const counters: Counter[] = [{ kind: 'window', check, current: 3, previous: 0 }];
    const reading = { admitted: true, nowUs, counters };
    leases.end([check], trip, { reading, leases: [{ amount: 5, generation: 10, birth: '1' }] });
    return { clock, leases };
  }

  it('is spent until it is used up, and says what is left of the limit', () => {
    const { leases } = leased();
    expect(leases.spend([check])).toEqual({
      admitted: true,
      nowUs: 6_520_000,
      counters: [{ kind: 'window', check, current: 4, previous: 0 }],
    });
    for (let n = 0; n < 4; n++) expect(leases.spend([check])).toBeDefined();
    expect(leases.spend([check])).toBeUndefined();
    expect(leases.totals).toEqual({ leased: 5, spent: 5, returned: 0 });
  });

  it('is not spent when its window may be over by the clock of Redis, which began to count with the trip', () => {
    const { clock, leases } = leased();
    clock.ms = 1099;
    expect(leases.spend([check])).toBeDefined();
    clock.ms = 1100;
    expect(leases.spend([check])).toBeUndefined();
    expect(leases.begin([check], 10).asks).toMatchObject([{ back: 4, generation: 10, birth: '1' }]);
  });

  it('of a month is not spent in the next one, by the clock of Redis', () => {
    const clock = { ms: 1000 };
    const leases = createLeases(() => clock.ms);
    const month = { ...check, kind: 'month' as const, windowMs: 31 * 86_400_000, shiftMs: 14 * 86_400_000 };
    const nowUs = Date.UTC(2028, 2, 15) * 1000 - 100_000;
    const trip = leases.begin([month], 10);
    const reading = {
      admitted: true,
      nowUs,
      counters: [{ kind: 'window' as const, check: month, current: 3, previous: 0 }],
    };
    leases.end([month], trip, { reading, leases: [{ amount: 5, generation: 697, birth: '1' }] });
    clock.ms = 1099;
    expect(leases.spend([month])).toBeDefined();
    clock.ms = 1100;
    expect(leases.spend([month])).toBeUndefined();
    expect(leases.begin([month], 10).asks).toMatchObject([{ back: 4, generation: 697 }]);
  });

  it('covers a request only together with leases of all its limits', () => {
    const { leases } = leased();
    expect(leases.spend([check, { ...check, id: 'other' }])).toBeUndefined();
    expect(leases.spend([])).toBeUndefined();
    expect(leases.totals.spent).toBe(0);
  });

  it('is asked for by one trip at a time, as large as a second of requests needs', () => {
    const { clock, leases } = leased();
    clock.ms = 1090;
    for (let n = 0; n < 9; n++) leases.spend([check]);
    expect(leases.begin([check], 10).asks).toMatchObject([{ want: 100 }]);
    expect(leases.begin([check], 10).asks).toMatchObject([{ want: 0 }]);
  });
});

describe('leases', unless(REDIS_MISSING), () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  let names = 0;
  /** Nodes that share a namespace, each with connections and leases of its own. */
  function nodes(count: number, percent = 10): { namespace: Namespace; settings: AdmissionSettings }[] {
    names++;
    const redis = { port: server.port, timeout_ms: 5000, lease_percent: percent };
    const config = readConfig({ namespace: `leases-${names}`, policy: 'redis', redis, max_identities: 50 }, BARE_HOST);
    return Array.from({ length: count }, () => {
      const namespace = createNamespaces(createRedisConnections()).open(config);
      return { namespace, settings: { ...config, namespace, holds: createHolds(), followUpstream: false } };
    });
  }
  const stop = (all: readonly { namespace: Namespace }[]) =>
    Promise.all(all.map(({ namespace }) => namespace.shared?.redis.close()));

  const window = (changes: Partial<Extract<Check, { cost: number }>> = {}): Check => ({
    kind: 'fixed',
    name: 'l',
    group: 'l',
    id: 'a',
    maxIdentities: 0,
    limit: 1000,
    windowMs: 3_600_000,
    cost: 1,
    ...changes,
  });
  const isAdmitted = async (checks: readonly Check[], settings: AdmissionSettings): Promise<boolean> =>
    (await admit(checks, '/', settings)).kind === 'admitted';

  it('let exactly the limit through, in far fewer trips than requests', async () => {
    const [node] = nodes(1);
    if (node === undefined) return;
    let admitted = 0;
    for (let n = 0; n < 1500; n++) if (await isAdmitted([window()], node.settings)) admitted++;
    expect(admitted).toBe(1000);
    const { trips = 0, leases } = node.namespace.shared ?? {};
    // Of the refused, each is a trip; of the admitted, the last ones are counted one by one.
    expect(trips - 500).toBeLessThan(200);
    expect(leases?.totals.spent).toBeGreaterThan(800);
    await stop([node]);
  });

  it.each(['fixed', 'sliding'] as const)(
    'of four nodes with 64 clients admit no more than the limit (%s), whatever two limits they share',
    async (kind) => {
      const all = nodes(4);
      const random = createRandom(kind);
      const [limit, windowMs] = [400, 500];
      /** When each was admitted, by this machine's clock, which is Redis' too: before it was sent, and after the answer. */
      const admitted: { from: number; to: number; cost: number }[] = [];
      const until = performance.now() + RUN_MS;
      const clients = Array.from({ length: 64 }, async (_, client) => {
        const { settings } = all[client % 4] ?? expect.fail();
        while (performance.now() < until) {
          const cost = random.int(1, 3);
          const own = window({
            kind,
            group: 'own',
            id: `c${client % 8}`,
            limit: 90,
            windowMs,
            maxIdentities: 50,
            cost,
          });
          const from = Date.now();
          if (await isAdmitted([window({ kind, limit, windowMs, cost }), own], settings))
            admitted.push({ from, to: Date.now(), cost });
          else await new Promise((resolve) => setTimeout(resolve, random.int(1, 10)));
        }
      });
      await Promise.all(clients);
      const windows = new Map<number, number>();
      for (const { from, to, cost } of admitted) {
        // Those around a border may belong to either window.
        if (Math.floor(from / windowMs) !== Math.floor(to / windowMs)) continue;
        const at = Math.floor(from / windowMs);
        windows.set(at, (windows.get(at) ?? 0) + cost);
      }
      expect(windows.size).toBeGreaterThan(3);
      expect(Math.max(...windows.values())).toBeLessThanOrEqual(limit);
      const trips = all.reduce((sum, { namespace }) => sum + (namespace.shared?.trips ?? 0), 0);
      const spent = all.reduce((sum, { namespace }) => sum + (namespace.shared?.leases.totals.spent ?? 0), 0);
      expect(spent, `${trips} trips`).toBeGreaterThan(0);
      await stop(all);
    },
    RUN_MS + 20_000,
  );

  it('are not taken as used by a warning: it comes when so much is spent', async () => {
    const [node] = nodes(1, 50);
    if (node === undefined) return;
    const limited = window({ limit: 100, warn: { percent: 80, who: '' } });
    const warned: number[] = [];
    for (let n = 1; n <= 100; n++) {
      const admission = await admit([limited], '/', node.settings);
      if (admission.kind === 'admitted' && admission.nearlyUsed.length > 0) warned.push(n);
    }
    expect(warned).toEqual(Array.from({ length: 21 }, (_, n) => 80 + n));
    expect(node.namespace.shared?.leases.totals.spent).toBeGreaterThan(50);
    await stop([node]);
  });

  it('of four nodes admit exactly what a month allows', async () => {
    const all = nodes(4);
    const month = window({ kind: 'month', group: 'month', limit: 400, windowMs: 31 * 86_400_000, shiftMs: 86_400_000 });
    const clients = Array.from({ length: 64 }, async (_, client) => {
      const { settings } = all[client % 4] ?? expect.fail();
      let admitted = 0;
      for (let n = 0; n < 10; n++) if (await isAdmitted([month], settings)) admitted++;
      return admitted;
    });
    let admitted = (await Promise.all(clients)).reduce((sum, one) => sum + one);
    expect(admitted).toBeLessThanOrEqual(400);
    expect(all.reduce((sum, { namespace }) => sum + (namespace.shared?.leases.totals.spent ?? 0), 0)).toBeGreaterThan(
      0,
    );
    await Promise.all(all.map(({ namespace }) => namespace.shared && giveBack(namespace.shared, true)));
    for (const { settings } of all) while (await isAdmitted([month], settings)) admitted++;
    expect(admitted).toBe(400);
    await stop(all);
  });

  it('are given back when they are not used: another node gets what is left', async () => {
    const [one, other] = nodes(2, 50);
    if (one === undefined || other === undefined) return;
    const limited = window({ limit: 100 });
    for (let n = 0; n < 10; n++) await isAdmitted([limited], one.settings);
    const { shared } = one.namespace;
    expect(shared?.leases.totals.leased).toBeGreaterThan(10);
    await waitFor('the lease to be given back', () => shared?.leases.due(true).length === 0, 5000);
    let admitted = 0;
    for (let n = 0; n < 200; n++) if (await isAdmitted([limited], other.settings)) admitted++;
    expect(admitted).toBe(90);
    await stop([one, other]);
  });

  it('that a process gives back at its end are all there again', async () => {
    const [one, other] = nodes(2, 50);
    if (one?.namespace.shared === undefined || other === undefined) return;
    const limited = window({ limit: 100 });
    for (let n = 0; n < 10; n++) await isAdmitted([limited], one.settings);
    await giveBack(one.namespace.shared, true);
    let admitted = 0;
    for (let n = 0; n < 200; n++) if (await isAdmitted([limited], other.settings)) admitted++;
    expect(admitted).toBe(90);
    await stop([one, other]);
  });

  it('are not given back to a counter that never had them: Redis has lost its data', async () => {
    const [one, other] = nodes(2, 50);
    if (one?.namespace.shared === undefined || other === undefined) return;
    const limited = window({ limit: 100 });
    for (let n = 0; n < 10; n++) await isAdmitted([limited], one.settings);
    expect(one.namespace.shared.leases.due(true)).toHaveLength(1);
    server.cli('flushall');
    for (let n = 0; n < 60; n++) expect(await isAdmitted([limited], { ...other.settings, leasePercent: 0 })).toBe(true);
    await giveBack(one.namespace.shared, true);
    let admitted = 60;
    for (let n = 0; n < 200; n++) if (await isAdmitted([limited], { ...other.settings, leasePercent: 0 })) admitted++;
    expect(admitted).toBe(100);
    await stop([one, other]);
  });

  it('leave requests in flight to Redis, which counts those of all nodes', async () => {
    const all = nodes(2, 50);
    let count = 0;
    const flight = (): Check => {
      const common = { name: 'f', group: 'f', id: 'a', maxIdentities: 0, limit: 3, ttlMs: 60_000 };
      return { kind: 'concurrent', ...common, place: String(count++) };
    };
    const admitted: boolean[] = [];
    for (let n = 0; n < 4; n++)
      for (const { settings } of all) admitted.push(await isAdmitted([window(), flight()], settings));
    expect(admitted).toEqual([true, true, true, false, false, false, false, false]);
    expect(all.map(({ namespace }) => namespace.shared?.leases.totals.spent)).toEqual([0, 0]);
    // Requests that no such limit concerns spend leases as before.
    for (let n = 0; n < 40; n++) for (const { settings } of all) await isAdmitted([window()], settings);
    for (const { namespace } of all) expect(namespace.shared?.leases.totals.spent).toBeGreaterThan(10);
    await stop(all);
  });

  it('leave a limit with reserved shares to Redis, so that no node holds what is kept', async () => {
    const all = nodes(4, 50);
    // A window that has just begun.
    const shiftMs = Date.now() - 1000;
    const of = (own: number) => window({ limit: 100, shiftMs, reserved: { shares: [40], own } });
    const admitted = [0, 0];
    for (const [index, own] of [-1, 0].entries())
      for (let n = 0; n < 40; n++)
        for (const { settings } of all)
          if (await isAdmitted([of(own)], settings)) admitted[index] = (admitted[index] ?? 0) + 1;
    expect(admitted).toEqual([60, 40]);
    expect(all.map(({ namespace }) => namespace.shared?.leases.totals.leased)).toEqual([0, 0, 0, 0]);
    await stop(all);
  });

  it('leave a spike arrest, and a counter that identities share, to Redis', async () => {
    const [node] = nodes(1, 50);
    if (node === undefined) return;
    const spike: Check = {
      kind: 'spike',
      name: 's',
      group: 's',
      id: 'a',
      maxIdentities: 0,
      emissionUs: 1,
      burst: 1000,
    };
    for (let n = 0; n < 20; n++) await isAdmitted([window(), spike], node.settings);
    for (let n = 0; n < 100; n++)
      await isAdmitted([window({ group: 'o', id: `i${n % 60}`, maxIdentities: 50 })], node.settings);
    const shared = node.namespace.shared;
    expect(shared?.trips).toBeGreaterThan(20 + 60);
    await stop([node]);
  });
});
