/** A route of Genesys as a short name without spaces, that can be shared with other nodes and tells nothing. */
import { hash } from 'node:crypto';

/** @param route as `routeOf` makes it */
export function routeKey(route: string): string {
  return hash('sha256', route, 'base64url').slice(0, 22);
}
