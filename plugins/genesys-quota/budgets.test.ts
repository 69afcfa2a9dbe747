/** What is used of weeks and months, and when they will be used up, by a clock that the test sets. */
import { expect, it } from 'vitest';
import { createBudgets } from './budgets.js';
import type { WindowCheck } from './limits/counting.js';
import { judge } from './limits/judgement.js';
import { createLocalCounters } from './limits/local-counters.js';

const DAY_MS = 86_400_000;
const bill: WindowCheck = {
  kind: 'month',
  name: 'bill',
  group: 'bill:month1',
  id: '',
  maxIdentities: 100,
  limit: 100,
  windowMs: 31 * DAY_MS,
  cost: 1,
  isBudget: true,
};

function setUp() {
  const clock = { ms: 0 };
  const counters = createLocalCounters(() => clock.ms * 1000);
  const budgets = createBudgets();
  return {
    use(time: string, ...checks: WindowCheck[]) {
      clock.ms = Date.parse(time);
      const judged = judge(counters.admit(checks, 0));
      if (judged.admitted) budgets.note(judged.budgets);
    },
    readAt: (time: string) =>
      budgets.read(Date.parse(time)).map(({ limit, usedRatio, endMs, usedUpMs }) => {
        return [limit, usedRatio, new Date(usedUpMs).toISOString(), new Date(endMs).toISOString()];
      }),
  };
}

it('a month that is used too fast is used up before it ends', () => {
  const { use, readAt } = setUp();
  expect(readAt('2026-11-08T12:00:00Z')).toEqual([]);
  use('2026-11-08T12:00:00Z', { ...bill, cost: 34 });
  // 7.5 days of 30 for 34 of 100.
  expect(readAt('2026-11-08T12:00:00Z')).toEqual([
    ['bill', 0.34, '2026-11-23T01:24:42.352Z', '2026-12-01T00:00:00.000Z'],
  ]);
  // A pause moves it.
  expect(readAt('2026-11-16T00:00:00Z')[0]?.[2]).toBe('2026-12-15T02:49:24.705Z');
  use('2026-11-16T00:00:00Z', { ...bill, cost: 66 });
  expect(readAt('2026-11-16T00:00:00Z')[0]?.slice(1, 3)).toEqual([1, '2026-11-16T00:00:00.000Z']);
});

it('is of the running month, with the day that it begins on, and of a week', () => {
  const { use, readAt } = setUp();
  const shifted = { ...bill, name: 'shifted', group: 'shifted', shiftMs: 14 * DAY_MS };
  const week = {
    ...bill,
    kind: 'fixed' as const,
    name: 'week',
    group: 'week1',
    windowMs: 7 * DAY_MS,
    shiftMs: 4 * DAY_MS,
  };
  use(
    '2028-02-28T12:00:00Z',
    { ...shifted, cost: 50 },
    { ...week, cost: 25 },
    { ...week, name: 'hour', isBudget: false },
  );
  expect(readAt('2028-02-28T12:00:00Z')).toEqual([
    ['shifted', 0.5, '2028-03-13T00:00:00.000Z', '2028-03-15T00:00:00.000Z'],
    ['week', 0.25, '2028-03-01T00:00:00.000Z', '2028-03-06T00:00:00.000Z'],
  ]);
  expect(readAt('2028-03-06T00:00:00Z').map(([name]) => name)).toEqual(['shifted']);
  use('2028-03-15T00:00:00Z', { ...shifted, cost: 1 });
  expect(readAt('2028-03-16T00:00:00Z')).toMatchObject([
    ['shifted', 0.01, expect.anything(), '2028-04-15T00:00:00.000Z'],
  ]);
});

it('is of the counter that is used most, and falls when its limit is raised', () => {
  const { use, readAt } = setUp();
  use('2026-11-16T00:00:00Z', { ...bill, id: 'a', cost: 30 });
  use('2026-11-16T00:00:00Z', { ...bill, id: 'b', cost: 60 });
  use('2026-11-16T00:00:00Z', { ...bill, id: 'a', cost: 1 });
  expect(readAt('2026-11-16T00:00:00Z')[0]?.[1]).toBe(0.6);
  use('2026-11-16T00:00:00Z', { ...bill, id: 'b', limit: 305 });
  expect(readAt('2026-11-16T00:00:00Z')[0]?.[1]).toBe(0.2);
  use('2026-11-16T00:00:00Z', { ...bill, id: 'a', cost: 1 });
  expect(readAt('2026-11-16T00:00:00Z')[0]?.[1]).toBe(0.32);
});
