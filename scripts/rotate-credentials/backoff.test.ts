import { describe, expect, it } from 'vitest';
import { backoffMs, isTransient } from './backoff.js';

describe('backoffMs', () => {
  it('doubles its ceiling up to 20 s, and takes any time below it', () => {
    expect([1, 2, 3, 10].map((attempt) => backoffMs(attempt, 1, undefined))).toEqual([400, 800, 1600, 20_000]);
    expect(backoffMs(5, 0, undefined)).toBe(0);
  });

  it('never comes back before Retry-After', () => {
    expect(backoffMs(1, 0, 3000)).toBe(3000);
    expect(backoffMs(1, 1, 3000)).toBe(3400);
  });
});

it('throttling and trouble are transient, a refusal is not', () => {
  expect([429, 500, 502, 503, 504].every(isTransient)).toBe(true);
  expect([200, 400, 401, 403, 404, 409, 501].some(isTransient)).toBe(false);
});
