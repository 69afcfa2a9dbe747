/** What Genesys' hints do: spread requests, and say how much is left. */
import { describe, expect, it } from 'vitest';
import { createHints } from './hints.js';

const mark = (ref: string, poolSize = 1) => ({ ref, poolSize });

describe('a hint', () => {
  const hint = (count: string, allowed = '300', resetSeconds = '10') => ({ count, allowed, resetSeconds });

  it('that a token is nearly used up spreads requests over the rest of its window', () => {
    const hints = createHints();
    hints.learn(mark('t'), hint('290'), 0);
    expect([1, 2, 3, 4].map(() => hints.delayMs(0, 5000))).toEqual([0, 1000, 2000, 3000]);
    expect(hints.delayMs(0, 500)).toBe(500);
    expect(hints.delayMs(10_000, 5000)).toBe(0);
  });

  it('ends when the token is fresh again, and needs all tokens of a pool', () => {
    const hints = createHints();
    hints.learn(mark('a', 2), hint('299'), 0);
    expect([hints.delayMs(0, 5000), hints.delayMs(0, 5000)]).toEqual([0, 0]);
    hints.learn(mark('b', 2), hint('299'), 0);
    expect([hints.delayMs(0, 9000), hints.delayMs(0, 9000)]).toEqual([0, 5000]);
    hints.learn(mark('a', 2), hint('1'), 0);
    expect(hints.delayMs(0, 5000)).toBe(0);
  });

  it.each([
    ['absent', { count: undefined, allowed: undefined, resetSeconds: undefined }],
    ['no number', hint('many')],
    ['far from it', hint('200')],
    ['too long', hint('300', '300', '3600')],
    ['nothing allowed', hint('0', '0')],
  ])('that is %s changes nothing', (_, absent) => {
    const hints = createHints();
    hints.learn(mark('t'), absent, 0);
    expect([hints.delayMs(0, 5000), hints.delayMs(0, 5000)]).toEqual([0, 0]);
  });

  it('is remembered until its window ends, and summed over the tokens', () => {
    const hints = createHints();
    expect(hints.allowance(0)).toBeUndefined();
    hints.learn(mark('a', 2), hint('30'), 0);
    hints.learn(mark('b', 2), hint('150', '300', '20'), 0);
    expect(hints.allowance(9999)).toEqual({ allowed: 600, used: 180, highestUse: 0.5 });
    hints.learn(mark('b', 2), { count: undefined, allowed: undefined, resetSeconds: undefined }, 9999);
    expect(hints.allowance(10_000)).toEqual({ allowed: 300, used: 150, highestUse: 0.5 });
    expect(hints.allowance(20_000)).toBeUndefined();
  });

  it.each([
    ['absent', { count: undefined, allowed: undefined, resetSeconds: undefined }],
    ['no number', hint('many')],
    ['nothing allowed', hint('0', '0')],
    ['of a window of an hour', hint('3', '300', '3600')],
  ])('that is %s tells nothing', (_, absent) => {
    const hints = createHints();
    hints.learn(mark('t'), absent, 0);
    expect(hints.allowance(0)).toBeUndefined();
  });
});
