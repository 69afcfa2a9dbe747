/** How long to wait before a call is made again. Pure. */

const BASE_MS = 200;
const CAP_MS = 20_000;

/**
 * Exponential with full jitter, so that several callers do not come back together; never before Retry-After.
 * @param attempt that failed, from 1
 * @param random between 0 and 1
 */
export function backoffMs(attempt: number, random: number, retryAfterMs: number | undefined): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
  return (retryAfterMs ?? 0) + Math.round(random * ceiling);
}

/** Whether the same call may succeed later: throttling, and a service in trouble. */
export function isTransient(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501);
}
