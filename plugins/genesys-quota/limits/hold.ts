/**
 * Requests that wait instead of being refused (`max_wait_ms`): at most so many at once, and those that wait for the
 * same counter one after the other, so that a free place is asked for once and not by all of them.
 */
import { realClock, sleep } from '../../shared/clock.js';

/** Requests that may be held at once, in the whole process: each of them keeps a connection of Kong's busy. */
const MAX_HELD = 1000;

/** A right to wait. */
export interface Hold {
  /** Returns the milliseconds that are left. */
  leftMs(): number;
  /** Waits for so long. */
  sleep(ms: number): Promise<void>;
  /**
   * Waits for those who wait for the same, at most until the time is over.
   * @returns false at once if it is this request's turn
   */
  queue(name: string): Promise<boolean>;
  /** Gives the right back. Must be called. */
  end(): void;
}

export interface Holds {
  /** Starts to hold a request. @returns undefined if too many wait already, or if there is no time to wait */
  start(maxWaitMs: number): Hold | undefined;
}

/** Makes the holds of a process. */
export function createHolds(): Holds {
  let held = 0;
  /** Name to the promise that is resolved when the last in the queue has gone. */
  const queues = new Map<string, Promise<void>>();

  return {
    start(maxWaitMs) {
      if (maxWaitMs <= 0 || held >= MAX_HELD) return undefined;
      held += 1;
      const deadlineMs = performance.now() + maxWaitMs;
      let leaveQueue: (() => void) | undefined;
      const leftMs = (): number => Math.max(0, deadlineMs - performance.now());

      return {
        leftMs,
        sleep: (ms) => sleep(realClock, ms),
        async queue(name) {
          if (leaveQueue !== undefined) return false;
          const before = queues.get(name);
          const left = new Promise<void>((resolve) => {
            leaveQueue = resolve;
          });
          const last = before === undefined ? left : before.then(() => left);
          queues.set(name, last);
          void last.then(() => {
            if (queues.get(name) === last) queues.delete(name);
          });
          if (before === undefined) return false;
          await Promise.race([before, sleep(realClock, leftMs())]);
          return true;
        },
        end() {
          held -= 1;
          leaveQueue?.();
        },
      };
    },
  };
}
