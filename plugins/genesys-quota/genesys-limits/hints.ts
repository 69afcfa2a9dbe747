/**
 * What Genesys says about a token's use, if it does (`inin-ratelimit-count`, `-allowed`, `-reset`). Genesys calls these
 * numbers inaccurate, so nothing depends on them. When a token is nearly used up, requests that may wait
 * (`max_wait_ms`) are spread over the rest of its window. Callers pass the time.
 */
import type { TokenMark } from '../../shared/token-mark.js';

/** The values of the three headers, unparsed. */
export interface RateLimitHint {
  count: string | undefined;
  allowed: string | undefined;
  resetSeconds: string | undefined;
}

/** What Genesys last said about the tokens whose windows have not ended, in requests. */
export interface Allowance {
  /** The sum over the tokens, like `used`. */
  allowed: number;
  used: number;
  /** The use of the most used token: 1 is all of its allowance. */
  highestUse: number;
}

export interface Hints {
  learn(mark: TokenMark, hint: RateLimitHint, nowMs: number): void;
  /** Sums up the windows that have not ended; undefined if Genesys has said nothing. */
  allowance(nowMs: number): Allowance | undefined;
  /** Reserves a place for a request. @returns how long it should wait, 0 if it need not */
  delayMs(nowMs: number, atMostMs: number): number;
}

/** A token that has used this share of its allowance is nearly used up. */
const NEARLY_ALL = 0.9;

/** Makes the state of one namespace. */
export function createHints(): Hints {
  /** What Genesys last said about each token. */
  const said = new Map<string, { used: number; allowed: number; untilMs: number }>();
  /** For each token that is nearly used up: when its window ends, and the time between requests until then. */
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
      // Not every answer has the headers. Earlier values hold until their window ends.
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
