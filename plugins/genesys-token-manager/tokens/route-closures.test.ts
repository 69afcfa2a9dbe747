/** Which 429 closes a route for a whole pool. */
import { describe, expect, it } from 'vitest';
import { createRouteClosures, type RouteRefusal } from './route-closures.js';

function world() {
  const state = { now: 0 };
  const closures = createRouteClosures({ nowMs: () => state.now });
  const refuse = (ref: string, more: Partial<RouteRefusal> = {}) =>
    closures.refused(
      'pool',
      { route: 'queues', ref, waitMs: 30_000, scope: undefined, isNearlyUsedUp: false, ...more },
      undefined,
    );
  return { state, closures, refuse, waits: (route = 'queues') => closures.waitMs('pool', route) };
}

describe('a 429', () => {
  it('whose limit is that of the organisation closes its route for this pool alone, until its time is over', () => {
    const { state, closures, refuse, waits } = world();
    expect(refuse('a', { scope: 'organization' })).toBe(true);
    expect([waits(), waits('users'), closures.waitMs('other', 'queues')]).toEqual([30_000, 0, 0]);
    state.now = 30_000;
    expect([waits(), closures.isEmpty(undefined)]).toEqual([0, true]);
  });

  it('whose limit is that of the token closes nothing, however often it comes', () => {
    const { refuse, waits } = world();
    refuse('a', { scope: 'token' });
    expect(refuse('b', { scope: 'token' })).toBe(false);
    expect(waits()).toBe(0);
  });

  it.each([
    ['of a second token within a second closes the route', 'b', 'queues', 1000, {}, true],
    ['of the same token does not', 'a', 'queues', 10, {}, false],
    ['of another route does not', 'b', 'users', 10, {}, false],
    ['that comes later does not', 'b', 'queues', 1001, {}, false],
    ['of a token that has used up its own limit does not', 'b', 'queues', 10, { isNearlyUsedUp: true }, false],
  ])('%s', (_, ref, route, atMs, more, isClosed) => {
    const { state, refuse, waits } = world();
    expect(refuse('a')).toBe(false);
    state.now = atMs;
    expect(refuse(ref, { route, ...more })).toBe(isClosed);
    expect(waits(route) > 0).toBe(isClosed);
  });
});
