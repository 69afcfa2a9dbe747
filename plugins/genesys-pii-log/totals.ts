/** What the log phase did since the process began, over all configurations: sums for operators, no content. */

/** What became of a log event: an entry, nothing because of `sample_rate`, nothing because something went wrong. */
export type LogOutcome = 'logged' | 'sampled_out' | 'failed';

export interface Totals {
  /** Counts the end of a log event. */
  ended(outcome: LogOutcome): void;
  /** Adds what was masked in one entry, by rule. */
  masked(counts: Readonly<Record<string, number>>): void;
  readonly outcomes: Readonly<Record<LogOutcome, number>>;
  readonly masks: ReadonlyMap<string, number>;
}

/** Names of rules come from configurations, which come and go: those beyond so many share a name. */
const MAX_RULES = 500;
const OTHER_RULES = 'other';

export function createTotals(): Totals {
  const outcomes = { logged: 0, sampled_out: 0, failed: 0 };
  const masks = new Map<string, number>();
  return {
    outcomes,
    masks,
    ended(outcome) {
      outcomes[outcome]++;
    },
    masked(counts) {
      for (const [rule, count] of Object.entries(counts)) {
        const name = masks.has(rule) || masks.size < MAX_RULES ? rule : OTHER_RULES;
        masks.set(name, (masks.get(name) ?? 0) + count);
      }
    },
  };
}
