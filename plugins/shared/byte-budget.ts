/**
 * Bounds the memory that work of one kind holds, over all requests of a process. Who finds no room waits for its turn, in the
 * order of coming, and gives up after a while.
 */
import type { Clock } from './clock.js';

/** There was no room in time. */
export class NoRoom extends Error {}

export interface ByteBudget {
  /**
   * Runs some work once there is room for so many bytes, which it holds until it has ended. Work for more bytes than there
   * are at all runs alone.
   * @throws NoRoom; whatever the work throws
   */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  bytes: number;
  begin(): void;
}

/** @param maxWaitMs how long work waits for room */
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
        // Smaller work behind it may fit.
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
