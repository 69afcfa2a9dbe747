/** Names for the routes of Genesys, as the nodes share them. */
import { hash } from 'node:crypto';

/** Returns a short name without spaces that does not reveal the route. @param route from `routeOf` */
export function routeKey(route: string): string {
  return hash('sha256', route, 'base64url').slice(0, 22);
}
