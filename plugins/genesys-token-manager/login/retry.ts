/**
 * When to ask login again: the delays between attempts of a flight, and how long a failure is remembered. Pure: callers
 * pass the random number.
 */
import { backoff } from '../../shared/backoff.js';

/** The highest first delay between two attempts. It doubles with each attempt. */
export const BACKOFF_BASE_MS = 200;
/** The highest delay between two attempts. */
export const BACKOFF_CAP_MS = 2_000;
/** How long a permanent refusal, such as wrong credentials, is remembered. */
export const REFUSAL_HOLD_MS = 10_000;
/** How long the first failure of login itself is remembered. It doubles with each further failure. */
export const FAILURE_HOLD_BASE_MS = 1_000;
/** The longest time that a failure of login is remembered, and so the longest delay until a recovery is noticed. */
export const FAILURE_HOLD_CAP_MS = 10_000;

/**
 * Returns the delay before the next attempt, in ms: exponential with full jitter (uniform between 0 and the ceiling),
 * so that gateways that failed together do not retry together. The jitter is added to a Retry-After.
 * @param attempt how many attempts have failed, from 1
 * @param random uniform in [0, 1)
 * @param retryAfterMs what login asked for, already limited
 */
export function backoffMs(attempt: number, random: number, retryAfterMs = 0): number {
  return retryAfterMs + backoff({ firstMs: BACKOFF_BASE_MS, longestMs: BACKOFF_CAP_MS, jitter: 1 }, attempt, random);
}

/**
 * Returns how long a failed flight is remembered, in ms. Meanwhile login is not asked again.
 * @param failure `retryable` distinguishes login's trouble from a refusal; `retryAfterMs` is login's Retry-After, if
 *   any
 * @param consecutive how many flights in a row have failed, from 1
 * @param random uniform in [0, 1); jitters the upper half of the time
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
 * Returns how long a node waits before it looks again for another node's token, in ms. It grows from 25 to 250, so each
 * node looks only a few times a second, however many requests wait.
 * @param round how often the node has looked, from 0
 * @param random uniform in [0, 1)
 */
export function lockPollMs(round: number, random: number): number {
  return backoff({ firstMs: 25, longestMs: 250, jitter: 0.5 }, round + 1, random);
}
