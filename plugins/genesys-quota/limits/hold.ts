/**
 * Requests that wait instead of being refused (`max_wait_ms`). Only so many may wait at once. Those that wait for the
 * same counter form a queue, by level and then by arrival, so that one of them asks for a free place and not all.
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
   * Waits in a queue until it is this request's turn to ask: the first one for `ms`, the others until they are first.
   * @returns false if the time is up while others of a higher level still wait
   */
  wait(queue: string, ms: number): Promise<boolean>;
  /** Ends the hold, so that another request may wait. Must be called. */
  end(): void;
}

export interface Holds {
  /**
   * Starts to hold a request.
   * @param level those of a higher one go first
   * @returns undefined if too many wait already, or if it may not wait
   */
  start(maxWaitMs: number, level: number): Hold | undefined;
  /** Returns whether anyone waits. */
  areWaiting(): boolean;
  /** Returns whether a request of a higher level waits in a queue. */
  isBehind(queue: string, level: number): boolean;
}

/** A request in a queue. */
interface Waiter {
  level: number;
  /** Says that it is first now, since the one before has left. */
  wake(): void;
}

/** Makes the holds of a process. */
export function createHolds(): Holds {
  let held = 0;
  /** Those that wait, the next one first. A queue that is there has someone in it. */
  const queues = new Map<string, Waiter[]>();

  function join(name: string, waiter: Waiter): Waiter[] {
    const queue = queues.get(name) ?? [];
    queues.set(name, queue);
    const after = queue.findIndex(({ level }) => level < waiter.level);
    queue.splice(after < 0 ? queue.length : after, 0, waiter);
    return queue;
  }

  function leave(name: string, waiter: Waiter): void {
    const queue = queues.get(name) ?? [];
    const place = queue.indexOf(waiter);
    if (place >= 0) queue.splice(place, 1);
    if (queue.length === 0) queues.delete(name);
    else if (place === 0) queue[0]?.wake();
  }

  return {
    areWaiting: () => queues.size > 0,
    isBehind: (queue, level) => (queues.get(queue)?.[0]?.level ?? level) > level,
    start(maxWaitMs, level) {
      if (maxWaitMs <= 0 || held >= MAX_HELD) return undefined;
      held += 1;
      const deadlineMs = performance.now() + maxWaitMs;
      let joined: { name: string; waiter: Waiter; queue: Waiter[] } | undefined;
      const leftMs = (): number => Math.max(0, deadlineMs - performance.now());

      return {
        leftMs,
        sleep: (ms) => sleep(realClock, ms),
        async wait(name, ms) {
          if (joined === undefined) {
            const waiter = { level, wake() {} };
            joined = { name, waiter, queue: join(name, waiter) };
          }
          const { waiter, queue } = joined;
          const askMs = Math.min(performance.now() + ms, deadlineMs);
          do {
            const untilMs = queue[0] === waiter ? askMs : deadlineMs;
            const woken = new Promise<void>((resolve) => {
              waiter.wake = resolve;
            });
            await Promise.race([woken, sleep(realClock, Math.ceil(Math.max(0, untilMs - performance.now())))]);
            // One of a higher level may have come before it meanwhile.
          } while (queue[0] !== waiter && leftMs() > 0);
          return (queue[0]?.level ?? level) <= level;
        },
        end() {
          held -= 1;
          if (joined !== undefined) leave(joined.name, joined.waiter);
        },
      };
    },
  };
}
