/** The verdict of a soak on made-up runs of an hour: flat ones, and each way in which one is not. */
import { expect, it } from 'vitest';
import { judgeSoak, type Sample } from './soak-verdict.js';

const STEP_MS = 10_000;

/** @param change of the n-th of 360 samples */
function hour(change: (n: number) => Partial<Sample> = () => ({})): Sample[] {
  return Array.from({ length: 360 }, (_, n) => ({
    atMs: (n + 1) * STEP_MS,
    requests: 3000,
    wrong: 0,
    p50Ms: 2,
    p99Ms: 10 + (n % 5),
    ...change(n),
    processes: change(n).processes ?? level(70 + (n % 7)),
  }));
}

function level(residentMb: number, openFiles = 40, pid = 1): Sample['processes'] {
  return { quota: { pid, residentMb, openFiles } };
}

it('an hour that swings and does not grow is flat', () => {
  const { isFlat, faults, memory } = judgeSoak(hour());
  expect([isFlat, faults]).toEqual([true, []]);
  expect(Math.abs(memory.quota?.mbPerHour ?? Number.NaN)).toBeLessThan(1);
});

it('growth in the warm-up does not count', () => {
  expect(judgeSoak(hour((n) => ({ processes: level(Math.min(100, 40 + n)) }))).isFlat).toBe(true);
});

it('a short run is not judged by the slope of its swings', () => {
  const minutes = hour((n) => ({ processes: level(70 + n) })).slice(0, 13);
  expect(judgeSoak(minutes).faults).toEqual([]);
  expect(judgeSoak(minutes).memory.quota?.mbPerHour).toBeCloseTo(360);
});

it.each<[string, (n: number) => Partial<Sample>, RegExp]>([
  ['grows', (n) => ({ processes: level(70 + n * 0.1) }), /^quota grew by 36\.0 MB an hour/],
  ['opens files', (n) => ({ processes: level(70, 40 + n) }), /^quota had \d+ open files/],
  ['slows down', (n) => ({ p99Ms: 10 + n / 10 }), /^p99 went from/],
  ['is restarted', (n) => ({ processes: level(70, 40, n < 200 ? 1 : 2) }), /did not run all the time in one process/],
  ['is gone', (n) => ({ processes: n < 200 ? level(70) : {} }), /did not run all the time in one process/],
  ['answers wrong once', (n) => ({ wrong: n === 3 ? 1 : 0 }), /^1 answers were wrong/],
  ['answers nothing', () => ({ p99Ms: Number.NaN }), /^p99 went from/],
])('a gateway that %s is not flat', (_, change, fault) => {
  const { isFlat, faults } = judgeSoak(hour(change));
  expect(isFlat).toBe(false);
  expect(faults[0]).toMatch(fault);
});

it('too few samples are no verdict', () => {
  expect(judgeSoak(hour().slice(0, 9)).isFlat).toBe(false);
});
