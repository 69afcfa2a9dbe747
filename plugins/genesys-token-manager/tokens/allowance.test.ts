/** What a token's use and Genesys' 429s mean for the next request. */
import { describe, expect, it } from 'vitest';
import { createAllowance } from './allowance.js';

const MINUTE = 60_000;

describe('the use of a token', () => {
  it('is counted by the minute that begins with the first request', () => {
    const allowance = createAllowance();
    allowance.use(5000);
    allowance.use(5000 + MINUTE - 1);
    expect(allowance.recentUses(5000 + MINUTE - 1)).toBe(2);
    expect(allowance.recentUses(5000 + MINUTE)).toBe(0);
    allowance.use(5000 + MINUTE);
    expect([allowance.recentUses(5000 + MINUTE), allowance.uses]).toEqual([1, 3]);
  });

  it('learns what Genesys counted, if that is more', () => {
    const allowance = createAllowance();
    allowance.use(0);
    allowance.learn(40, 10);
    expect(allowance.recentUses(20)).toBe(40);
    allowance.learn(12, 30);
    expect([allowance.recentUses(40), allowance.uses]).toEqual([40, 1]);
  });
});

describe('a 429', () => {
  it('closes the route that it came from, until its Retry-After is over', () => {
    const allowance = createAllowance();
    allowance.close('api/v2/users', 1000, 0);
    expect(allowance.waitMs(0, 'api/v2/users')).toBe(1000);
    expect(allowance.waitMs(0, 'api/v2/queues')).toBe(0);
    expect(allowance.waitMs(0)).toBe(0);
    expect(allowance.dependsOnRoute(999)).toBe(true);
    expect(allowance.waitMs(1000, 'api/v2/users')).toBe(0);
    expect(allowance.dependsOnRoute(1000)).toBe(false);
  });

  it('closes the token if most of its allowance is used', () => {
    const allowance = createAllowance();
    for (let i = 0; i < 240; i += 1) allowance.use(0);
    allowance.close('api/v2/users', 1000, 0);
    expect(allowance.waitMs(0, 'api/v2/queues')).toBe(1000);
    expect(allowance.dependsOnRoute(0)).toBe(false);
  });

  it('closes the token if it comes from two routes at the same time, not one after the other', () => {
    const allowance = createAllowance();
    allowance.close('a', 1000, 0);
    allowance.close('b', 1000, 1000);
    expect(allowance.waitMs(1000, 'c')).toBe(0);
    allowance.close('a', 500, 1001);
    expect(allowance.waitMs(1001, 'c')).toBe(500);
  });

  it('never shortens a wait', () => {
    const allowance = createAllowance();
    allowance.close('a', 1000, 0);
    allowance.close('a', 10, 0);
    expect(allowance.waitMs(0, 'a')).toBe(1000);
  });
});
