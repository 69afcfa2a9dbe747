/**
 * What Genesys has refused with 429, and until when. Closures are kept by token and route: each token has its own
 * allowance, and a 429 does not say whether the token or the route is over its limit. A request is refused here only if
 * no token that it may get would get through. Callers pass the time, which differs by node.
 */
import type { TokenMark } from '../../shared/token-mark.js';

/** A token that Genesys refuses on a route. */
export interface Closure extends TokenMark {
  /** The route's name, from `routeKey`. */
  route: string;
  /** The time left, from now. */
  remainingMs: number;
}

/** The `ref` of a closure for every token: a limit of the organisation, where another token would not help. */
export const EVERY_TOKEN = '*';

export interface Closures {
  /** Returns whether it is time to look which tokens are in use. Not every request needs to be read. */
  wantsToSee(nowMs: number): boolean;
  /** Records that a request was answered with this token. */
  saw(mark: TokenMark, nowMs: number): void;
  /** Records that Genesys refused a request, here or on another node. */
  close(closure: Closure, nowMs: number): void;
  /** Returns the number of closures. A route that is closed for two tokens counts twice. */
  count(nowMs: number): number;
  /** Returns whether anything is closed. If not, a request's route does not matter. */
  isAnyClosed(nowMs: number): boolean;
  /** Returns how long a route is closed for every token; 0 if a request may get through. */
  waitMs(route: string, nowMs: number): number;
}

/** How often the token of a request is read. */
const SEE_EVERY_MS = 500;
/** A token that was not seen for this long counts as gone. */
const FORGET_AFTER_MS = 120_000;

/** Makes the state of one namespace. */
export function createClosures(): Closures {
  /** When each token was last seen. */
  const seen = new Map<string, number>();
  /** For each token, its closed routes and until when they are closed. */
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
      const forAllMs = closed.get(EVERY_TOKEN)?.get(route) ?? 0;
      if (forAllMs > nowMs) return forAllMs - nowMs;
      const untils = [...closed]
        .filter(([ref]) => ref !== EVERY_TOKEN)
        .map(([, routes]) => closedUntil(routes, route))
        .filter((until) => until > nowMs);
      const isOneOpen = [...seen.keys()].some((ref) => !(closedUntil(closed.get(ref), route) > nowMs));
      return isOneOpen || untils.length < poolSize ? 0 : Math.min(...untils) - nowMs;
    },
  };
}

/** Returns until when a token is closed on a route. While two of its routes are closed, all of them are. */
function closedUntil(routes: ReadonlyMap<string, number> | undefined, route: string): number {
  if (routes === undefined) return 0;
  const [, second = 0] = [...routes.values()].sort((a, b) => b - a);
  return Math.max(routes.get(route) ?? 0, second);
}
