/** Work that is stopped from outside: that it is, and what is left afterwards. */
import { expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { runWithin } from './time-limit.js';

it('returns what the work returns, and throws what it throws', () => {
  expect(runWithin(50, () => 'done')).toEqual({ result: 'done' });
  expect(runWithin(50, () => undefined)).toEqual({ result: undefined });
  const fault = new TypeError('of the work');
  expect(() =>
    runWithin(50, () => {
      throw fault;
    }),
  ).toThrow(fault);
});

it.each<[string, () => unknown]>([
  ['a search that would take for ever', () => /(a+)+$/.test(`${'a'.repeat(60)}!`)],
  ['a replacement', () => `${'a'.repeat(60)}!`.replace(/(a|a)*$/g, '')],
  [
    'a loop',
    () => {
      for (;;);
    },
  ],
])('stops %s', (_, work) => {
  const start = performance.now();
  expect(runWithin(10, work)).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(allowedMs(50));
});

it('is ready for the next one', () => {
  const regex = /(a+)+$/g;
  const found: number[] = [];
  for (let round = 0; round < 3; round++) {
    expect(runWithin(5, () => regex.test(`${'a'.repeat(60)}!`))).toBeUndefined();
    regex.lastIndex = 0;
    expect(runWithin(1000, () => regex.test('aaa'))).toEqual({ result: true });
    found.push(regex.lastIndex);
  }
  expect(found).toEqual([3, 3, 3]);
});
