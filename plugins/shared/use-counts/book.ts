/**
 * Counts by day (UTC): in a section for each namespace, by a field such as a consumer. Days of more than two months ago
 * are added up to months, and what is older than a year goes. Pure.
 */
import { isPlainObject } from '../plain-object.js';
import { DAY_MS, dayOf, daysOf, isDay, isMonth, monthOf, monthsIn, type Span } from './span.js';

/** The count of a field on a day, or in a month that is no longer told apart by days. */
export interface Use {
  field: string;
  period: string;
  count: number;
}

type Counts = Map<string, number>;
type Periods = Map<string, Counts>;

const DAYS_APART_MS = 62 * DAY_MS;
/** Bills are questioned for about a year. */
export const KEEP_MS = 400 * DAY_MS;
const VERSION = 1;

export interface Book {
  add(section: string, day: string, counts: Iterable<readonly [field: string, count: number]>): void;
  read(section: string, span: Span): Use[];
  /** Adds up what is old, and drops what is too old, or the oldest of what does not fit into so many bytes. */
  tidy(nowMs: number, maxBytes: number): void;
  /** @returns JSON */
  write(): string;
}

export function createBook(): Book {
  return bookOf(new Map());
}

/** Reads what `write` wrote. @returns undefined if it is anything else */
export function parseBook(text: string): Book | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isPlainObject(raw) || raw.version !== VERSION || !isPlainObject(raw.sections)) return undefined;
  const sections = new Map<string, Periods>();
  for (const [section, periods] of Object.entries(raw.sections)) {
    if (!isPlainObject(periods)) return undefined;
    const read: Periods = new Map();
    for (const [period, counts] of Object.entries(periods)) {
      if (!(isDay(period) || isMonth(period)) || !isPlainObject(counts)) return undefined;
      const entries = Object.entries(counts);
      if (!entries.every((entry): entry is [string, number] => Number.isSafeInteger(entry[1]))) return undefined;
      read.set(period, new Map(entries));
    }
    sections.set(section, read);
  }
  return bookOf(sections);
}

function bookOf(sections: Map<string, Periods>): Book {
  function add(section: string, period: string, counts: Iterable<readonly [string, number]>): void {
    const periods = sections.get(section) ?? new Map<string, Counts>();
    const known = periods.get(period) ?? new Map<string, number>();
    for (const [field, count] of counts) known.set(field, (known.get(field) ?? 0) + count);
    periods.set(period, known);
    sections.set(section, periods);
  }

  function drop(section: string, period: string): void {
    const periods = sections.get(section);
    periods?.delete(period);
    if (periods?.size === 0) sections.delete(section);
  }

  /** Returns the first period of all, as texts compare. */
  function oldest(): [section: string, period: string] | undefined {
    const all = [...sections].flatMap(([section, periods]) =>
      [...periods.keys()].map((period) => [section, period] as [string, string]),
    );
    return all.reduce<[string, string] | undefined>(
      (first, next) => (first === undefined || next[1] < first[1] ? next : first),
      undefined,
    );
  }

  const write = (): string =>
    JSON.stringify({
      version: VERSION,
      sections: Object.fromEntries(
        [...sections].map(([section, periods]) => [
          section,
          Object.fromEntries([...periods].map(([period, counts]) => [period, Object.fromEntries(counts)])),
        ]),
      ),
    });

  return {
    add,
    read(section, span) {
      const periods = sections.get(section);
      return [...daysOf(span), ...monthsIn(span)].flatMap((period) =>
        [...(periods?.get(period) ?? [])].map(([field, count]) => ({ field, period, count })),
      );
    },
    tidy(nowMs, maxBytes) {
      const [firstDay, firstMonth] = [dayOf(nowMs - DAYS_APART_MS), monthOf(dayOf(nowMs - KEEP_MS))];
      for (const [section, periods] of [...sections]) {
        for (const [period, counts] of [...periods]) {
          if (isDay(period) && period < firstDay) {
            drop(section, period);
            add(section, monthOf(period), counts);
          }
          if (monthOf(period) < firstMonth) {
            drop(section, period);
            drop(section, monthOf(period));
          }
        }
      }
      while (Buffer.byteLength(write()) > maxBytes) {
        const first = oldest();
        if (first === undefined) return;
        drop(...first);
      }
    },
    write,
  };
}
