/** What limits in report mode would have refused, as the log tells it: once a minute, and only if there is something. */
import { expect, it } from 'vitest';
import { createReports } from './reports.js';

it('has a line a minute, of the time since the last one', () => {
  let nowMs = 5000;
  const reports = createReports(() => nowMs);
  for (const decision of ['admitted', 'writes', 'admitted', 'writes', 'organisation']) reports.note(decision);
  nowMs += 59_999;
  expect(reports.takeLine()).toBeUndefined();
  nowMs += 1;
  expect(reports.takeLine()).toBe('of 5 requests in 60 s these would have been refused: writes 2, organisation 1');
  expect(reports.takeLine()).toBeUndefined();
  // A minute begins with a request, so that a quiet night is none.
  nowMs += 3_600_000;
  reports.note('writes');
  expect(reports.takeLine()).toBeUndefined();
  nowMs += 90_000;
  expect(reports.takeLine()).toBe('of 1 requests in 90 s these would have been refused: writes 1');
  expect(Object.fromEntries(reports.totals)).toEqual({ admitted: 2, writes: 3, organisation: 1 });
});

it('has no line where nothing would have been refused', () => {
  let nowMs = 0;
  const reports = createReports(() => nowMs);
  reports.note('admitted');
  nowMs += 60_000;
  expect(reports.takeLine()).toBeUndefined();
});
