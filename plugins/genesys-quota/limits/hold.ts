/**
 * Requests that wait instead of being refused (`max_wait_ms`). Only so many may wait at once. Those that wait for the
 * same counter form a queue, so that one of them asks for a free place and not all.
 */
import { realClock, sleep } from '../../shared/clock.js';

/** How many requests the process may hold at once. Each of them keeps a connection of Kong busy. */
const MAX_HELD = 1000;

/** Permission for one request to wait. */
export interface Hold {
  /** Returns the milliseconds that are left. */
  leftMs(): number;
  sleep(ms: number): Promise<void>;
  /**
   * Waits for the requests ahead in a queue, at most until the time is up.
   * @returns false at once if it is this request's turn
   */
  queue(name: string): Promise<boolean>;
  /** Ends the hold, so that another request may wait. Must be called. */
  end(): void;
}

export interface Holds {
  /** Starts to hold a request. @returns undefined if too many wait already, or if it may not wait */
  start(maxWaitMs: number): Hold | undefined;
}

/** Makes the holds of a process. */
export function createHolds(): Holds {
  let held = 0;
  /** For each queue, a promise that resolves when its last request has left. */
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
