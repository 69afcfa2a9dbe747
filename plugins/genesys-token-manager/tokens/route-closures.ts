/**
 * Routes that Genesys has closed for all tokens of a pool. Some limits count the whole organisation, so the other tokens
 * of the pool would be refused too. With Redis, a route is closed on all nodes.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../shared/clock.js';
import type { limitScope } from '../../shared/genesys-limit.js';
import { createMarks, type SharedMarks } from '../marks.js';

/** A 429 of the service. */
export interface RouteRefusal {
  route: string;
  /** The token that was refused. */
  ref: string;
  waitMs: number;
  /** What the body said about the limit. */
  scope: ReturnType<typeof limitScope>;
  /** Whether the token has used up nearly all of its own limit, so that this explains the 429. */
  isNearlyUsedUp: boolean;
}

export interface RouteClosures {
  /** Returns whether no route of any pool is closed. Also looks for those of other nodes, now and then. */
  isEmpty(shared: SharedMarks | undefined): boolean;
  /** Returns for how long a route is closed for a pool; 0 if it is open. */
  waitMs(pool: string, route: string): number;
  /** Records a 429. Closes the route if another token will not help. @returns whether it does */
  refused(pool: string, refusal: RouteRefusal, shared: SharedMarks | undefined): boolean;
}

/** Two tokens that are refused on a route within this time show that the route is the cause. */
const REPEATED_WITHIN_MS = 1_000;
/** More pools and routes than are refused in a second. */
const MAX_REFUSALS = 1_000;

/** Makes the closures of a process, none at first. */
export function createRouteClosures({ nowMs }: Pick<Clock, 'nowMs'>): RouteClosures {
  const closed = createMarks({ nowMs });
  /** The last refusal of each pool and route. */
  const last = new LRUCache<string, { ref: string; atMs: number }>({ max: MAX_REFUSALS });

  return {
    isEmpty(shared) {
      if (shared !== undefined) closed.refresh(shared);
      return closed.isEmpty;
    },
    waitMs: (pool, route) => closed.remainingMs(`${pool} ${route}`),
    refused(pool, { route, ref, waitMs, scope, isNearlyUsedUp }, shared) {
      if (scope === 'token') return false;
      const name = `${pool} ${route}`;
      const now = nowMs();
      const before = last.get(name);
      if (!isNearlyUsedUp) last.set(name, { ref, atMs: now });
      const isRepeated = before !== undefined && before.ref !== ref && now - before.atMs <= REPEATED_WITHIN_MS;
      if (scope !== 'organization' && (!isRepeated || isNearlyUsedUp)) return false;
      void closed.add(name, waitMs, shared);
      return true;
    },
  };
}
