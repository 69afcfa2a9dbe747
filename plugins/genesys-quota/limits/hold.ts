/**
 * Requests that wait instead of being refused (`max_wait_ms`): at most so many at once, and those that wait for the same
 * counter one after the other, so that a place that becomes free is asked for once and not by all of them.
 */

/** Requests that may be held at once, in the whole process: each of them keeps a connection of Kong's busy. */
const MAX_HELD = 1000;

let held = 0;

/** A right to wait. */
export interface Hold {
  /** Milliseconds that are left. */
  leftMs(): number;
  /** Waits so long. */
  sleep(ms: number): Promise<void>;
  /**
   * Waits for those who wait for the same, at most until the time is over.
   * @returns false at once if its turn has come before
   */
  queue(name: string): Promise<boolean>;
  /** Gives the right back. Must be called. */
  end(): void;
}

/** Name to the promise that is kept when the last in the queue has gone. */
const queues = new Map<string, Promise<void>>();

/** Undefined if too many wait already, or if there is no time to wait. */
export function startHold(maxWaitMs: number): Hold | undefined {
  if (maxWaitMs <= 0 || held >= MAX_HELD) return undefined;
  held += 1;
  const deadlineMs = performance.now() + maxWaitMs;
  let leaveQueue: (() => void) | undefined;
  const leftMs = (): number => Math.max(0, deadlineMs - performance.now());

  return {
    leftMs,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
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
      await Promise.race([before, timeout(leftMs())]);
      return true;
    },
    end() {
      held -= 1;
      leaveQueue?.();
    },
  };
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
