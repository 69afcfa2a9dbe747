/** Requests in flight, in memory: how many, until when, and that nothing is left of them. */
import { expect, it } from 'vitest';
import type { Check, ConcurrentCheck } from './counting.js';
import { placesOf } from './in-flight.js';
import { createLocalCounters } from './local-counters.js';

function setUp() {
  const clock = { nowMs: 1_000_000_000_000 };
  const counters = createLocalCounters(() => clock.nowMs * 1000);
  const check = (place: string, changes: Partial<ConcurrentCheck> = {}): ConcurrentCheck => {
    const common = { name: 'l', group: 'l', id: 'a', maxIdentities: 0, limit: 2, ttlMs: 1000 };
    return { kind: 'concurrent', ...common, place, ...changes };
  };
  const admit = (...checks: Check[]): boolean => counters.admit(checks, 0).admitted;
  return { clock, counters, check, admit };
}

it('a request is refused while as many as the limit are in flight, of its identity', () => {
  const { counters, check, admit } = setUp();
  expect(['1', '2', '3'].map((place) => admit(check(place)))).toEqual([true, true, false]);
  expect(admit(check('4', { id: 'b' }))).toBe(true);
  counters.free('1');
  expect(['5', '6'].map((place) => admit(check(place)))).toEqual([true, false]);
  // Neither frees what was freed before, nor what has no place.
  for (const place of ['1', '3', 'none']) counters.free(place);
  expect(admit(check('7'))).toBe(false);
  expect(counters.inFlight()).toEqual(new Map([['l', 3]]));
});

it('a request that is refused takes no place, and consumes nothing of a window', () => {
  const { counters, check, admit } = setUp();
  const common = { id: 'a', maxIdentities: 0, limit: 3, windowMs: 60_000, cost: 1 };
  const window: Check = { kind: 'fixed', name: 'w', group: 'w', ...common };
  expect(['1', '2', '3', '4'].map((place) => admit(check(place), window))).toEqual([true, true, false, false]);
  counters.free('1');
  expect([admit(check('5'), window), admit(check('6', { id: 'b' }), window)]).toEqual([true, false]);
  expect(counters.inFlight()).toEqual(new Map([['l', 2]]));
});

it('a place that nobody frees is free after its time, and counts until then', () => {
  const { clock, counters, check, admit } = setUp();
  admit(check('1'));
  clock.nowMs += 400;
  admit(check('2'));
  clock.nowMs += 599;
  expect(admit(check('3'))).toBe(false);
  clock.nowMs += 1;
  expect(['4', '5'].map((place) => admit(check(place)))).toEqual([true, false]);
  clock.nowMs += 1000;
  expect(counters.inFlight()).toEqual(new Map([['l', 0]]));
});

it('what Redis has admitted is known when this node counts alone', () => {
  const { counters, check, admit } = setUp();
  for (const place of ['1', '2', '3']) counters.hold([check(place)]);
  expect(admit(check('4'))).toBe(false);
  for (const place of ['1', '2']) counters.free(place);
  expect(admit(check('5'))).toBe(true);
});

it('the log phase is told the counters of those limits alone', () => {
  const { check } = setUp();
  const spike: Check = { kind: 'spike', name: 's', group: 's', id: '', maxIdentities: 0, emissionUs: 1, burst: 1 };
  expect(placesOf([check('1'), spike, check('1', { group: 'm', id: '' })])).toEqual({
    place: '1',
    counters: ['l:a', 'm:'],
  });
  expect(placesOf([spike])).toBeUndefined();
});
