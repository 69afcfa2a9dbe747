/** Weeks and months that survive a process, by a played clock: in their window, of their identity, and no longer. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock } from '../../shared/clock.js';
import { createCountFile, WINDOWS_FILE } from '../../shared/use-counts/file.js';
import type { WindowCheck } from './counting.js';
import { createLocalCounters } from './local-counters.js';
import { openSavedWindows } from './saved-windows.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'windows-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const DAY_MS = 86_400_000;
/** A leap year. */
const YEAR = 2028;
const MONTH = { kind: 'month', shiftMs: 0, windowMs: 31 * DAY_MS } as const;
const WEEK = { kind: 'fixed', shiftMs: 4 * DAY_MS, windowMs: 7 * DAY_MS } as const;

function check(more: Partial<WindowCheck> = {}): WindowCheck {
  const asked = { name: 'm', group: 'm:month:consumer', id: '', maxIdentities: 100, limit: 5, cost: 1, isBudget: true };
  return { ...asked, ...MONTH, ...more };
}

/** A process that starts at a time, and counts as if it were later. */
async function start(startedMs: number, namespace = 'n') {
  let nowMs = startedMs;
  const file = createCountFile(folder, WINDOWS_FILE, { ...realClock, wallClockMs: () => nowMs });
  const saved = openSavedWindows(namespace, file, startedMs);
  await saved.loading;
  const counters = createLocalCounters(() => nowMs * 1000, saved);
  return {
    saved,
    /** Returns how many of so many requests are admitted. */
    admit(requests: number, one = check(), atMs = startedMs): number {
      nowMs = atMs;
      return Array.from({ length: requests }, () => counters.admit([one], 0)).filter(({ admitted }) => admitted).length;
    },
  };
}

const second = Date.UTC(YEAR, 1, 2, 12);

it('go on where the process before ended, also over days', async () => {
  const first = await start(second);
  expect(first.admit(2)).toBe(2);
  expect(first.admit(1, check(), second + 3 * DAY_MS)).toBe(1);
  await first.saved.flush();
  const next = await start(second + 4 * DAY_MS);
  expect(next.saved.loading).toBeUndefined();
  expect(next.admit(9)).toBe(2);
  await next.saved.flush();
  expect((await start(second + 5 * DAY_MS)).admit(9)).toBe(0);
});

it.each([
  ['a month', MONTH, Date.UTC(YEAR, 1, 29, 23), Date.UTC(YEAR, 2, 1)],
  ['a month that begins on the 15th', { ...MONTH, shiftMs: 14 * DAY_MS }, Date.UTC(YEAR, 1, 14), Date.UTC(YEAR, 1, 15)],
  ['a week', WEEK, Date.UTC(2026, 1, 1, 23), Date.UTC(2026, 1, 2)],
])('of %s do not go into the next one', async (_, windows, lastMs, nextMs) => {
  const one = check(windows);
  const first = await start(lastMs);
  expect(first.admit(9, one)).toBe(5);
  await first.saved.flush();
  const second = await start(lastMs);
  expect(second.admit(1, one)).toBe(0);
  expect(second.admit(9, one, nextMs)).toBe(5);
  expect((await start(nextMs)).admit(9, one)).toBe(5);
});

it('are of one limit, identity and namespace, and costs count', async () => {
  const first = await start(second);
  expect(first.admit(1, check({ id: '203.0.113.7', cost: 4 }))).toBe(1);
  await first.saved.flush();
  const next = await start(second);
  expect(next.admit(9, check({ id: '203.0.113.7' }))).toBe(1);
  expect(next.admit(9, check({ id: '203.0.113.8' }))).toBe(5);
  expect(next.admit(9, check({ group: 'other' }))).toBe(5);
  expect((await start(second, 'other')).admit(9, check({ id: '203.0.113.7' }))).toBe(5);
  expect(readFileSync(join(folder, WINDOWS_FILE.name), 'utf8')).not.toContain('203.0.113');
});

it('are of weeks and months only, and what is refused is not counted', async () => {
  const first = await start(second);
  first.admit(9);
  first.admit(9, check({ group: 'hour', isBudget: false }));
  await first.saved.flush();
  expect(JSON.parse(readFileSync(join(folder, WINDOWS_FILE.name), 'utf8')).sections).toEqual({
    'windows n': { [`${YEAR}-02-02`]: { 'm:month:consumer': 5 } },
  });
});
