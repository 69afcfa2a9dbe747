/**
 * What Genesys says of a token's use (`inin-ratelimit-count`, `-allowed`, `-reset`), where it does. It is announced as
 * inaccurate, so nothing depends on it. When a token is nearly used up, requests that may wait (`max_wait_ms`) are
 * spread over the rest of its window. Without a clock: the time comes in.
 */
import type { TokenMark } from '../../shared/token-mark.js';

/** The three headers, as they came. */
export interface RateLimitHint {
  count: string | undefined;
  allowed: string | undefined;
  resetSeconds: string | undefined;
}

/** What Genesys said last of the tokens whose windows have not ended, in requests. */
export interface Allowance {
  /** Summed over the tokens. */
  allowed: number;
  used: number;
  /** Of the token that is used up most: 1 is all of it. */
  highestUse: number;
}

export interface Hints {
  learn(mark: TokenMark, hint: RateLimitHint, nowMs: number): void;
  /** Sums what holds now; undefined if Genesys has said nothing. */
  allowance(nowMs: number): Allowance | undefined;
  /** Reserves a place for a request. @returns how long it should wait; 0: there is no need */
  delayMs(nowMs: number, atMostMs: number): number;
}

/** The share of its allowance with which a token is nearly used up. */
const NEARLY_ALL = 0.9;

/** Makes the state of one namespace. */
export function createHints(): Hints {
  /** Token to what Genesys said of it. */
  const said = new Map<string, { used: number; allowed: number; untilMs: number }>();
  /** Token to the time when its window ends, and the time that each of its requests may take until then. */
  const scarce = new Map<string, { untilMs: number; spacingMs: number }>();
  let poolSize = 1;
  let nextMs = 0;

  /** Drops tokens whose windows have ended. */
  function forget(nowMs: number): void {
    for (const tokens of [said, scarce]) {
      for (const [ref, { untilMs }] of tokens) if (untilMs <= nowMs) tokens.delete(ref);
    }
  }

  return {
    learn(mark, { count, allowed, resetSeconds }, nowMs) {
      const [used, all, resetMs] = [Number(count), Number(allowed), Number(resetSeconds) * 1000];
      poolSize = mark.poolSize;
      // Not every answer has the headers: what was said before holds until its window ends.
      if (!(all > 0 && used >= 0 && resetMs > 0 && resetMs <= 60_000)) return;
      const untilMs = nowMs + resetMs;
      if (!said.has(mark.ref)) forget(nowMs);
      said.set(mark.ref, { used, allowed: all, untilMs });
      if (used >= NEARLY_ALL * all) scarce.set(mark.ref, { untilMs, spacingMs: resetMs / Math.max(1, all - used) });
      else scarce.delete(mark.ref);
    },
    allowance(nowMs) {
      forget(nowMs);
      if (said.size === 0) return undefined;
      const sum: Allowance = { allowed: 0, used: 0, highestUse: 0 };
      for (const { allowed, used } of said.values()) {
        sum.allowed += allowed;
        sum.used += used;
        sum.highestUse = Math.max(sum.highestUse, used / allowed);
      }
      return sum;
    },
    delayMs(nowMs, atMostMs) {
      if (scarce.size === 0) return 0;
      forget(nowMs);
      if (scarce.size < poolSize) return 0;
      const perSecond = [...scarce.values()].reduce((sum, { spacingMs }) => sum + 1000 / spacingMs, 0);
      const startMs = Math.min(Math.max(nextMs, nowMs), nowMs + atMostMs);
      nextMs = startMs + 1000 / perSecond;
      return startMs - nowMs;
    },
  };
}
