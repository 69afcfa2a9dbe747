/** Which of Genesys Cloud's routes a request is for: its rate limits are per token and per route. Pure. */
import { servicePath } from './path-pattern.js';

/** A segment that names one thing rather than a kind of things: ids, numbers. */
const ID_SEGMENT = /\d/;

/**
 * The route of Genesys that a path belongs to, as far as a path can tell: segments after `/api/v2` with a digit are ids.
 * It is the same however the path is written: another spelling of a closed route must not be an open one, nor count as the
 * second route that closes the whole token.
 * @param upstreamUri path as sent to the service, with or without query
 */
export function routeOf(upstreamUri: string): string {
  return servicePath(upstreamUri)
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment, index) => (index > 1 && ID_SEGMENT.test(segment) ? '*' : segment))
    .join('/')
    .slice(0, 200);
}
