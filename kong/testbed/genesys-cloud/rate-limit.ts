/**
 * Genesys Cloud's limits: so many API requests a minute for each token of a client-credentials client, 300 by default,
 * and limits of routes, for each token or for the whole organisation. Windows begin with their first request. Also the
 * 429 that comes of it, and the headers that older organisations send.
 */
import { ApiError } from './answer.js';
import { compilePathPattern } from './path-pattern.js';

/** `client.credentials.token.rate.per.minute` of Genesys Cloud. */
export const DEFAULT_RATE_LIMIT_PER_MINUTE = 300;

const WINDOW_MS = 60_000;

/** A limit as a 429 names it. */
export interface Limit {
  key: string;
  namespace: string;
  value: number;
}

/** A limit on some routes. */
export interface RouteLimit {
  /** Undefined: any. */
  method?: string;
  /** A path pattern: `{name}` for one segment, `*` at the end. */
  path: string;
  perMinute: number;
  /** `organization`: all tokens together. */
  per: 'token' | 'organization';
  /** How a 429 names it; default: a name made of the path. */
  key?: string;
  namespace?: string;
}

/** What one request found. `resetSeconds` is the time until the window ends, rounded up, at least 1. */
export interface RateLimitResult {
  exceeded: boolean;
  count: number;
  allowed: number;
  resetSeconds: number;
  limit: Limit;
}

export interface RateLimiter {
  /** Counts one request and says whether it went over a limit: the first that it did, or the token's own. */
  take(request: { tokenOrdinal: number; method: string; path: string }): RateLimitResult;
  /** 0 switches the limit of tokens off. Windows that run keep their counts. */
  setRateLimit(perMinute: number): void;
  /** Replaces the limits of routes. */
  setRouteLimits(limits: readonly RouteLimit[]): void;
  /** Forgets all windows. */
  reset(): void;
}

export function createRateLimiter(initialPerMinute: number): RateLimiter {
  const windows = new Map<string, { startedAt: number; count: number }>();
  let perMinute = initialPerMinute;
  let routes: { limit: RouteLimit; matches: ReturnType<typeof compilePathPattern> }[] = [];

  function count(name: string, limit: Limit): RateLimitResult {
    const now = Date.now();
    let window = windows.get(name);
    if (window === undefined || now >= window.startedAt + WINDOW_MS) {
      window = { startedAt: now, count: 0 };
      windows.set(name, window);
    }
    window.count += 1;
    return {
      exceeded: limit.value > 0 && window.count > limit.value,
      count: window.count,
      allowed: limit.value,
      resetSeconds: Math.max(1, Math.ceil((window.startedAt + WINDOW_MS - now) / 1000)),
      limit,
    };
  }

  return {
    take({ tokenOrdinal, method, path }) {
      const ofToken = count(`token ${tokenOrdinal}`, {
        key: 'client.credentials.token.rate.per.minute',
        namespace: 'platform.api',
        value: perMinute,
      });
      const ofRoutes = routes
        .filter(({ limit, matches }) => (limit.method ?? method) === method && matches(path) !== undefined)
        .map(({ limit }) =>
          count(`${limit.per === 'token' ? tokenOrdinal : 'all'} ${limit.method} ${limit.path}`, {
            key: limit.key ?? `${limit.path.split('/').slice(3).join('.')}.${limit.per}.rate.per.minute`,
            namespace: limit.namespace ?? limit.path.split('/')[3] ?? '',
            value: limit.perMinute,
          }),
        );
      return [ofToken, ...ofRoutes].find(({ exceeded }) => exceeded) ?? ofToken;
    },
    setRateLimit(next) {
      perMinute = next;
    },
    setRouteLimits(limits) {
      routes = limits.map((limit) => ({ limit, matches: compilePathPattern(limit.path) }));
    },
    reset() {
      windows.clear();
    },
  };
}

/** The hint headers of an answer; none while the limit is off. Genesys announced their end in 2021. */
export function rateLimitHeaders(result: RateLimitResult): Record<string, string> {
  if (result.allowed === 0) return {};
  return {
    'inin-ratelimit-count': String(result.count),
    'inin-ratelimit-allowed': String(result.allowed),
    'inin-ratelimit-reset': String(result.resetSeconds),
  };
}

/** Genesys' 429, word for word, with the limit that was met. */
export function tooManyRequests({ resetSeconds, limit }: RateLimitResult): ApiError {
  return new ApiError(
    429,
    'too.many.requests.retry.after',
    `Rate limit exceeded the maximum. Retry the request in [${resetSeconds}] seconds`,
    { 'retry-after': String(resetSeconds) },
    limit,
  );
}
