/** Which route of Genesys Cloud a request is for. Genesys limits rates per token and per route. Pure. */
import { servicePath } from './path-pattern.js';

/** A segment with a digit is an id or a number: it names one thing, not a kind of things. */
const ID_SEGMENT = /\d/;

/**
 * Returns the Genesys route of a path, as far as the path shows it: segments after `/api/v2` with a digit are ids. All
 * spellings of a path give the same route. Otherwise another spelling of a closed route would be open, or would count
 * as the second route that closes the whole token.
 * @param upstreamUri the path as sent to the service, with or without query
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

/** Returns whether a path is that of the caller's own token. @param upstreamUri as for `routeOf` */
export function isOwnToken(upstreamUri: string): boolean {
  return servicePath(upstreamUri).toLowerCase() === '/api/v2/tokens/me';
}
