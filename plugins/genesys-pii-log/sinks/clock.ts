/** Time and chance, as sinks and stores need them. Tests put their own in. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallClockMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs something later; the result cancels it. A pending timer must not keep the process alive. */
  later(ms: number, run: () => void): () => void;
}

/** The real one. */
export const realClock: Clock = {
  nowMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  random: () => Math.random(),
  later(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
