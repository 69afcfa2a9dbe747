/** Delays, and how long failures are remembered. */
import { describe, expect, it } from 'vitest';
import { backoffMs, holdMs } from './retry.js';

describe('backoffMs', () => {
  it.each([
    [1, 0, 0],
    [1, 1, 200],
    [2, 1, 400],
    [3, 0.5, 400],
    [5, 1, 2_000],
    [50, 1, 2_000],
  ])('attempt %i with random %d is %d ms', (attempt, random, expected) => {
    expect(backoffMs(attempt, random)).toBe(expected);
  });

  it('comes on top of what login asked for', () => {
    expect(backoffMs(1, 0.5, 3_000)).toBe(3_100);
  });
});

describe('holdMs', () => {
  const trouble = { retryable: true };

  it('doubles up to its cap, jittered in the upper half', () => {
    expect([1, 2, 3, 4, 5, 2_000].map((n) => holdMs(trouble, n, 0))).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect([1, 2, 3, 4, 5, 2_000].map((n) => holdMs(trouble, n, 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });

  it('is at least what login asked for', () => {
    expect(holdMs({ retryable: true, retryAfterMs: 42_000 }, 1, 0)).toBe(42_000);
  });

  it('is ten seconds for a refusal', () => {
    expect(holdMs({ retryable: false }, 9, 0.3)).toBe(10_000);
  });
});
