/** How long to wait before a call is made again. Pure. */
import { backoff } from '../../plugins/shared/backoff.js';

const POLICY = { firstMs: 400, longestMs: 20_000, jitter: 1 };

/**
 * Exponential with full jitter, so that several callers do not come back together; never before Retry-After.
 * @param attempt that failed, from 1
 * @param random between 0 and 1
 */
export function backoffMs(attempt: number, random: number, retryAfterMs: number | undefined): number {
  return (retryAfterMs ?? 0) + Math.round(backoff(POLICY, attempt, random));
}

/** Whether the same call may succeed later: throttling, and a service in trouble. */
export function isTransient(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501);
}
