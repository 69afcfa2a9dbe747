/** How much of a week's or a month's limit is used, and when it will be used up at that rate. For the metrics. */
import { windowBeginsMs } from './limits/counting.js';
import type { WindowUse } from './limits/judgement.js';

export interface Budget {
  /** The name of the limit. */
  limit: string;
  usedRatio: number;
  /** When the window ends, in milliseconds since 1970. */
  endMs: number;
  /** When it will be used up if it goes on as since the window began. */
  usedUpMs: number;
}

export interface Budgets {
  /** Remembers, for each limit, the counter of which most is used in the latest window. */
  note(uses: readonly WindowUse[]): void;
  /** Returns the budgets whose windows have not ended. */
  read(wallClockMs: number): Budget[];
}

/** Makes the budgets of one namespace. */
export function createBudgets(): Budgets {
  const most = new Map<string, WindowUse>();
  return {
    note(uses) {
      for (const use of uses) {
        const { group } = use.check;
        const known = most.get(group);
        if (known === undefined || isNext(known, use)) most.set(group, use);
      }
    },
    read(wallClockMs) {
      return [...most.values()].flatMap((use) => {
        const { check, generation } = use;
        const [beginsMs, endMs] = [windowBeginsMs(check, generation), windowBeginsMs(check, generation + 1)];
        if (endMs <= wallClockMs) return [];
        const usedRatio = ratioOf(use);
        return { limit: check.name, usedRatio, endMs, usedUpMs: beginsMs + (wallClockMs - beginsMs) / usedRatio };
      });
    },
  };
}

/** Returns whether a use is told instead of the known one: also a smaller one of the same counter, whose limit was raised. */
function isNext(known: WindowUse, use: WindowUse): boolean {
  if (use.generation !== known.generation) return use.generation > known.generation;
  return use.check.id === known.check.id || ratioOf(use) >= ratioOf(known);
}

function ratioOf({ limit, remaining }: WindowUse): number {
  return (limit - remaining) / limit;
}
