/** What limits in report mode would have decided: in all for the metric, and by the minute for the log. */

/** How often the log has a line. */
const LINE_MS = 60_000;

export interface Reports {
  /** Counts a decision: `admitted`, `closed`, or the name of the limit that would have refused the request. */
  note(decision: string): void;
  readonly totals: ReadonlyMap<string, number>;
  /** Returns the line of the time since the last one, if it is due and anything would have been refused. */
  takeLine(): string | undefined;
}

/** Makes the counts of one namespace. @param nowMs a clock that never goes back, in milliseconds */
export function createReports(nowMs: () => number): Reports {
  const totals = new Map<string, number>();
  let recent = new Map<string, number>();
  let sinceMs: number | undefined;
  const count = (counts: Map<string, number>, decision: string): void =>
    void counts.set(decision, (counts.get(decision) ?? 0) + 1);
  return {
    totals,
    note(decision) {
      sinceMs ??= nowMs();
      count(totals, decision);
      count(recent, decision);
    },
    takeLine() {
      if (sinceMs === undefined || nowMs() - sinceMs < LINE_MS) return undefined;
      const { admitted = 0, ...refused } = Object.fromEntries(recent);
      const seconds = Math.round((nowMs() - sinceMs) / 1000);
      recent = new Map();
      sinceMs = undefined;
      const decisions = Object.entries(refused);
      if (decisions.length === 0) return undefined;
      const all = decisions.reduce((sum, [, requests]) => sum + requests, admitted);
      const list = decisions.map(([decision, requests]) => `${decision} ${requests}`).join(', ');
      return `of ${all} requests in ${seconds} s these would have been refused: ${list}`;
    },
  };
}
