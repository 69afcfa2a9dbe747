/**
 * What the token broker needs from the outside, in one record: time, chance, timers and HTTP. Tests put their own in.
 */
import { performance } from 'node:perf_hooks';
import type nodeFetch from 'node-fetch';
import type { TokenRequestResult, TokenSource } from './metrics.js';

export interface Effects {
  /** Monotonic milliseconds: a clock that is set does not make a token live longer. */
  nowMs(): number;
  /** Milliseconds since 1970, only to read dates in headers. */
  wallClockMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs something later; the result cancels it. A pending timer must not keep the process alive. */
  startTimer(ms: number, run: () => void): () => void;
  loadFetch(): Promise<typeof nodeFetch>;
  /** Learns how a token request ended. */
  countTokenRequest?(result: TokenRequestResult): void;
  /** Learns where a request's token came from. */
  countTokenUse?(source: TokenSource): void;
}

/** The real ones. */
export const realEffects: Effects = {
  nowMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  random: () => Math.random(),
  startTimer(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  // On first use, not at start: it costs 9 MB of resident memory, and a plugin server must start under 60 MB.
  loadFetch: async () => (await import('node-fetch')).default,
};

/** Resolves after some milliseconds. */
export function sleep(effects: Effects, ms: number): Promise<void> {
  return new Promise((resolve) => {
    effects.startTimer(ms, resolve);
  });
}
