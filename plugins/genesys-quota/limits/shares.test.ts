/** Reserved shares: what is kept, what is lent, and how fast it comes back, over random traffic with a simulated clock. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { counterOf, fits, generationOf, keptForMs, type WindowCheck } from './counting.js';
import { judge } from './judgement.js';
import { createLocalCounters } from './local-counters.js';
import { keptOf } from './shares.js';

const START_MS = Date.UTC(2026, 10, 21);
const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);

/** A limit of 100 in ten seconds, of which 40 and 20 are reserved. */
function setUp(changes: Partial<WindowCheck> = {}) {
  const clock = { ms: START_MS };
  const counters = createLocalCounters(() => clock.ms * 1000);
  const shares = changes.reserved?.shares ?? [40, 20];
  const ask = (own: number, cost = 1) => {
    const common = { name: 'l', group: 'l', id: '', maxIdentities: 0, limit: 100, windowMs: 10_000 };
    const check: WindowCheck = { kind: 'fixed', ...common, cost, ...changes, reserved: { shares, own } };
    return counters.admit([check], 0);
  };
  /** Returns how many of one owner's requests are admitted in a row. */
  const take = (own: number, most = 1000): number => {
    let admitted = 0;
    while (admitted < most && ask(own).admitted) admitted++;
    return admitted;
  };
  return { clock, ask, take };
}
const [FIRST, SECOND, NOBODY] = [0, 1, -1];

describe('a share', () => {
  it('is for its owners alone, and they may use the rest too', () => {
    const { take } = setUp();
    expect([take(NOBODY), take(FIRST), take(SECOND), take(NOBODY)]).toEqual([40, 40, 20, 0]);
    expect([setUp().take(FIRST), setUp().take(SECOND)]).toEqual([80, 60]);
  });

  it('is lent as the window goes by, and what is kept is that for the rest of it', () => {
    const { clock, take } = setUp();
    expect(take(NOBODY)).toBe(40);
    clock.ms += 5000;
    expect(take(NOBODY)).toBe(30);
    clock.ms += 2500;
    expect(take(NOBODY)).toBe(15);
    expect([take(FIRST), take(SECOND)]).toEqual([10, 5]);
    // With the next window all of it is back.
    clock.ms += 2500;
    expect([take(NOBODY), take(FIRST), take(SECOND)]).toEqual([40, 40, 20]);
  });

  it('that was used is not kept a second time', () => {
    const { clock, take } = setUp();
    expect(take(FIRST, 40)).toBe(40);
    expect(take(NOBODY)).toBe(40);
    clock.ms += 5000;
    expect([take(FIRST), take(NOBODY), take(SECOND)]).toEqual([10, 0, 10]);
  });

  it('is told its owners and others as what is left for them', () => {
    const { ask, take } = setUp();
    const remaining = (own: number): number | undefined => judge(ask(own)).tightest?.remaining;
    expect([remaining(NOBODY), remaining(FIRST), remaining(SECOND)]).toEqual([39, 78, 58]);
    take(NOBODY);
    expect([remaining(NOBODY), remaining(FIRST), remaining(SECOND)]).toEqual([0, 38, 18]);
  });

  it('is part of what is used only when it is used: warnings and forecasts look at the whole', () => {
    const { ask } = setUp({ warn: { percent: 50, who: '' }, isBudget: true });
    const judged = Array.from({ length: 40 }, () => judge(ask(NOBODY)));
    expect(judged.flatMap((one) => (one.admitted ? one.nearlyUsed : []))).toEqual([]);
    const last = judged.at(-1);
    expect(last?.admitted && last.budgets[0]).toMatchObject({ limit: 100, remaining: 60 });
    const warned = Array.from({ length: 10 }, () => judge(ask(FIRST))).map(
      (one) => one.admitted && one.nearlyUsed.length,
    );
    expect(warned).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('of a month is kept as if each had 31 days', () => {
    const { clock, take } = setUp({
      kind: 'month',
      windowMs: 31 * 86_400_000,
      limit: 310,
      reserved: { shares: [310], own: 0 },
    });
    clock.ms = Date.UTC(2028, 1, 1);
    expect(take(NOBODY)).toBe(0);
    clock.ms = Date.UTC(2028, 1, 11);
    expect(take(NOBODY)).toBe(100);
    clock.ms = Date.UTC(2028, 2, 1) - 1;
    expect([take(NOBODY), take(FIRST)]).toEqual([189, 21]);
    clock.ms += 1;
    expect([take(NOBODY), take(FIRST)]).toEqual([0, 310]);
  });
});

it.each(SEEDS)(
  'in a fixed window nothing that is kept is ever taken, and no more than the limit admitted (seed %i)',
  (seed) => {
    const { clock, ask } = setUp();
    const random = createRandom(String(seed));
    let [window, used, lent] = [0, 0, 0];
    /** What each owner may rely on: its part for the rest of the window, less what it used since. */
    let kept = [40, 20];
    for (let n = 0; n < 5000; n++) {
      clock.ms += random.next() < 0.02 ? random.int(0, 9000) : random.int(0, 150);
      const at = Math.floor(clock.ms / 10_000);
      if (at !== window) [window, used, kept] = [at, 0, [40, 20]];
      const left = 10_000 - (clock.ms % 10_000);
      kept = kept.map((one, i) => Math.min(one, Math.floor(([40, 20][i] ?? 0) * (left / 10_000))));
      const own = random.pick([FIRST, SECOND, NOBODY, NOBODY, NOBODY]);
      const cost = random.int(1, 5);
      const { admitted } = ask(own, cost);
      const covered = kept[own] ?? 0;
      if (cost <= covered) expect(admitted, `step ${n}`).toBe(true);
      if (!admitted) continue;
      used += cost;
      kept = kept.map((one, i) => (i === own ? Math.max(0, one - cost) : one));
      expect(used + kept.reduce((a, b) => a + b)).toBeLessThanOrEqual(100);
      if (own === NOBODY && used > 40) lent++;
    }
    expect(lent).toBeGreaterThan(20);
  },
);

it.each(SEEDS)('in a sliding window a share is whole again after the part of it that it makes up (seed %i)', (seed) => {
  const { clock, ask, take } = setUp({ kind: 'sliding' });
  const random = createRandom(String(seed));
  let [own, got, lent, checked] = [NOBODY, 0, 0, 0];
  let window = 0;
  for (; clock.ms < START_MS + 400_000; clock.ms += random.int(1, 40)) {
    const [at, age] = [Math.floor(clock.ms / 10_000), clock.ms % 10_000];
    // Owners are away, while others take all they get; then one wants all of its share at once.
    if (at !== window) [window, own, got] = [at, at % 3 === 0 ? random.pick([FIRST, SECOND]) : NOBODY, 0];
    const share = [40, 20][own] ?? 0;
    if (random.next() < 0.5) lent += take(NOBODY);
    if (got < share) got += take(own, share - got);
    lent += take(NOBODY);
    // A request takes the place of a hundredth of a window.
    if (age <= share * 100 + 150) continue;
    expect(got).toBe(share);
    if (share > 0) checked++;
  }
  expect([lent > 2500, checked > 100]).toEqual([true, true]);
  expect(ask(NOBODY).admitted).toBe(false);
});

it.each(['fixed', 'sliding'] as const)(
  'who sends at the pace of its share is served whatever the others do (%s)',
  (kind) => {
    const { clock, ask } = setUp({ kind });
    let [sent, refused, others] = [0, 0, 0];
    for (let ms = 0; ms < 300_000; ms++) {
      clock.ms = START_MS + ms;
      if (ask(NOBODY).admitted) others++;
      if (ms % 250 !== 249) continue;
      sent++;
      if (!ask(FIRST).admitted) refused++;
    }
    expect([sent, refused]).toEqual([1200, 0]);
    expect(others).toBeGreaterThan(30 * 55);
  },
);

it.each(SEEDS)('the time to wait is exactly when a request fits, if no other comes (seed %i)', (seed) => {
  const random = createRandom(String(seed));
  for (let n = 0; n < 30; n++) {
    const kind = random.pick(['fixed', 'sliding', 'month'] as const);
    const windowMs = kind === 'month' ? 31 * 86_400_000 : 10_000;
    const shares = [random.int(1, 60), random.int(1, 40)];
    const { clock, ask } = setUp({ kind, windowMs, reserved: { shares, own: 0 } });
    let refused = 0;
    for (let step = 0; step < 400 && refused < 5; step++) {
      clock.ms += random.int(0, windowMs / 100);
      const [own, cost] = [random.int(-1, 1), random.int(1, random.pick([3, 98]))];
      const reading = ask(own, cost);
      const judged = judge(reading);
      if (judged.admitted) continue;
      refused++;
      const [counter] = reading.counters;
      if (counter?.kind !== 'window') return expect.fail();
      const { check, current, previous, kept } = counter;
      const fitsIn = (ms: number): boolean => {
        const atMs = clock.ms + ms;
        const windows = generationOf(check, atMs) - generationOf(check, clock.ms);
        const [now = 0, before = 0] =
          [
            [current, previous],
            [0, current],
            [0, 0],
          ][windows] ?? [];
        const keeps = keptOf(
          { shares, own: 0 },
          windows === 0 ? kept : undefined,
          keptForMs(check, atMs * 1000),
          windowMs,
        );
        return fits(counterOf(check, now, before, keeps), atMs * 1000, 0);
      };
      expect(fitsIn(judged.waitMs), JSON.stringify({ check, current, previous, kept, judged })).toBe(true);
      expect(fitsIn(judged.waitMs - 1), JSON.stringify({ check, current, previous, kept, judged })).toBe(false);
    }
  }
});
