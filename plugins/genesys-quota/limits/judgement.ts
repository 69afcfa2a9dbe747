/** What counters mean for a request: when it may go on, or why it is refused and until when. Pure. */
import type { Check, Counter, Reading, WindowCheck } from './counting.js';
import { generationOf, reservedWaitMs, spikeDelayUs, windowLeftMs, windowRemaining, windowWaitMs } from './counting.js';
import { leftFor } from './shares.js';

export type Judgement =
  /** `delayMs` is the time until its reserved place. */
  | {
      admitted: true;
      delayMs: number;
      tightest: Tightest | undefined;
      /** Windows of which so much is used that their limit warns. */
      nearlyUsed: readonly WindowUse[];
      /** Weeks and months. */
      budgets: readonly WindowUse[];
    }
  /** `waitMs` is the time until it would fit into all limits if no other came. */
  | { admitted: false; waitMs: number; tightest: Tightest; check: Check };

/** The limit that a client should mind most. */
export interface Tightest {
  limit: number;
  remaining: number;
  /** The time until the window ends, or until a retry makes sense. */
  resetMs: number;
}

/** What is used of a window. */
export interface WindowUse extends Tightest {
  check: WindowCheck;
  /** The number of the window. */
  generation: number;
}

/** The wait if no limit asks for one: Redis' clock was set back, and requests are refused until it catches up. */
const SET_BACK_MS = 1000;

/** The wait while too many requests are in flight: when one of them ends, nobody knows. */
const BUSY_MS = 1000;

type Wait = { check: Check; waitMs: number };

/** Judges a request by its counters. */
export function judge({ admitted, nowUs, counters }: Reading): Judgement {
  return admitted ? judgeAdmitted(counters, nowUs) : judgeRefused(counters, nowUs);
}

/** Finds the delay and the tightest window. Spike arrests and requests in flight have no quota to report. */
function judgeAdmitted(counters: readonly Counter[], nowUs: number): Judgement {
  let delayMs = 0;
  let tightest: Tightest | undefined;
  const nearlyUsed: WindowUse[] = [];
  const budgets: WindowUse[] = [];
  for (const counter of counters) {
    if (counter.kind === 'spike') {
      const { tatUs, check } = counter;
      delayMs = Math.max(delayMs, Math.ceil((tatUs - check.emissionUs * check.burst - nowUs) / 1000));
      continue;
    }
    if (counter.kind === 'concurrent') continue;
    const { check } = counter;
    const leftMs = windowLeftMs(check, nowUs);
    const remaining = windowRemaining(check, counter, leftMs);
    const window = { limit: check.limit, remaining, resetMs: leftMs };
    const left = check.reserved && counter.kept ? leftFor(check.reserved, remaining, counter.kept) : remaining;
    if (tightest === undefined || left < tightest.remaining) {
      tightest = left === remaining ? window : { ...window, remaining: left };
    }
    if (check.warn === undefined && !check.isBudget) continue;
    const use: WindowUse = { ...window, check, generation: generationOf(check, nowUs / 1000) };
    if (check.isBudget) budgets.push(use);
    if (check.warn && (check.limit - remaining) * 100 >= check.warn.percent * check.limit) nearlyUsed.push(use);
  }
  return { admitted: true, delayMs, tightest, nearlyUsed, budgets };
}

function judgeRefused(counters: readonly Counter[], nowUs: number): Judgement {
  const waits = counters.map((counter): Wait => ({ check: counter.check, waitMs: waitMsOf(counter, nowUs) }));
  const { check, waitMs: longestMs } = waits.reduce(longer);
  const waitMs = longestMs || SET_BACK_MS;
  const limit = check.kind === 'spike' ? check.burst : check.limit;
  return { admitted: false, waitMs, check, tightest: { limit, remaining: 0, resetMs: waitMs } };
}

function waitMsOf(counter: Counter, nowUs: number): number {
  if (counter.kind === 'spike') return Math.ceil(spikeDelayUs(counter.check, counter, nowUs) / 1000);
  if (counter.kind === 'concurrent') return counter.inFlight < counter.check.limit ? 0 : BUSY_MS;
  const { check } = counter;
  if (check.reserved !== undefined) return reservedWaitMs(check, counter, nowUs);
  return windowWaitMs(check, counter, windowLeftMs(check, nowUs));
}

/** Returns the longer wait. If both are equal, the later limit is named, unless it is a spike arrest. */
function longer(one: Wait, other: Wait): Wait {
  const isNamed = other.check.kind !== 'spike' && other.waitMs > 0;
  return other.waitMs > one.waitMs || (isNamed && other.waitMs === one.waitMs) ? other : one;
}
