/**
 * When to ask login again: delays between the attempts of one flight, and how long a failure is remembered. Pure;
 * randomness comes in as an argument.
 */
import { backoff } from '../../shared/backoff.js';

/** First ceiling of the delay between two attempts; it doubles with each attempt. */
export const BACKOFF_BASE_MS = 200;
/** Highest ceiling of the delay between two attempts. */
export const BACKOFF_CAP_MS = 2_000;
/** How long wrong credentials, or any answer that repeating cannot mend, are remembered. */
export const REFUSAL_HOLD_MS = 10_000;
/** How long the first failure of login itself is remembered; it doubles with each further one. */
export const FAILURE_HOLD_BASE_MS = 1_000;
/** The longest that a failure of login itself is remembered: it bounds how late a recovered login is noticed. */
export const FAILURE_HOLD_CAP_MS = 10_000;

/**
 * The delay before the next attempt, in ms: exponential with full jitter (uniform between 0 and the ceiling), so that
 * gateways that failed together do not return together. A Retry-After comes first, the jitter on top of it.
 * @param attempt how many attempts have failed, from 1
 * @param random uniform in [0, 1)
 * @param retryAfterMs what login asked for, already bounded
 */
export function backoffMs(attempt: number, random: number, retryAfterMs = 0): number {
  return retryAfterMs + backoff({ firstMs: BACKOFF_BASE_MS, longestMs: BACKOFF_CAP_MS, jitter: 1 }, attempt, random);
}

/**
 * How long a failed flight is remembered, in ms: meanwhile login is not asked again.
 * @param failure `retryable` tells login's trouble from a refusal; `retryAfterMs` is what login asked for, if it did
 * @param consecutive how many flights in a row have failed, from 1
 * @param random uniform in [0, 1); the upper half of the time is jittered
 */
export function holdMs(
  failure: { retryable: boolean; retryAfterMs?: number },
  consecutive: number,
  random: number,
): number {
  if (!failure.retryable) return REFUSAL_HOLD_MS;
  const hold = { firstMs: FAILURE_HOLD_BASE_MS, longestMs: FAILURE_HOLD_CAP_MS, jitter: 0.5 };
  return Math.max(backoff(hold, consecutive, random), failure.retryAfterMs ?? 0);
}

/**
 * How long a node that waits for another one's token pauses before it looks again, in ms: from 25 up to 250, so at most
 * some looks a second from each node, however many requests wait there.
 * @param round how often it has looked, from 0
 * @param random uniform in [0, 1)
 */
export function lockPollMs(round: number, random: number): number {
  return backoff({ firstMs: 25, longestMs: 250, jitter: 0.5 }, round + 1, random);
}
