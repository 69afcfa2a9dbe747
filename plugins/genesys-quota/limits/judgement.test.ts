/** Which limit a refused client is told of, and for how long. */
import { expect, it } from 'vitest';
import { type Check, type Counter, counterOf } from './counting.js';
import { judge } from './judgement.js';

const NOW_US = 1_000_000_000_000_000;
const common = { group: 'g', id: '', maxIdentities: 0 };

function windowOf(name: string, windowMs: number, current: number): Counter {
  const check: Check = { ...common, kind: 'fixed', name, limit: 10, windowMs, cost: 1 };
  return counterOf(check, current, 0);
}

function spikeOf(delayMs: number): Counter {
  const check: Check = { ...common, kind: 'spike', name: 'spike arrest', emissionUs: 1000, burst: 1 };
  return counterOf(check, NOW_US + 1000 * delayMs, 0);
}

const refusedBy = (...counters: Counter[]): string => {
  const judgement = judge({ admitted: false, nowUs: NOW_US, counters });
  return judgement.admitted ? 'none' : `${judgement.check.name} ${judgement.waitMs}`;
};

it.each<[string, Counter[], string]>([
  ['the one that takes longest', [windowOf('a', 2000, 10), windowOf('b', 1000, 10)], 'a 2000'],
  ['the last of two that take as long', [windowOf('a', 1000, 10), windowOf('b', 1000, 10)], 'b 1000'],
  ['a limit before a spike arrest', [windowOf('a', 1000, 10), spikeOf(1000)], 'a 1000'],
  ['a spike arrest that takes longer', [windowOf('a', 1000, 10), spikeOf(1001)], 'spike arrest 1001'],
  ['one that has no room', [windowOf('a', 1000, 10), windowOf('b', 1000, 1)], 'a 1000'],
  // As after Redis' clock was set back.
  ['the first for a second if all have room', [windowOf('a', 1000, 1), windowOf('b', 1000, 1), spikeOf(0)], 'a 1000'],
])('names %s', (_, counters, refusal) => {
  expect(refusedBy(...counters)).toBe(refusal);
});
