/** What Genesys has closed: for which requests, until when, and what its hints do. */
import { describe, expect, it } from 'vitest';
import { createUpstreamHints } from './upstream-hints.js';
import { createUpstreamLimits } from './upstream-limits.js';

const mark = (ref: string, poolSize = 1) => ({ ref, poolSize });
const closure = (ref: string, route: string, remainingMs = 30_000, poolSize = 1) => ({
  ...mark(ref, poolSize),
  route,
  remainingMs,
});

describe('a 429', () => {
  it('closes its route, and nothing else, until its time is over', () => {
    const limits = createUpstreamLimits();
    expect(limits.isAnyClosed(0)).toBe(false);
    limits.saw(mark('t'), 0);
    limits.close(closure('t', 'users'), 0);
    expect(limits.isAnyClosed(29_999)).toBe(true);
    expect([limits.waitMs('users', 10_000), limits.waitMs('queues', 10_000)]).toEqual([20_000, 0]);
    expect([limits.waitMs('users', 30_000), limits.isAnyClosed(30_000)]).toEqual([0, false]);
  });

  it('of a second route closes the token for all, while both last', () => {
    const limits = createUpstreamLimits();
    limits.close(closure('t', 'users', 30_000), 0);
    limits.close(closure('t', 'queues', 10_000), 0);
    expect(limits.waitMs('roles', 1000)).toBe(9000);
    expect(limits.waitMs('users', 1000)).toBe(29_000);
    expect(limits.waitMs('roles', 10_000)).toBe(0);
  });

  it('closes a route of a pool only when every token is refused there', () => {
    const limits = createUpstreamLimits();
    for (const ref of ['a', 'b', 'c']) limits.saw(mark(ref, 3), 0);
    limits.close(closure('a', 'users', 30_000, 3), 0);
    limits.close(closure('b', 'users', 20_000, 3), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
    limits.close(closure('c', 'users', 25_000, 3), 0);
    // The first of them that opens is the one that will do.
    expect(limits.waitMs('users', 0)).toBe(20_000);
  });

  it('does not close what tokens that were not seen yet may pass', () => {
    const limits = createUpstreamLimits();
    limits.saw(mark('a', 3), 0);
    limits.close(closure('a', 'users', 30_000, 3), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
  });

  it('of another node counts if this one knows of no other token', () => {
    const limits = createUpstreamLimits();
    limits.close(closure('theirs', 'users'), 0);
    expect(limits.waitMs('users', 0)).toBe(30_000);
    // A token of its own may pass still.
    limits.saw(mark('ours'), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
    // A token that is not used any more says nothing.
    limits.close(closure('theirs', 'users'), 121_000);
    expect(limits.waitMs('users', 121_000)).toBe(30_000);
  });

  it('that is told again does not shorten the first', () => {
    const limits = createUpstreamLimits();
    limits.close(closure('t', 'users', 30_000), 0);
    limits.close(closure('t', 'users', 5000), 0);
    expect(limits.waitMs('users', 0)).toBe(30_000);
  });
});

describe('a hint', () => {
  const hint = (count: string, allowed = '300', resetSeconds = '10') => ({ count, allowed, resetSeconds });

  it('that a token is nearly used up spreads requests over the rest of its window', () => {
    const hints = createUpstreamHints();
    hints.learn(mark('t'), hint('290'), 0);
    expect([1, 2, 3, 4].map(() => hints.delayMs(0, 5000))).toEqual([0, 1000, 2000, 3000]);
    expect(hints.delayMs(0, 500)).toBe(500);
    expect(hints.delayMs(10_000, 5000)).toBe(0);
  });

  it('ends when the token is fresh again, and needs all tokens of a pool', () => {
    const hints = createUpstreamHints();
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
    const hints = createUpstreamHints();
    hints.learn(mark('t'), absent, 0);
    expect([hints.delayMs(0, 5000), hints.delayMs(0, 5000)]).toEqual([0, 0]);
  });

  it('is remembered until its window ends, and summed over the tokens', () => {
    const hints = createUpstreamHints();
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
    const hints = createUpstreamHints();
    hints.learn(mark('t'), absent, 0);
    expect(hints.allowance(0)).toBeUndefined();
  });
});
