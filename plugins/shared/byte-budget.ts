/**
 * Limits the memory that one kind of work holds, over all requests of a process. Work that does not fit waits in a
 * queue, first come first served, and fails after a while.
 */
import type { Clock } from './clock.js';

/** The work did not get its memory in time. */
export class NoRoom extends Error {}

export interface ByteBudget {
  /**
   * Runs work once there is room for its bytes, and holds them until the work ends. Work that needs more than the whole
   * budget runs alone.
   * @throws NoRoom if there is no room in time, or whatever the work throws
   */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  bytes: number;
  begin(): void;
}

/** Makes a budget. @param maxWaitMs how long work waits for room */
export function createByteBudget(totalBytes: number, maxWaitMs: number, clock: Pick<Clock, 'startTimer'>): ByteBudget {
  const queue = new Set<Waiting>();
  let held = 0;

  const hasRoom = (bytes: number): boolean => held === 0 || held + bytes <= totalBytes;

  function beginNext(): void {
    for (const next of queue) {
      if (!hasRoom(next.bytes)) return;
      queue.delete(next);
      held += next.bytes;
      next.begin();
    }
  }

  function turn(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = clock.startTimer(maxWaitMs, () => {
        queue.delete(waiting);
        reject(new NoRoom(`no room for ${bytes} bytes in ${maxWaitMs} ms`));
        // Smaller work that waits behind it may fit.
        beginNext();
      });
      const waiting = {
        bytes,
        begin() {
          cancel();
          resolve();
        },
      };
      queue.add(waiting);
    });
  }

  return {
    async run(bytes, work) {
      if (queue.size === 0 && hasRoom(bytes)) held += bytes;
      else await turn(bytes);
      try {
        return await work();
      } finally {
        held -= bytes;
        beginNext();
      }
    },
  };
}
