/** For tests: a clock that stands still until it is told otherwise. */
import type { Clock } from '../../shared/clock.js';

export interface FakeClock extends Clock {
  /** Lets time pass, and what is due happen. */
  advance(ms: number): Promise<void>;
}

export function createFakeClock(): FakeClock {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  /** What promises have set off comes first. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return {
    nowMs: () => now,
    wallClockMs: () => 1_768_208_400_000 + now,
    random: () => 1,
    startTimer(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}
