/** Limits that are nearly used up: each counter once a window, in the metric and in lines of the log. */
import { expect, it } from 'vitest';
import type { WindowUse } from './limits/judgement.js';
import { createWarnings } from './warnings.js';

function setUp() {
  const clock = { ms: 5000 };
  return { clock, warnings: createWarnings(() => clock.ms) };
}

function nearly(name: string, generation: number, id = '', who = ''): WindowUse {
  const check = {
    kind: 'fixed',
    name,
    group: name,
    id,
    maxIdentities: 0,
    limit: 140,
    windowMs: 1000,
    cost: 1,
    warn: { percent: 80, who },
  } as const;
  return { check, limit: 140, remaining: 28, resetMs: 500, generation };
}

it('counts a counter once a window, whatever its number of requests', () => {
  const { warnings } = setUp();
  for (let n = 0; n < 10; n++) warnings.note([nearly('a', 7, 'x'), nearly('b', 7)]);
  warnings.note([nearly('a', 7, 'y')]);
  expect(Object.fromEntries(warnings.totals)).toEqual({ a: 2, b: 1 });
  warnings.note([nearly('a', 8, 'x')]);
  // An answer of Redis that was overtaken is of a window that was warned of.
  warnings.note([nearly('a', 7, 'x')]);
  expect(Object.fromEntries(warnings.totals)).toEqual({ a: 3, b: 1 });
});

it('begins the count of a limit at 0, and keeps it when the configuration changes', () => {
  const { warnings } = setUp();
  warnings.expect('a');
  expect(Object.fromEntries(warnings.totals)).toEqual({ a: 0 });
  warnings.note([nearly('a', 1)]);
  warnings.expect('a');
  expect(Object.fromEntries(warnings.totals)).toEqual({ a: 1 });
});

it('has a line at once, and then one a minute for all that came', () => {
  const { clock, warnings } = setUp();
  expect(warnings.takeLine()).toBeUndefined();
  warnings.note([nearly('consumer', 1, 'c1', 'svc-crm')]);
  expect(warnings.takeLine()).toBe('nearly used up: consumer 112 of 140 (svc-crm)');
  for (let n = 0; n < 8; n++) warnings.note([nearly('consumer', 2, `i${n}`, `svc-${n}`), nearly('whole', 2)]);
  clock.ms += 59_999;
  expect(warnings.takeLine()).toBeUndefined();
  clock.ms += 1;
  expect(warnings.takeLine()).toBe(
    'nearly used up: consumer 112 of 140 (svc-0), whole 112 of 140, consumer 112 of 140 (svc-1), ' +
      'consumer 112 of 140 (svc-2), consumer 112 of 140 (svc-3), and 4 more',
  );
  clock.ms += 60_000;
  expect(warnings.takeLine()).toBeUndefined();
});

it('has one line, whatever a consumer is called', () => {
  const { warnings } = setUp();
  warnings.note([nearly('a', 1, 'x', `svc\ncrm ${'x'.repeat(100)}`)]);
  expect(warnings.takeLine()).toMatch(/^nearly used up: a 112 of 140 \(svc crm x{56}\)$/);
});

it('remembers the counters that were warned of last, so that no client can fill the memory', () => {
  const { warnings } = setUp();
  for (let n = 0; n < 10_000; n++) warnings.note([nearly('a', 1, `i${n}`)]);
  warnings.note([nearly('a', 2, 'i0'), nearly('a', 1, 'new')]);
  expect(warnings.totals.get('a')).toBe(10_002);
  warnings.note([nearly('a', 2, 'i0'), nearly('a', 1, 'i2'), nearly('a', 1, 'new')]);
  expect(warnings.totals.get('a')).toBe(10_002);
  warnings.note([nearly('a', 1, 'i1')]);
  expect(warnings.totals.get('a')).toBe(10_003);
});
