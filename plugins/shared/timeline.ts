/** What an event spends its time on while it waits. Steps note it; a process that traces makes spans of it. */

/** What is waited for. A fixed list, so that the name of a span contains nothing of a request. */
export type Wait = 'login' | 'redis' | 'wait';

/** A stretch of time, from and to values of `performance.now()`. */
export interface Stretch {
  wait: Wait;
  startMs: number;
  endMs: number;
  failed: boolean;
}

/** Takes what an event has waited for. Where nobody traces, there is none. */
export type Timeline = (stretch: Stretch) => void;

/**
 * Does work that is waited for, and notes how long it took.
 * @param hasFailed judges a result; a rejection is always a failure
 */
export function timed<T>(
  timeline: Timeline | undefined,
  wait: Wait,
  work: () => Promise<T>,
  hasFailed: (result: T) => boolean = () => false,
): Promise<T> {
  if (timeline === undefined) return work();
  const startMs = performance.now();
  const note = (failed: boolean): void => timeline({ wait, startMs, endMs: performance.now(), failed });
  return work().then(
    (result) => {
      note(hasFailed(result));
      return result;
    },
    (error: unknown) => {
      note(true);
      throw error;
    },
  );
}
