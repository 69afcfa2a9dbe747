/** Which of Genesys Cloud's routes a request is for: its rate limits are per token and per route. Pure. */

/** A segment that names one thing rather than a kind of things: ids, numbers. */
const ID_SEGMENT = /\d/;

/**
 * The route of Genesys that a path belongs to, as far as a path can tell: segments after `/api/v2` with a digit are ids.
 * @param upstreamUri path as sent to the service, with or without query
 */
export function routeOf(upstreamUri: string): string {
  const path = upstreamUri.replace(/[?#].*$/s, '').toLowerCase();
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment, index) => (index > 1 && ID_SEGMENT.test(segment) ? '*' : segment))
    .join('/')
    .slice(0, 200);
}
