/** What Genesys has closed: for which requests, and until when. */
import { describe, expect, it } from 'vitest';
import { createClosures, EVERY_TOKEN } from './closures.js';

const mark = (ref: string, poolSize = 1) => ({ ref, poolSize });
const closure = (ref: string, route: string, remainingMs = 30_000, poolSize = 1) => ({
  ...mark(ref, poolSize),
  route,
  remainingMs,
});

describe('a 429', () => {
  it('closes its route, and nothing else, until its time is over', () => {
    const limits = createClosures();
    expect(limits.isAnyClosed(0)).toBe(false);
    limits.saw(mark('t'), 0);
    limits.close(closure('t', 'users'), 0);
    expect(limits.isAnyClosed(29_999)).toBe(true);
    expect([limits.waitMs('users', 10_000), limits.waitMs('queues', 10_000)]).toEqual([20_000, 0]);
    expect([limits.waitMs('users', 30_000), limits.isAnyClosed(30_000)]).toEqual([0, false]);
  });

  it('of a second route closes the token for all, while both last', () => {
    const limits = createClosures();
    limits.close(closure('t', 'users', 30_000), 0);
    limits.close(closure('t', 'queues', 10_000), 0);
    expect(limits.waitMs('roles', 1000)).toBe(9000);
    expect(limits.waitMs('users', 1000)).toBe(29_000);
    expect(limits.waitMs('roles', 10_000)).toBe(0);
  });

  it('closes a route of a pool only when every token is refused there', () => {
    const limits = createClosures();
    for (const ref of ['a', 'b', 'c']) limits.saw(mark(ref, 3), 0);
    limits.close(closure('a', 'users', 30_000, 3), 0);
    limits.close(closure('b', 'users', 20_000, 3), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
    limits.close(closure('c', 'users', 25_000, 3), 0);
    // The first of them that opens is the one that will do.
    expect(limits.waitMs('users', 0)).toBe(20_000);
  });

  it('does not close what tokens that were not seen yet may pass', () => {
    const limits = createClosures();
    limits.saw(mark('a', 3), 0);
    limits.close(closure('a', 'users', 30_000, 3), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
  });

  it('of another node counts if this one knows of no other token', () => {
    const limits = createClosures();
    limits.close(closure('theirs', 'users'), 0);
    expect(limits.waitMs('users', 0)).toBe(30_000);
    // A token of its own may pass still.
    limits.saw(mark('ours'), 0);
    expect(limits.waitMs('users', 0)).toBe(0);
    // A token that is not used any more says nothing.
    limits.close(closure('theirs', 'users'), 121_000);
    expect(limits.waitMs('users', 121_000)).toBe(30_000);
  });

  it('about a limit of the organisation closes its route for all tokens, seen or not, and no other route', () => {
    const limits = createClosures();
    for (const ref of ['a', 'b', 'c']) limits.saw(mark(ref, 3), 0);
    limits.close(closure(EVERY_TOKEN, 'users', 30_000, 3), 0);
    limits.close(closure(EVERY_TOKEN, 'queues', 30_000, 3), 0);
    expect([limits.waitMs('users', 0), limits.waitMs('roles', 0), limits.count(0)]).toEqual([30_000, 0, 2]);
    expect([limits.waitMs('users', 30_000), limits.isAnyClosed(30_000)]).toEqual([0, false]);
  });

  it('that is told again does not shorten the first', () => {
    const limits = createClosures();
    limits.close(closure('t', 'users', 30_000), 0);
    limits.close(closure('t', 'users', 5000), 0);
    expect(limits.waitMs('users', 0)).toBe(30_000);
  });
});
