/**
 * How much of its rate limit a token has used, and where Genesys has refused it. The pool chooses tokens by this. Each
 * token of a client-credentials client may make 300 requests a minute. A 429 does not say whether the token or the
 * route is over its limit. So at first only that route is closed for the token. The whole token is closed if its own
 * use or a second route shows that it is the cause. Callers pass the time.
 */

import { isQuiet } from './idle-timeout.js';

/** `client.credentials.token.rate.per.minute` of Genesys Cloud. */
const TOKEN_RATE_PER_MINUTE = 300;
const WINDOW_MS = 60_000;
/** After this many requests, a 429 is about the token. Not all 300, since other nodes may also use the token. */
const NEARLY_ALL = 0.8 * TOKEN_RATE_PER_MINUTE;
/** If this many routes refuse at the same time, the token is the cause. */
const ROUTES_OF_ONE_CAUSE = 2;

export interface Allowance {
  /** Counts one request. */
  use(nowMs: number): void;
  /** Returns the requests in the minute that began with the first of them. */
  recentUses(nowMs: number): number;
  /** The number of requests ever. */
  readonly uses: number;
  /** When the token was last used; when it came into being if it was not. */
  readonly lastUseMs: number;
  /** When it was last used after five quiet minutes or more; before all times if it never was. */
  readonly wokeAtMs: number;
  /** Records a use on another node. */
  usedElsewhere(atMs: number): void;
  /** Records Genesys' own count, which may include requests of other nodes. */
  learn(count: number, nowMs: number): void;
  /** Returns whether the token has made nearly as many requests as its own limit allows. */
  isNearlyUsedUp(nowMs: number): boolean;
  /** Records a 429 about the token itself, whatever the route. */
  closeAll(waitMs: number, nowMs: number): void;
  /** Records a 429. */
  close(route: string, waitMs: number, nowMs: number): void;
  /** Returns how long the token is closed for a route, or for all routes if none is given. 0 means it is open. */
  waitMs(nowMs: number, route?: string): number;
  /** Returns whether `waitMs` depends on the route. */
  dependsOnRoute(nowMs: number): boolean;
}

/** Makes the allowance of a new token. @param bornAtMs when it was granted, or last used on another node */
export function createAllowance(bornAtMs = 0): Allowance {
  let lastUseMs = bornAtMs;
  let wokeAtMs = Number.NEGATIVE_INFINITY;
  let windowStartMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  let uses = 0;
  let closedUntilMs = 0;
  /** When each closed route opens. */
  const routes = new Map<string, number>();

  function startWindow(nowMs: number): void {
    if (nowMs < windowStartMs + WINDOW_MS) return;
    windowStartMs = nowMs;
    count = 0;
  }

  function dropOpenRoutes(nowMs: number): void {
    for (const [route, untilMs] of routes) if (untilMs <= nowMs) routes.delete(route);
  }

  function recentUses(nowMs: number): number {
    return nowMs < windowStartMs + WINDOW_MS ? count : 0;
  }

  const isNearlyUsedUp = (nowMs: number): boolean => recentUses(nowMs) >= NEARLY_ALL;

  function closeAll(waitMs: number, nowMs: number): void {
    closedUntilMs = Math.max(closedUntilMs, nowMs + waitMs);
  }

  return {
    use(nowMs) {
      startWindow(nowMs);
      count += 1;
      uses += 1;
      if (isQuiet(nowMs - lastUseMs)) wokeAtMs = nowMs;
      lastUseMs = nowMs;
    },
    recentUses,
    get uses() {
      return uses;
    },
    get lastUseMs() {
      return lastUseMs;
    },
    get wokeAtMs() {
      return wokeAtMs;
    },
    usedElsewhere(atMs) {
      lastUseMs = Math.max(lastUseMs, atMs);
    },
    learn(seen, nowMs) {
      if (recentUses(nowMs) < seen) {
        startWindow(nowMs);
        count = seen;
      }
    },
    isNearlyUsedUp,
    closeAll,
    close(route, waitMs, nowMs) {
      dropOpenRoutes(nowMs);
      routes.set(route, Math.max(routes.get(route) ?? 0, nowMs + waitMs));
      if (isNearlyUsedUp(nowMs) || routes.size >= ROUTES_OF_ONE_CAUSE) closeAll(waitMs, nowMs);
    },
    waitMs(nowMs, route) {
      const routeUntilMs = route === undefined ? 0 : (routes.get(route) ?? 0);
      return Math.max(0, closedUntilMs - nowMs, routeUntilMs - nowMs);
    },
    dependsOnRoute(nowMs) {
      if (routes.size === 0) return false;
      dropOpenRoutes(nowMs);
      return routes.size > 0 && closedUntilMs <= nowMs;
    },
  };
}
