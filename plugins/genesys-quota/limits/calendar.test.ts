/** Weeks and months: when they begin and end, and that each admits its limit, by a clock that the test sets. */
import { afterEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { BARE_HOST } from '../../shared/host.js';
import { readConfig } from '../config.js';
import { generationOf, type WindowCheck, windowLeftMs } from './counting.js';
import { judge } from './judgement.js';
import { createLocalCounters } from './local-counters.js';
import { checksOf } from './request.js';

const REQUEST = {
  method: undefined,
  connection: '',
  upstreamUri: '/',
  query: undefined,
  consumer: undefined,
  credentialId: undefined,
  ip: undefined,
  headers: new Map(),
};

/** The check of a limit of 2, as a configuration gives it. */
function checkOf(settings: Record<string, unknown>): WindowCheck {
  const limits = [{ name: 'bill', limit: 2, by: 'global', ...settings }];
  const [check] = checksOf(readConfig({ limits }, BARE_HOST), REQUEST);
  return check !== undefined && 'windowMs' in check ? check : expect.fail('no window');
}

/** Counters of a limit of 2, with a clock that the test sets. */
function counted(settings: Record<string, unknown>) {
  const check = checkOf(settings);
  const clock = { ms: 0 };
  const counters = createLocalCounters(() => clock.ms * 1000);
  return {
    /** Returns how many of three requests a time lets through. */
    admittedAt(time: string): number {
      clock.ms = Date.parse(time);
      return [1, 2, 3].filter(() => counters.admit([check], 0).admitted).length;
    },
    judgeAt(time: string) {
      clock.ms = Date.parse(time);
      return judge(counters.admit([check], 0));
    },
  };
}

const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe('a window ends', () => {
  it.each([
    ['a month', 'month', 1, '2026-11-27T23:00:00Z', '2026-12-01T00:00:00Z'],
    ['the last month of a year', 'month', 1, '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00Z'],
    ['a month, when it begins', 'month', 1, '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['a February', 'month', 1, '2027-02-28T12:00:00Z', '2027-03-01T00:00:00Z'],
    ['a February with a leap day', 'month', 1, '2028-02-28T12:00:00Z', '2028-03-01T00:00:00Z'],
    ['a leap day', 'month', 1, '2028-02-29T23:59:59.999Z', '2028-03-01T00:00:00Z'],
    ['a century without a leap day', 'month', 1, '2100-02-28T12:00:00Z', '2100-03-01T00:00:00Z'],
    ['a month from the 15th, before it', 'month', 15, '2026-12-14T23:59:59.999Z', '2026-12-15T00:00:00Z'],
    ['a month from the 15th, on it', 'month', 15, '2026-12-15T00:00:00Z', '2027-01-15T00:00:00Z'],
    ['a month from the 28th, in March', 'month', 28, '2027-03-01T00:00:00Z', '2027-03-28T00:00:00Z'],
    ['a month from the 28th, over a leap day', 'month', 28, '2028-02-28T00:00:00Z', '2028-03-28T00:00:00Z'],
    ['a week, on a Sunday', 'week', 1, '2026-11-29T23:59:59.999Z', '2026-11-30T00:00:00Z'],
    ['a week, on a Monday', 'week', 1, '2026-11-30T00:00:00Z', '2026-12-07T00:00:00Z'],
    ['a week from Sunday', 'week', 7, '2026-11-29T00:00:00Z', '2026-12-06T00:00:00Z'],
    ['a week over a new year', 'week', 3, '2026-12-31T12:00:00Z', '2027-01-06T00:00:00Z'],
  ])('%s', (_, window, startsOn, now, end) => {
    const check = checkOf({ window, starts_on: startsOn });
    const [nowMs, endMs] = [Date.parse(now), Date.parse(end)];
    expect(new Date(nowMs + windowLeftMs(check, nowMs * 1000)).toISOString()).toBe(new Date(endMs).toISOString());
    expect(generationOf(check, endMs - 1)).toBe(generationOf(check, nowMs));
    expect(generationOf(check, endMs)).toBe(generationOf(check, nowMs) + 1);
  });

  it.each(['week', 'month'])('a %s, where its next one begins, at any time', (window) => {
    const random = createRandom(window);
    for (let n = 0; n < 2000; n++) {
      const check = checkOf({ window, starts_on: random.int(1, window === 'week' ? 7 : 28) });
      const nowMs = random.int(Date.UTC(2020, 0, 1), Date.UTC(2110, 0, 1));
      const endMs = nowMs + windowLeftMs(check, nowMs * 1000);
      const [at, last, next] = [nowMs, endMs - 1, endMs].map((ms) => generationOf(check, ms));
      expect([last, next]).toEqual([at, (at ?? 0) + 1]);
      expect(endMs % 86_400_000).toBe(0);
    }
  });
});

describe('a month', () => {
  it('admits its limit, and so does the next one from its first millisecond', () => {
    const { admittedAt, judgeAt } = counted({ window: 'month' });
    expect(admittedAt('2028-01-31T23:59:59.999Z')).toBe(2);
    expect(admittedAt('2028-02-01T00:00:00Z')).toBe(2);
    expect(admittedAt('2028-02-29T23:59:59.999Z')).toBe(0);
    expect(judgeAt('2028-02-29T23:59:59Z')).toMatchObject({ admitted: false, waitMs: 1, tightest: { resetMs: 1 } });
    expect(admittedAt('2028-03-01T00:00:00Z')).toBe(2);
    // What was before an idle month is forgotten.
    expect(admittedAt('2028-05-31T00:00:00Z')).toBe(2);
  });

  it('tells a refused client when it ends, and an admitted one what is left', () => {
    const { judgeAt } = counted({ window: 'month' });
    expect(judgeAt('2028-02-28T00:00:00Z')).toMatchObject({ tightest: { remaining: 1, resetMs: 2 * 86_400_000 } });
    judgeAt('2028-02-28T00:00:00Z');
    expect(judgeAt('2028-02-28T12:00:00Z')).toMatchObject({ admitted: false, waitMs: 1.5 * 86_400_000 });
  });

  it('that has begun does not end when the clock is set back, nor does the one before come again', () => {
    const { admittedAt } = counted({ window: 'month' });
    expect(admittedAt('2028-03-01T00:00:00Z')).toBe(2);
    expect(admittedAt('2028-02-29T00:00:00Z')).toBe(0);
    expect(admittedAt('2028-03-31T23:59:59Z')).toBe(0);
    expect(admittedAt('2028-04-01T00:00:00Z')).toBe(2);
  });

  it.each(['America/New_York', 'Pacific/Kiritimati', 'Europe/Berlin'])(
    'is of UTC on a machine in %s, over its change of the clocks',
    (timezone) => {
      process.env.TZ = timezone;
      expect(new Date(Date.UTC(2026, 0, 1)).getTimezoneOffset()).not.toBe(0);
      for (const border of ['2026-03-01', '2026-04-01', '2026-11-01', '2026-12-01']) {
        const { admittedAt } = counted({ window: 'month' });
        const beforeMs = Date.parse(`${border}T00:00:00Z`) - 1;
        expect(admittedAt(new Date(beforeMs).toISOString())).toBe(2);
        expect(admittedAt(new Date(beforeMs).toISOString())).toBe(0);
        expect(admittedAt(`${border}T00:00:00Z`)).toBe(2);
      }
    },
  );
});

it('a week admits its limit from Monday to Sunday', () => {
  const { admittedAt } = counted({ window: 'week' });
  expect(admittedAt('2026-11-29T23:59:59.999Z')).toBe(2);
  expect(admittedAt('2026-11-30T00:00:00Z')).toBe(2);
  expect(admittedAt('2026-12-06T23:59:59.999Z')).toBe(0);
  expect(admittedAt('2026-12-07T00:00:00Z')).toBe(2);
});
