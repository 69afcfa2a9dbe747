/** The names under which nodes share routes of Genesys. */
import { hash } from 'node:crypto';

/** Makes a short name without spaces that says nothing of the route. @param route as `routeOf` makes it */
export function routeKey(route: string): string {
  return hash('sha256', route, 'base64url').slice(0, 22);
}
