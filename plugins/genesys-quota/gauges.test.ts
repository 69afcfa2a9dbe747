/** How full counters are, by a clock that the test sets. */
import { expect, it } from 'vitest';
import { createGauges } from './gauges.js';
import type { Check, SpikeCheck, WindowCheck } from './limits/counting.js';
import { createLocalCounters } from './limits/local-counters.js';

const minute: WindowCheck = {
  kind: 'sliding',
  name: 'consumer',
  group: 'consumer:60000',
  id: 'a',
  who: 'svc-a',
  maxIdentities: 100,
  limit: 10,
  windowMs: 60_000,
  cost: 1,
};
const spike: SpikeCheck = {
  kind: 'spike',
  name: 'spike arrest',
  group: 'spike',
  id: '',
  who: 'everyone',
  maxIdentities: 0,
  emissionUs: 100_000,
  burst: 5,
};

function setUp() {
  const clock = { ms: 0 };
  const counters = createLocalCounters(() => clock.ms * 1000);
  const gauges = createGauges();
  return {
    clock,
    use: (...checks: Check[]) => gauges.note(counters.admit(checks, 0)),
    read: () => gauges.read(clock.ms * 1000).map(({ limit, who, used, of }) => [limit, who, used, of]),
  };
}

it('falls as time passes, though no request comes', () => {
  const { clock, use, read } = setUp();
  for (let i = 0; i < 6; i += 1) use(minute);
  expect(read()).toEqual([['consumer', 'svc-a', 6, 10]]);
  clock.ms = 90_000;
  expect(read()).toEqual([['consumer', 'svc-a', 3, 10]]);
  clock.ms = 180_000;
  expect(read()).toEqual([['consumer', 'svc-a', 0, 10]]);
});

it('lists the fullest first, a refused request does not fill it, and a spike arrest empties by itself', () => {
  const { clock, use, read } = setUp();
  for (let i = 0; i < 8; i += 1) use(minute);
  use({ ...minute, id: 'b', who: 'svc-b' });
  for (let i = 0; i < 7; i += 1) use(spike);
  expect(read()).toEqual([
    ['spike arrest', 'everyone', 5, 5],
    ['consumer', 'svc-a', 8, 10],
    ['consumer', 'svc-b', 1, 10],
  ]);
  clock.ms = 300;
  expect(read()[1]).toEqual(['spike arrest', 'everyone', 2, 5]);
});

it('names no identity that it may not, and of those shows the fullest', () => {
  const { use, read } = setUp();
  const byIp = (id: string): WindowCheck => ({ ...minute, id, who: undefined });
  for (let i = 0; i < 4; i += 1) use(byIp('x'));
  use(byIp('y'));
  expect(read()).toEqual([['consumer', undefined, 4, 10]]);
});

it('keeps as many as it may', () => {
  const { use, read } = setUp();
  for (let i = 0; i < 700; i += 1) use({ ...minute, id: `i${i}`, who: `c${i}`, maxIdentities: 1000 });
  expect(read()).toHaveLength(50);
  expect(read().some(([, who]) => who === 'c0')).toBe(false);
});
