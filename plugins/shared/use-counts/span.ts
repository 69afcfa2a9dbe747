/** Days and months of the calendar (UTC), as texts: `2026-11-27`, `2026-11`. Pure. */

/** Days, the first and the last included. */
export interface Span {
  since: string;
  until: string;
}

export const DAY_MS = 86_400_000;

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const DAY_LENGTH = 10;
const MONTH_LENGTH = 7;
/** A longer span is asked by nobody, and each of its days costs. */
const MAX_DAYS = 400;

/** Returns whether a text is a day of the calendar: the 30th of February is none. */
export function isDay(text: string): boolean {
  return DAY.test(text) && dayOf(Date.parse(text)) === text;
}

export function isMonth(text: string): boolean {
  return MONTH.test(text);
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, DAY_LENGTH);
}

export function monthOf(day: string): string {
  return day.slice(0, MONTH_LENGTH);
}

/** Returns the days of a month. */
export function spanOfMonth(month: string): Span {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return { since: `${month}-01`, until: dayOf(Date.UTC(year, number, 0)) };
}

/** Returns each day of a span. */
export function daysOf({ since, until }: Span): string[] {
  const days: string[] = [];
  for (let ms = Date.parse(since); ms <= Date.parse(until); ms += DAY_MS) days.push(dayOf(ms));
  return days;
}

/** Returns the months that lie in a span with all of their days. */
export function monthsIn(span: Span): string[] {
  const months = new Set(daysOf(span).map(monthOf));
  return [...months].filter((month) => {
    const { since, until } = spanOfMonth(month);
    return span.since <= since && until <= span.until;
  });
}

/** Reads `month`, or `since` and `until`, of a query; the running month without either. @returns why not, if it is wrong */
export function readSpan(query: URLSearchParams, nowMs: number): Span | string {
  const month = query.get('month');
  const [since, until] = [query.get('since'), query.get('until')];
  if (since === null && until === null) {
    const named = month ?? monthOf(dayOf(nowMs));
    return isMonth(named) ? spanOfMonth(named) : 'month is a year and a month, such as 2026-11';
  }
  const span = { since: since ?? '', until: until ?? '' };
  if (month !== null || !isDay(span.since) || !isDay(span.until)) {
    return 'since and until are days, such as 2026-11-27';
  }
  const days = (Date.parse(span.until) - Date.parse(span.since)) / DAY_MS + 1;
  return days >= 1 && days <= MAX_DAYS ? span : `since and until are at most ${MAX_DAYS} days apart, the earlier first`;
}
