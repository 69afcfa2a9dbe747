import { afterEach, expect, it, vi } from 'vitest';
import { realEffects } from './effects.js';

afterEach(() => {
  vi.useRealTimers();
});

it('sleeps for longer than the longest timer, as until a token of two months is to be replaced', async () => {
  vi.useFakeTimers();
  const sixtyDaysMs = 60 * 86_400_000;
  let awake = false;
  const asleep = realEffects.sleep(sixtyDaysMs).then(() => {
    awake = true;
  });
  await vi.advanceTimersByTimeAsync(sixtyDaysMs - 1);
  expect(awake).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await asleep;
});
