/**
 * What Genesys tells of a token's use (`inin-ratelimit-count`, `-allowed`, `-reset`), where it does: announced as
 * inaccurate, so nothing depends on it. When a token is nearly used up, requests that may wait (`max_wait_ms`) are spread
 * over the time that its window has left. No clock: the time comes in.
 */
import type { TokenMark } from '../shared/token-mark.js';

/** The three headers, as they came. */
export interface RateLimitHint {
  count: string | undefined;
  allowed: string | undefined;
  resetSeconds: string | undefined;
}

export interface UpstreamHints {
  learn(mark: TokenMark, hint: RateLimitHint, nowMs: number): void;
  /** How long a request should wait, and takes that place; 0: there is no need. */
  delayMs(nowMs: number, atMostMs: number): number;
}

/** With so much of it used, a token is nearly used up. */
const NEARLY_ALL = 0.9;

/** Makes the state of one namespace. */
export function createUpstreamHints(): UpstreamHints {
  /** Token to the time when its window ends, and the time that each of its requests may take until then. */
  const scarce = new Map<string, { untilMs: number; spacingMs: number }>();
  let poolSize = 1;
  let nextMs = 0;

  return {
    learn(mark, { count, allowed, resetSeconds }, nowMs) {
      const [used, all, resetMs] = [Number(count), Number(allowed), Number(resetSeconds) * 1000];
      poolSize = mark.poolSize;
      if (!(all > 0 && used >= NEARLY_ALL * all && resetMs > 0 && resetMs <= 60_000)) {
        scarce.delete(mark.ref);
        return;
      }
      scarce.set(mark.ref, { untilMs: nowMs + resetMs, spacingMs: resetMs / Math.max(1, all - used) });
    },
    delayMs(nowMs, atMostMs) {
      if (scarce.size === 0) return 0;
      for (const [ref, { untilMs }] of scarce) if (untilMs <= nowMs) scarce.delete(ref);
      if (scarce.size < poolSize) return 0;
      const perSecond = [...scarce.values()].reduce((sum, { spacingMs }) => sum + 1000 / spacingMs, 0);
      const startMs = Math.min(Math.max(nextMs, nowMs), nowMs + atMostMs);
      nextMs = startMs + 1000 / perSecond;
      return startMs - nowMs;
    },
  };
}
