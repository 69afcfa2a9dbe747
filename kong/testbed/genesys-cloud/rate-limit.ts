/**
 * Genesys Cloud's limit on client-credentials tokens: so many API requests a minute for each token, 300 by default,
 * counted in windows that begin with a token's first request. Also the headers and the 429 that come of it.
 */
import { ApiError } from './answer.js';

/** `client.credentials.token.rate.per.minute` of Genesys Cloud. */
export const DEFAULT_RATE_LIMIT_PER_MINUTE = 300;

const WINDOW_MS = 60_000;

/** What one request found. `resetSeconds` is the time until the window ends, rounded up, at least 1. */
export interface RateLimitResult {
  exceeded: boolean;
  count: number;
  allowed: number;
  resetSeconds: number;
}

export interface RateLimiter {
  /** Counts one request of a token and says whether it went over. */
  take(tokenOrdinal: number): RateLimitResult;
  /** 0 switches the limit off. Windows that run keep their counts. */
  setRateLimit(perMinute: number): void;
  /** Forgets all windows. */
  reset(): void;
}

export function createRateLimiter(initialPerMinute: number): RateLimiter {
  const windows = new Map<number, { startedAt: number; count: number }>();
  let perMinute = initialPerMinute;
  return {
    take(tokenOrdinal) {
      const now = Date.now();
      let window = windows.get(tokenOrdinal);
      if (window === undefined || now >= window.startedAt + WINDOW_MS) {
        window = { startedAt: now, count: 0 };
        windows.set(tokenOrdinal, window);
      }
      window.count += 1;
      return {
        exceeded: perMinute > 0 && window.count > perMinute,
        count: window.count,
        allowed: perMinute,
        resetSeconds: Math.max(1, Math.ceil((window.startedAt + WINDOW_MS - now) / 1000)),
      };
    },
    setRateLimit(next) {
      perMinute = next;
    },
    reset() {
      windows.clear();
    },
  };
}

/** The hint headers of an answer; none while the limit is off. */
export function rateLimitHeaders(result: RateLimitResult): Record<string, string> {
  if (result.allowed === 0) return {};
  return {
    'inin-ratelimit-count': String(result.count),
    'inin-ratelimit-allowed': String(result.allowed),
    'inin-ratelimit-reset': String(result.resetSeconds),
  };
}

/** Genesys' 429, word for word. */
export function tooManyRequests(retryAfterSeconds: number): ApiError {
  return new ApiError(
    429,
    'too.many.requests.retry.after',
    `Rate limit exceeded the maximum. Retry the request in [${retryAfterSeconds}] seconds`,
    { 'retry-after': String(retryAfterSeconds) },
  );
}
