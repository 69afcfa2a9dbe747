/** Time and chance, as the suite asks for them. Tests put their own in. */

export interface Clock {
  /** Monotonic milliseconds: a clock that is set makes nothing live longer. */
  nowMs(): number;
  /** Milliseconds since 1970, to read and write dates. */
  wallClockMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs something later; the result cancels it. A pending timer does not keep the process alive. */
  startTimer(ms: number, run: () => void): () => void;
}

/** The real one. */
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

/** Resolves after some milliseconds. */
export function sleep(clock: Pick<Clock, 'startTimer'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.startTimer(ms, resolve);
  });
}
