/** Parses the Retry-After header. Pure. */

/** The longest wait. Longer ones are cut to it, so that a wrong header cannot close a route for hours. */
export const RETRY_AFTER_CAP_MS = 60_000;

/**
 * Parses Retry-After (RFC 9110 10.2.3): whole seconds or an HTTP date.
 * @param wallClockMs milliseconds since 1970, to compare a date with
 * @returns milliseconds from now, between 0 and `RETRY_AFTER_CAP_MS`; undefined if absent or malformed
 */
export function parseRetryAfter(header: string | null, wallClockMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_CAP_MS);
  // All three date forms of RFC 9110 5.6.7 begin with the name of a day. Date.parse alone accepts much more.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  // The asctime form has no time zone and means GMT.
  const at = Date.parse(/GMT$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - wallClockMs), RETRY_AFTER_CAP_MS);
}
