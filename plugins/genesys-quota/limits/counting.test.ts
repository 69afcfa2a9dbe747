/** The arithmetic of limits, and what it guarantees, over random traffic with a simulated clock. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { type Check, fitsWindow, spikeDelayUs, type WindowCheck, windowRemaining, windowWaitMs } from './counting.js';
import { judge } from './judgement.js';
import { createLocalCounters } from './local-counters.js';

const START_MS = Date.UTC(2026, 10, 21);

function windowCheck(changes: Partial<WindowCheck> = {}): WindowCheck {
  return {
    kind: 'sliding',
    name: 'l',
    group: 'l',
    id: 'a',
    maxIdentities: 100,
    limit: 10,
    windowMs: 1000,
    cost: 1,
    ...changes,
  };
}

function spikeCheck(emissionUs: number, burst = 1): Extract<Check, { kind: 'spike' }> {
  return { kind: 'spike', name: 's', group: 's', id: 'a', maxIdentities: 100, emissionUs, burst };
}

/** Counters with a clock that the test moves. */
function simulated() {
  const clock = { nowMs: START_MS };
  const counters = createLocalCounters(() => clock.nowMs * 1000);
  const admit = (checks: readonly Check[], maxDelayMs = 0) => counters.admit(checks, maxDelayMs * 1000);
  return { clock, counters, admit };
}

/** Random times: dense, sparse, and on the borders of windows. */
function* moments(seed: number, count: number, windowMs: number): Generator<number> {
  const random = createRandom(String(seed));
  let nowMs = START_MS + random.int(0, windowMs);
  for (let i = 0; i < count; i += 1) {
    yield nowMs;
    const step = random.next();
    if (step < 0.7) nowMs += random.int(0, Math.ceil(windowMs / 40));
    else if (step < 0.9) nowMs = (Math.floor(nowMs / windowMs) + 1) * windowMs - random.int(0, 1);
    else nowMs += random.int(0, 3 * windowMs);
  }
}

const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);

describe('a fixed window', () => {
  it.each(SEEDS)('never lets through more than the limit between two borders (seed %i)', (seed) => {
    const { clock, admit } = simulated();
    const random = createRandom(String(seed));
    const perWindow = new Map<number, number>();
    for (const nowMs of moments(seed, 2000, 1000)) {
      clock.nowMs = nowMs;
      const cost = random.int(1, 4);
      if (admit([windowCheck({ kind: 'fixed', cost })]).admitted) {
        const index = Math.floor(nowMs / 1000);
        perWindow.set(index, (perWindow.get(index) ?? 0) + cost);
      }
    }
    expect(Math.max(...perWindow.values())).toBe(10);
  });
});

describe('a sliding window', () => {
  it.each(SEEDS)(
    'never lets the weighted estimate over the limit, nor twice the limit into a window (seed %i)',
    (seed) => {
      const { clock, admit } = simulated();
      const random = createRandom(String(seed));
      const admitted: { atMs: number; cost: number }[] = [];
      const sum = (fromMs: number, toMs: number): number =>
        admitted.reduce((total, { atMs, cost }) => (atMs >= fromMs && atMs < toMs ? total + cost : total), 0);
      for (const nowMs of moments(seed, 1000, 1000)) {
        clock.nowMs = nowMs;
        const cost = random.int(1, 4);
        if (!admit([windowCheck({ cost })]).admitted) continue;
        admitted.push({ atMs: nowMs, cost });
        const beganMs = nowMs - (nowMs % 1000);
        const elapsed = nowMs - beganMs;
        const estimate = sum(beganMs - 1000, beganMs) * (1 - elapsed / 1000) + sum(beganMs, nowMs + 1);
        expect(estimate).toBeLessThanOrEqual(10 + 1e-9);
        expect(sum(nowMs - 999, nowMs + 1)).toBeLessThan(20);
      }
      expect(admitted.length).toBeGreaterThan(100);
    },
  );

  it('at its worst lets through almost twice the limit within one window, as its documents say', () => {
    const { clock, admit } = simulated();
    const check = windowCheck({ limit: 100 });
    const burst = (atMs: number): number => {
      clock.nowMs = START_MS + atMs;
      let count = 0;
      while (admit([check]).admitted) count += 1;
      return count;
    };
    expect(burst(999)).toBe(100);
    let within = 100;
    for (let atMs = 1000; atMs < 1999; atMs += 1) within += burst(atMs);
    expect(within).toBe(199);
  });
});

describe('the time to wait', () => {
  it.each(SEEDS)('is exactly when a request fits, and not a millisecond more (seed %i)', (seed) => {
    const random = createRandom(String(seed));
    for (let i = 0; i < 500; i += 1) {
      const limit = random.int(1, 50);
      const check = windowCheck({
        kind: random.pick(['fixed', 'sliding'] as const),
        limit,
        cost: random.int(1, limit),
        windowMs: random.pick([1000, 7000, 60_000]),
      });
      const { windowMs } = check;
      const state = { current: random.int(0, limit), previous: random.int(0, limit) };
      const elapsedMs = random.int(0, windowMs - 1);
      const waitMs = windowWaitMs(check, state, windowMs - elapsedMs);
      const fitsIn = (ms: number): boolean => {
        const at = elapsedMs + ms;
        if (at < windowMs) return fitsWindow(check, state, windowMs - at);
        if (at < 2 * windowMs) return fitsWindow(check, { current: 0, previous: state.current }, 2 * windowMs - at);
        return fitsWindow(check, { current: 0, previous: 0 }, windowMs);
      };
      expect(fitsIn(waitMs), JSON.stringify({ check, state, elapsedMs, waitMs })).toBe(true);
      if (waitMs > 0) expect(fitsIn(waitMs - 1), JSON.stringify({ check, state, elapsedMs, waitMs })).toBe(false);
    }
  });
});

describe('a spike arrest', () => {
  it.each(SEEDS)('keeps requests apart, with the burst at once (seed %i)', (seed) => {
    const { clock, admit } = simulated();
    const burst = 1 + (seed % 4);
    const check = spikeCheck(100_000, burst);
    const times: number[] = [];
    for (const nowMs of moments(seed, 2000, 1000)) {
      clock.nowMs = nowMs;
      if (admit([check]).admitted) times.push(nowMs);
    }
    for (let i = burst; i < times.length; i += 1) {
      expect((times[i] as number) - (times[i - burst] as number)).toBeGreaterThanOrEqual(100);
    }
    expect(times.length).toBeGreaterThan(100);
  });

  it('reserves a place for a request that may be held, one after the other', () => {
    const { admit } = simulated();
    const check = spikeCheck(100_000);
    const delays = Array.from({ length: 5 }, () => judge(admit([check], 300)));
    expect(delays.map((judged) => judged.admitted && judged.delayMs)).toEqual([0, 100, 200, 300, false]);
    expect(delays[4]).toMatchObject({ admitted: false, waitMs: 400, tightest: { limit: 1, remaining: 0 } });
  });

  it('of 300pm lets one through every 200 ms', () => {
    expect(spikeDelayUs(spikeCheck(200_000), { tatUs: 1_200_000 }, 1_000_000)).toBe(200_000);
  });
});

describe('several limits', () => {
  it.each(SEEDS)('let a request through all or count it in none (seed %i)', (seed) => {
    const random = createRandom(String(seed));
    const real = simulated();
    const withoutRefused = simulated();
    for (const nowMs of moments(seed, 1500, 1000)) {
      const checks: Check[] = [
        windowCheck({ group: 'fixed', kind: 'fixed', limit: 12, cost: random.int(1, 3) }),
        windowCheck({ group: 'by', id: random.pick(['a', 'b']), limit: 5 }),
        windowCheck({ group: 'long', windowMs: 3000, limit: 20 }),
        spikeCheck(20_000, 3),
      ];
      real.clock.nowMs = nowMs;
      withoutRefused.clock.nowMs = nowMs;
      const reading = real.admit(checks);
      // The other one sees only what was let through: had a refused request left a trace, they would differ.
      if (reading.admitted) expect(withoutRefused.admit(checks)).toEqual(reading);
    }
  });

  it('tell of the tightest, and refuse with the longest wait', () => {
    const { admit } = simulated();
    const checks = [
      windowCheck({ group: 'a', name: 'a', limit: 3 }),
      windowCheck({ group: 'b', name: 'b', limit: 2, windowMs: 60_000 }),
      spikeCheck(1000, 100),
    ];
    expect(judge(admit(checks))).toMatchObject({ tightest: { limit: 2, remaining: 1, resetMs: 60_000 } });
    admit(checks);
    const judged = judge(admit(checks));
    // Two of two were used at the window's begin: all of the next window goes by until one fits beside none.
    expect(judged).toMatchObject({ admitted: false, waitMs: 90_000, check: { name: 'b' }, tightest: { limit: 2 } });
  });
});

it.each([
  ['fixed', 100, 80, 1, 80],
  ['fixed', 7, 50, 1, 4],
  ['fixed', 140, 80, 1, 112],
  ['fixed', 10, 100, 1, 10],
  ['fixed', 1000, 1, 1, 10],
  ['fixed', 100, 50, 30, 2],
  ['sliding', 100, 80, 1, 80],
] as const)(
  'a %s limit of %i that warns at %i %%, of costs of %i each, does from the %ith request on',
  (kind, limit, percent, cost, first) => {
    const { admit } = simulated();
    const check = windowCheck({ kind, limit, cost, warn: { percent, who: '' } });
    const warned: number[] = [];
    for (let n = 1; ; n++) {
      const judged = judge(admit([check, windowCheck({ group: 'silent', limit: 2000 })]));
      if (!judged.admitted) break;
      if (judged.nearlyUsed.length > 0) warned.push(n);
      for (const { remaining, resetMs } of judged.nearlyUsed)
        expect([remaining, resetMs]).toEqual([limit - n * cost, 1000]);
    }
    const last = Math.floor(limit / cost);
    expect(warned).toEqual(Array.from({ length: last - first + 1 }, (_, n) => first + n));
  },
);

it('what remains is never less than nothing, and never more than fits', () => {
  const random = createRandom('7');
  for (let i = 0; i < 2000; i += 1) {
    const limit = random.int(1, 20);
    const check = windowCheck({ limit, kind: random.pick(['fixed', 'sliding'] as const) });
    const state = { current: random.int(0, limit + 3), previous: random.int(0, limit) };
    const leftMs = 1000 - random.int(0, 999);
    const remaining = windowRemaining(check, state, leftMs);
    expect(remaining).toBeGreaterThanOrEqual(0);
    if (remaining > 0) expect(fitsWindow({ ...check, cost: remaining }, state, leftMs)).toBe(true);
    expect(fitsWindow({ ...check, cost: remaining + 1 }, state, leftMs)).toBe(false);
  }
});
