/** What the log phase has done since the process started, for all configurations. Sums only, no content. */

/**
 * What became of a log event: an entry, nothing because of `sample_rate`, nothing because of an error, or nothing
 * because too much waited for the thread that masks.
 */
export type LogOutcome = 'logged' | 'sampled_out' | 'failed' | 'dropped';

export interface Totals {
  /** Counts log events that have ended. */
  ended(outcome: LogOutcome, count?: number): void;
  /** Adds numbers of values that were masked, by rule. */
  masked(counts: Readonly<Record<string, number>>): void;
  readonly outcomes: Readonly<Record<LogOutcome, number>>;
  readonly masks: ReadonlyMap<string, number>;
}

/** Rule names come from configurations, which come and go. Beyond this number, rules share one name. */
const MAX_RULES = 500;
const OTHER_RULES = 'other';

export function createTotals(): Totals {
  const outcomes = { logged: 0, sampled_out: 0, failed: 0, dropped: 0 };
  const masks = new Map<string, number>();
  return {
    outcomes,
    masks,
    ended(outcome, count = 1) {
      outcomes[outcome] += count;
    },
    masked(counts) {
      for (const [rule, count] of Object.entries(counts)) {
        const name = masks.has(rule) || masks.size < MAX_RULES ? rule : OTHER_RULES;
        masks.set(name, (masks.get(name) ?? 0) + count);
      }
    },
  };
}
