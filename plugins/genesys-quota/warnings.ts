/** Limits that are nearly used up (`warn_at`): each counter once a window, for the metric and the log. */
import { oneLine } from '../shared/one-line.js';
import type { WindowUse } from './limits/judgement.js';

/** How often the log has a line. */
const LINE_MS = 60_000;
/** How many counters a line names. */
const MOST_NAMED = 5;
/** How many counters are remembered. Of those forgotten, some are told twice. */
const MOST_KNOWN = 10_000;

export interface Warnings {
  /** Makes the limit's metric begin at 0, so that its first warning is an increase. */
  expect(limit: string): void;
  /** Counts windows that are nearly used up, each once. */
  note(nearlyUsed: readonly WindowUse[]): void;
  /** Warnings by the name of the limit. */
  readonly totals: ReadonlyMap<string, number>;
  /** Returns the line of what was not told yet: the first at once, then one a minute. */
  takeLine(): string | undefined;
}

/** Makes the warnings of one namespace. @param nowMs a clock that never goes back, in milliseconds */
export function createWarnings(nowMs: () => number): Warnings {
  const totals = new Map<string, number>();
  /** For each counter, the latest window that was warned of. */
  const known = new Map<string, number>();
  let named: string[] = [];
  let untold = 0;
  let toldMs = Number.NEGATIVE_INFINITY;

  /** Returns whether a window is warned of for the first time. */
  function isNew({ check, generation }: WindowUse): boolean {
    const key = `${check.group} ${check.id}`;
    // Nodes' answers may overtake each other around a border.
    if ((known.get(key) ?? Number.NEGATIVE_INFINITY) >= generation) return false;
    known.delete(key);
    known.set(key, generation);
    const [oldest] = known.keys();
    if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
    return true;
  }

  return {
    totals,
    expect(limit) {
      totals.set(limit, totals.get(limit) ?? 0);
    },
    note(nearlyUsed) {
      for (const one of nearlyUsed) {
        if (!isNew(one)) continue;
        const { check, limit, remaining } = one;
        totals.set(check.name, (totals.get(check.name) ?? 0) + 1);
        untold++;
        const who = check.warn?.who ? ` (${oneLine(check.warn.who, 64)})` : '';
        if (named.length < MOST_NAMED) named.push(`${check.name} ${limit - remaining} of ${limit}${who}`);
      }
    },
    takeLine() {
      if (untold === 0 || nowMs() - toldMs < LINE_MS) return undefined;
      const more = untold > named.length ? `, and ${untold - named.length} more` : '';
      const line = `nearly used up: ${named.join(', ')}${more}`;
      named = [];
      untold = 0;
      toldMs = nowMs();
      return line;
    },
  };
}
