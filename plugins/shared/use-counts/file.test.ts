/** Counts that survive a restart: of one process after another, of two at once, and of a file that is not as it should be. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock } from '../clock.js';
import { createBook, parseBook } from './book.js';
import { createUseCounts, type UseCounts } from './counts.js';
import { createCountFile, USE_FILE } from './file.js';
import { DAY_MS, dayOf, readSpan, type Span, spanOfMonth } from './span.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'use-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TODAY = Date.now();
const SPAN: Span = { since: dayOf(TODAY - 30 * DAY_MS), until: dayOf(TODAY) };
const path = (): string => join(folder, 'genesys-use.json');

/** A process: its counts of a section, and its file. */
function start(section = 'a'): UseCounts & Pick<ReturnType<typeof createCountFile>, 'takeNotice'> {
  const file = createCountFile(folder, USE_FILE, realClock);
  return { ...createUseCounts(file.section(section)), takeNotice: file.takeNotice };
}

async function totals(counts: UseCounts): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { field, count } of await counts.read(SPAN)) sums[field] = (sums[field] ?? 0) + count;
  return sums;
}

it('survive a process, each section by itself', async () => {
  const first = start();
  for (let i = 0; i < 5; i += 1) first.count('crm', 1, TODAY);
  first.count('ivr', 1, TODAY - 3 * DAY_MS);
  await first.flush();
  const second = start();
  second.count('crm', 1, TODAY);
  second.count('crm', -1, TODAY);
  second.count('crm', 1, TODAY);
  expect(await totals(second)).toEqual({ crm: 6, ivr: 1 });
  expect(await second.read({ since: dayOf(TODAY), until: dayOf(TODAY) })).toEqual([
    { field: 'crm', period: dayOf(TODAY), count: 6 },
  ]);
  expect(await totals(start('b'))).toEqual({});
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['genesys-use.json']);
});

it('of processes that write at once are all there', async () => {
  const processes = Array.from({ length: 6 }, () => start());
  await Promise.all(
    processes.map(async (one) => {
      for (let i = 0; i < 10; i += 1) {
        one.count('crm', 1, TODAY);
        await one.flush();
      }
    }),
  );
  await Promise.all(processes.map((one) => one.flush()));
  expect(await totals(start())).toEqual({ crm: 60 });
});

it.each([
  ['nothing', ''],
  ['half a file', '{"version":1,"sections":{"a":{"2026-11-27":{"crm":1'],
  ['another version', '{"version":2,"sections":{}}'],
  ['counts that are none', `{"version":1,"sections":{"a":{"${dayOf(TODAY)}":{"crm":"1"}}}}`],
  ['a day that is none', '{"version":1,"sections":{"a":{"2026-02-30":{"crm":1}}}}'],
  ['too much', ' '.repeat(4 * 1024 * 1024 + 1)],
])('begin anew with a file that holds %s, which is kept aside', async (_, text) => {
  writeFileSync(path(), text);
  const counts = start();
  counts.count('crm', 1, TODAY);
  expect(await totals(counts)).toEqual({ crm: 1 });
  expect(readFileSync(`${path()}.unreadable`, 'utf8')).toBe(text);
  expect(counts.takeNotice()).toEqual({ level: 'err', message: expect.stringContaining('was not readable') });
  expect(counts.takeNotice()).toBeUndefined();
});

it('are kept in memory while the file cannot be written, which is said once, and written later', async () => {
  // A file in the folder's place: root may write everywhere else.
  const inner = join(folder, 'inner');
  writeFileSync(inner, '');
  const file = createCountFile(inner, USE_FILE, realClock);
  const counts = createUseCounts(file.section('a'));
  counts.count('crm', 1, TODAY);
  await counts.flush();
  counts.count('crm', 1, TODAY);
  await counts.flush();
  await expect(counts.read(SPAN)).rejects.toThrow();
  expect(file.takeNotice()).toEqual({ level: 'err', message: expect.stringMatching(/cannot be written to .*EEXIST/) });
  expect(file.takeNotice()).toBeUndefined();
  rmSync(inner);
  expect(await totals(counts)).toEqual({ crm: 2 });
  expect(file.takeNotice()).toEqual({ level: 'notice', message: expect.stringContaining('again') });
});

it('take over the lock of a process that died, and its half-written file', async () => {
  writeFileSync(`${path()}.lock`, '');
  writeFileSync(`${path()}.new`, '{"ver');
  const long = new Date(Date.now() - 60_000);
  utimesSync(`${path()}.lock`, long, long);
  const counts = start();
  counts.count('crm', 1, TODAY);
  expect(await totals(counts)).toEqual({ crm: 1 });
  expect(existsSync(`${path()}.lock`)).toBe(false);
});

it('of long ago are by month, then gone; and the oldest go when there is too much', () => {
  const book = createBook();
  const ago = (days: number): string => dayOf(TODAY - days * DAY_MS);
  for (let days = 0; days < 500; days += 1) book.add('a', ago(days), [['crm', 1]]);
  book.tidy(TODAY, 1e9);
  const read = parseBook(book.write());
  const all = read?.read('a', { since: ago(499), until: ago(0) }) ?? [];
  expect(all.filter(({ period }) => period.length === 10)).toHaveLength(63);
  // Months at either end are not whole.
  expect(all.filter(({ period }) => period.length === 7).length).toBeGreaterThanOrEqual(10);
  expect(all.filter(({ period }) => period.length === 7).length).toBeLessThanOrEqual(13);
  const last = new Date(Date.UTC(new Date(TODAY).getUTCFullYear(), new Date(TODAY).getUTCMonth() - 6, 1));
  const month = dayOf(last.getTime()).slice(0, 7);
  const days = new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1, 0)).getUTCDate();
  expect(read?.read('a', spanOfMonth(month))).toEqual([{ field: 'crm', period: month, count: days }]);
  read?.tidy(TODAY, 400);
  expect(read?.write().length).toBeLessThanOrEqual(400);
  expect(read?.read('a', { since: ago(0), until: ago(0) })).toHaveLength(1);
});

it.each([
  ['', { since: '2026-11-01', until: '2026-11-30' }],
  ['month=2028-02', { since: '2028-02-01', until: '2028-02-29' }],
  ['since=2026-11-23&until=2026-11-29', { since: '2026-11-23', until: '2026-11-29' }],
  ['month=2026-13', expect.stringContaining('month is')],
  ['since=2026-02-30&until=2026-03-01', expect.stringContaining('are days')],
  ['since=2026-03-02&until=2026-03-01', expect.stringContaining('the earlier first')],
  ['since=2020-03-02&until=2026-03-01', expect.stringContaining('400 days')],
  ['since=2026-03-02', expect.stringContaining('are days')],
  ['month=2026-03&since=2026-03-02&until=2026-03-03', expect.stringContaining('are days')],
])('are asked for by %s', (query, expected) => {
  expect(readSpan(new URLSearchParams(query), Date.UTC(2026, 10, 27))).toEqual(expected);
});
