/**
 * Shares of a limit that are reserved for some consumers. What is kept of a share is at most its part for the rest of
 * the window: of 40 % of 300 a minute 120 when it begins, 60 after 30 seconds. Its owners draw on it, and whoever else
 * asks must leave it. What was kept for the time that has gone by and was not used is lent to all. It is rounded up, so
 * that who sends at the pace of its share always finds something: the last request of a share is never lent. Pure; the
 * script in redis-counters.ts does the same.
 */

/** The shares of a limit, for one request. */
export interface Reserved {
  /** How much of the limit each is. */
  shares: readonly number[];
  /** The share of who asks; -1: none. */
  own: number;
}

/**
 * Returns what is kept of each share.
 * @param before what was kept when it was drawn on last; undefined in a new window
 * @param leftMs milliseconds until the window ends
 */
export function keptOf(
  { shares }: Reserved,
  before: readonly number[] | undefined,
  leftMs: number,
  windowMs: number,
): readonly number[] {
  return shares.map((share, index) => {
    const kept = Math.ceil((share * leftMs) / windowMs);
    return Math.min(kept, before?.[index] ?? kept);
  });
}

/** Returns how much a request must leave for others: nothing if its own share covers it. */
export function heldFrom({ own }: Reserved, cost: number, kept: readonly number[]): number {
  return cost <= (kept[own] ?? -1) ? 0 : keptForOthers(own, kept);
}

/** Returns what is kept after a request. It draws on its own share first. */
export function draw({ own }: Reserved, cost: number, kept: readonly number[]): readonly number[] {
  return own < 0 ? kept : kept.map((amount, index) => (index === own ? Math.max(0, amount - cost) : amount));
}

/** Returns the most that a request can cost and still fit when nothing is used: others keep a request each. */
export function mostCost({ shares, own }: Reserved, limit: number): number {
  return Math.max(1, limit - shares.length + (own < 0 ? 0 : 1));
}

/** Returns how much of what is left of the limit is left for who asks. */
export function leftFor({ own }: Reserved, left: number, kept: readonly number[]): number {
  return Math.max(0, Math.min(left, kept[own] ?? 0), left - keptForOthers(own, kept));
}

function keptForOthers(own: number, kept: readonly number[]): number {
  return kept.reduce((sum, amount, index) => (index === own ? sum : sum + amount), 0);
}
