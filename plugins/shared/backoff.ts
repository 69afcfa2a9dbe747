/** How long to wait before something that failed is tried again. Pure: chance comes in as an argument. */

export interface Backoff {
  /** The ceiling of the first wait, in ms; it doubles with each further one. */
  firstMs: number;
  /** The highest ceiling, in ms. */
  longestMs: number;
  /** The share of a ceiling that is left to chance: 1 is full jitter, 0.5 waits at least half of it. */
  jitter: number;
}

/**
 * Returns a wait in ms, exponential with jitter, so that what failed together does not come back together.
 * @param attempt how many attempts have failed, from 1
 * @param random uniform in [0, 1)
 */
export function backoff({ firstMs, longestMs, jitter }: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling * (1 - jitter + jitter * random);
}
