/** How long to wait before a failed call is tried again. Pure: callers pass the random number. */

export interface Backoff {
  /** The ceiling of the first wait, in ms. It doubles with each further wait. */
  firstMs: number;
  /** The highest ceiling, in ms. */
  longestMs: number;
  /** The random share of a wait: 1 is full jitter, 0.5 waits at least half of the ceiling. */
  jitter: number;
}

/**
 * Returns a wait in ms: exponential, with jitter, so that callers that failed together do not retry together.
 * @param attempt how many attempts have failed, from 1
 * @param random uniform in [0, 1)
 */
export function backoff({ firstMs, longestMs, jitter }: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling * (1 - jitter + jitter * random);
}
