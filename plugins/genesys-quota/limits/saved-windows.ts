/**
 * Weeks and months that this machine has counted, in a file, so that a restart does not begin them anew. It holds what was
 * counted by day under digests of identities: windows begin with a day, so what a window has is the sum of its days. It is
 * read once, when a process starts; from then on the process knows better.
 */
import { createHash } from 'node:crypto';
import type { Use } from '../../shared/use-counts/book.js';
import { createUseCounts } from '../../shared/use-counts/counts.js';
import type { CountFile } from '../../shared/use-counts/file.js';
import { DAY_MS, dayOf } from '../../shared/use-counts/span.js';
import { type WindowCheck, windowBeginsMs } from './counting.js';

export interface SavedWindows {
  /** Ends when the file was read, or could not be; undefined from then on. */
  loading: Promise<void> | undefined;
  /** Returns what processes before this one have counted in a window. */
  countOf(check: WindowCheck, id: string, generation: number): number;
  /** Notes a cost that was counted. */
  note(check: WindowCheck, id: string, cost: number, wallClockMs: number): void;
  flush(): Promise<void>;
  takeNotice: CountFile['takeNotice'];
}

/** Longer than a month. */
const SPAN_MS = 32 * DAY_MS;

/** @param nowMs when the process starts, in milliseconds since 1970 */
export function openSavedWindows(namespace: string, file: CountFile, nowMs: number): SavedWindows {
  const counts = createUseCounts(file.section(`windows ${namespace}`));
  const before = new Map<string, Use[]>();
  const saved: SavedWindows = {
    loading: load(),
    countOf(check, id, generation) {
      if (before.size === 0) return 0;
      const first = dayOf(windowBeginsMs(check, generation));
      const uses = before.get(fieldOf(check, id)) ?? [];
      return uses.reduce((sum, { period, count }) => (period >= first ? sum + count : sum), 0);
    },
    note: (check, id, cost, wallClockMs) => counts.count(fieldOf(check, id), cost, wallClockMs),
    flush: counts.flush,
    takeNotice: file.takeNotice,
  };
  return saved;

  /** What cannot be read counts as nothing: the file says so, and requests go on. */
  async function load(): Promise<void> {
    const uses = await counts.read({ since: dayOf(nowMs - SPAN_MS), until: dayOf(nowMs) }).catch(() => []);
    for (const use of uses) before.set(use.field, [...(before.get(use.field) ?? []), use]);
    saved.loading = undefined;
  }
}

/** An identity may be an address or a header's value: only its digest is written. */
function fieldOf({ group }: WindowCheck, id: string): string {
  return id === '' ? group : `${group} ${createHash('sha256').update(id).digest('base64url').slice(0, 16)}`;
}
