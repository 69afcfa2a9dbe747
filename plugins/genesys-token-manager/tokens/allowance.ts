/**
 * How much of its rate limit a token has used, and where Genesys has said no: what the pool chooses by. Each token of a
 * client-credentials client may make 300 requests a minute. A 429 does not say whether it was the token's limit or that
 * of the route it came from, so at first only that route is closed for the token; the whole token once its own use, or a
 * second route, says so. No clock, no timer: the time comes in.
 */

/** `client.credentials.token.rate.per.minute` of Genesys Cloud. */
const TOKEN_RATE_PER_MINUTE = 300;
const WINDOW_MS = 60_000;
/** With so many of its requests used, a 429 is the token's. Not all of them: a token may be shared with other nodes. */
const NEARLY_ALL = 0.8 * TOKEN_RATE_PER_MINUTE;
/** Routes that refuse at the same time, from which on it is the token. */
const ROUTES_OF_ONE_CAUSE = 2;

export interface Allowance {
  /** Counts one request. */
  use(nowMs: number): void;
  /** Requests in the minute that began with the first of them. */
  recentUses(nowMs: number): number;
  /** Requests ever. */
  readonly uses: number;
  /** Learns what Genesys counted, which other nodes may have used too. */
  learn(count: number, nowMs: number): void;
  /** Learns of a 429. */
  close(route: string, waitMs: number, nowMs: number): void;
  /** How long the token cannot be used for a route; 0: it can. Without a route: for any. */
  waitMs(nowMs: number, route?: string): number;
  /** Whether `waitMs` depends on the route. */
  dependsOnRoute(nowMs: number): boolean;
}

/** Makes the allowance of a new token. */
export function createAllowance(): Allowance {
  let windowStartMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  let uses = 0;
  let closedUntilMs = 0;
  /** Route to the time until which it is closed. */
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

  return {
    use(nowMs) {
      startWindow(nowMs);
      count += 1;
      uses += 1;
    },
    recentUses,
    get uses() {
      return uses;
    },
    learn(seen, nowMs) {
      if (recentUses(nowMs) < seen) {
        startWindow(nowMs);
        count = seen;
      }
    },
    close(route, waitMs, nowMs) {
      dropOpenRoutes(nowMs);
      routes.set(route, Math.max(routes.get(route) ?? 0, nowMs + waitMs));
      if (recentUses(nowMs) >= NEARLY_ALL || routes.size >= ROUTES_OF_ONE_CAUSE) {
        closedUntilMs = Math.max(closedUntilMs, nowMs + waitMs);
      }
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
