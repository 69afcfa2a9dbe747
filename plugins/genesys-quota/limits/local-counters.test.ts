/** Counters in memory: how many there may be, and when they go. */
import { expect, it } from 'vitest';
import type { Check } from './counting.js';
import { createLocalCounters } from './local-counters.js';

function setUp() {
  const clock = { nowMs: 1_000_000_000_000 };
  const counters = createLocalCounters(() => clock.nowMs * 1000);
  const check = (id: string, limit = 1): Check => {
    return { kind: 'fixed', name: 'l', group: 'l', id, maxIdentities: 3, limit, windowMs: 1000, cost: 1 };
  };
  const admit = (id: string, limit?: number) => counters.admit([check(id, limit)], 0).admitted;
  return { clock, counters, admit };
}

it('with no room for more identities, further ones share a counter, and none that is alive is dropped', () => {
  const { clock, counters, admit } = setUp();
  expect(['a', 'b', 'c'].map((id) => admit(id))).toEqual([true, true, true]);
  expect(['d', 'e', 'f'].map((id) => admit(id))).toEqual([true, false, false]);
  expect(counters.identities()).toBe(3);
  expect(admit('a')).toBe(false);

  // In the next window those of the last are alive still; in the one after it there is room.
  clock.nowMs += 1000;
  expect(['a', 'd', 'e'].map((id) => admit(id))).toEqual([true, true, false]);
  expect(counters.identities()).toBe(3);
  clock.nowMs += 1000;
  expect(['d', 'e', 'a', 'f'].map((id) => admit(id))).toEqual([true, true, true, true]);
  expect(admit('g')).toBe(false);
});

it('a clock that is set back stands still', () => {
  const { clock, admit } = setUp();
  expect(admit('a')).toBe(true);
  clock.nowMs -= 60_000;
  expect(admit('a')).toBe(false);
  clock.nowMs += 61_000;
  expect(admit('a')).toBe(true);
});

it('frees its memory only when nothing matters any more', () => {
  const { clock, counters, admit } = setUp();
  admit('a');
  clock.nowMs += 1999;
  counters.dropIdle();
  expect(counters.identities()).toBe(1);
  clock.nowMs += 2;
  counters.dropIdle();
  expect(counters.identities()).toBe(0);
});

it('a spike arrest of an identity that came too late is shared too', () => {
  const counters = createLocalCounters(() => 1e15);
  const spike = (id: string): Check => {
    return { kind: 'spike', name: 's', group: 's', id, maxIdentities: 1, emissionUs: 1000, burst: 1 };
  };
  const admitted = ['a', 'b', 'c', 'a'].map((id) => counters.admit([spike(id)], 0).admitted);
  expect(admitted).toEqual([true, true, false, false]);
});

it('counters of a limit that is not asked any more, as after a change of its window, go when they do not matter', () => {
  const clock = { nowMs: 1_000_000_000_000 };
  const counters = createLocalCounters(() => clock.nowMs * 1000);
  const admit = (group: string, windowMs: number, id: string): void => {
    const common = { kind: 'fixed', name: 'l', maxIdentities: 100, limit: 9, cost: 1 } as const;
    counters.admit([{ ...common, group, windowMs, id }], 0);
  };
  for (let i = 0; i < 50; i += 1) admit('l:60000', 60_000, String(i));
  for (const [passedMs, left] of [
    [60_000, 51],
    [60_000, 1],
  ] as const) {
    clock.nowMs += passedMs;
    admit('l:1000', 1000, 'a');
    expect(counters.identities()).toBe(left);
  }
});
