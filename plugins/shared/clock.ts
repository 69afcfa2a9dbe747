/** Time and randomness, as the plugins use them. Tests pass their own. */

export interface Clock {
  /** Monotonic milliseconds. Setting the system's clock does not extend anything's life. */
  nowMs(): number;
  /** Milliseconds since 1970, to parse and write dates. */
  wallClockMs(): number;
  /** A random number, uniform in [0, 1). */
  random(): number;
  /** Runs a function later. The result cancels the timer. A pending timer does not keep the process alive. */
  startTimer(ms: number, run: () => void): () => void;
}

/** The clock of the machine. */
export const realClock: Clock = {
  nowMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  random: () => Math.random(),
  startTimer(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after the given milliseconds. */
export function sleep(clock: Pick<Clock, 'startTimer'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.startTimer(ms, resolve);
  });
}
