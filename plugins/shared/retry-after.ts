/** What a Retry-After header asks for. Pure. */

/** A Retry-After of more than this is taken as this, so that a wrong header cannot switch a route off for hours. */
export const RETRY_AFTER_CAP_MS = 60_000;

/**
 * Reads Retry-After (RFC 9110 10.2.3): whole seconds or an HTTP date.
 * @param wallClockMs milliseconds since 1970, which a date is compared with
 * @returns milliseconds from now, between 0 and `RETRY_AFTER_CAP_MS`; undefined if absent or malformed
 */
export function parseRetryAfter(header: string | null, wallClockMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_CAP_MS);
  // All three date forms of RFC 9110 5.6.7 begin with the name of a day; Date.parse alone would take much more.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  // The asctime form names no zone and means GMT.
  const at = Date.parse(/GMT$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - wallClockMs), RETRY_AFTER_CAP_MS);
}
