/**
 * What Genesys has refused with 429, and until when: known by token and route, since each token has an allowance of its
 * own and a 429 does not say whether the token or the route is over its limit. A request is refused here only if no
 * token that it may get would get through. Without a clock: the time comes in, and differs by node.
 */
import type { TokenMark } from '../../shared/token-mark.js';

/** One token is refused on one route. */
export interface Closure extends TokenMark {
  /** As `routeKey` makes it. */
  route: string;
  /** From now. */
  remainingMs: number;
}

export interface Closures {
  /** Returns whether it is time to look which tokens are in use. Not every request needs to. */
  wantsToSee(nowMs: number): boolean;
  /** Learns that a request was answered with this token. */
  saw(mark: TokenMark, nowMs: number): void;
  /** Learns that Genesys refused, here or on another node. */
  close(closure: Closure, nowMs: number): void;
  /** Returns how many routes are closed, for one token each. */
  count(nowMs: number): number;
  /** Returns whether anything is closed, so that a request's route matters. */
  isAnyClosed(nowMs: number): boolean;
  /** Returns how long no request to a route would get through; 0: one may. */
  waitMs(route: string, nowMs: number): number;
}

/** How often the token of a request is read. */
const SEE_EVERY_MS = 500;
/** A token that was not seen for so long counts as gone. */
const FORGET_AFTER_MS = 120_000;

/** Makes the state of one namespace. */
export function createClosures(): Closures {
  /** Token to the time at which it was last seen. */
  const seen = new Map<string, number>();
  /** Token to route to the time until which it is closed. */
  const closed = new Map<string, Map<string, number>>();
  let sawMs = Number.NEGATIVE_INFINITY;
  let poolSize = 1;
  let anyClosedUntilMs = Number.NEGATIVE_INFINITY;

  function forget(nowMs: number): void {
    for (const [ref, atMs] of seen) if (atMs + FORGET_AFTER_MS < nowMs) seen.delete(ref);
    for (const [ref, routes] of closed) {
      for (const [route, untilMs] of routes) if (untilMs <= nowMs) routes.delete(route);
      if (routes.size === 0) closed.delete(ref);
    }
  }

  return {
    wantsToSee: (nowMs) => nowMs >= sawMs + SEE_EVERY_MS,

    saw(mark, nowMs) {
      sawMs = nowMs;
      poolSize = mark.poolSize;
      seen.set(mark.ref, nowMs);
      if (seen.size > 2 * poolSize) forget(nowMs);
    },

    close(closure, nowMs) {
      forget(nowMs);
      const untilMs = nowMs + closure.remainingMs;
      const routes = closed.get(closure.ref) ?? new Map<string, number>();
      closed.set(closure.ref, routes.set(closure.route, Math.max(untilMs, routes.get(closure.route) ?? 0)));
      anyClosedUntilMs = Math.max(anyClosedUntilMs, untilMs);
      if (seen.size === 0) poolSize = closure.poolSize;
    },

    count(nowMs) {
      forget(nowMs);
      return [...closed.values()].reduce((sum, routes) => sum + routes.size, 0);
    },

    isAnyClosed: (nowMs) => nowMs < anyClosedUntilMs,

    waitMs(route, nowMs) {
      forget(nowMs);
      const untils = [...closed.values()].map((routes) => closedUntil(routes, route)).filter((until) => until > nowMs);
      const isOneOpen = [...seen.keys()].some((ref) => !(closedUntil(closed.get(ref), route) > nowMs));
      return isOneOpen || untils.length < poolSize ? 0 : Math.min(...untils) - nowMs;
    },
  };
}

/** Returns until when a token is closed for a route: while two routes of it are closed at a time, all are. */
function closedUntil(routes: ReadonlyMap<string, number> | undefined, route: string): number {
  if (routes === undefined) return 0;
  const [, second = 0] = [...routes.values()].sort((a, b) => b - a);
  return Math.max(routes.get(route) ?? 0, second);
}
