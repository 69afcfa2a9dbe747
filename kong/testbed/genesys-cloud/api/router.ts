/**
 * Finds the route of a request among all resources.
 */
import { badRequest } from '../answer.js';
import { compilePathPattern, type PathMatcher } from '../path-pattern.js';
import { analyticsRoutes } from './analytics.js';
import { conversationRoutes } from './conversations.js';
import { cxAsCodeRoutes } from './cx-as-code.js';
import { externalContactRoutes } from './external-contacts.js';
import { oauthClientRoutes } from './oauth-clients.js';
import { organizationRoutes } from './organization.js';
import { queueRoutes } from './queues.js';
import type { ApiRoute, ApiServices } from './route.js';
import { securityRoutes } from './security.js';
import { usageRoutes } from './usage.js';
import { userRoutes } from './users.js';

/** A path's route; without `route`, the path exists and takes only the methods in `allowed`. */
export interface RouteMatch {
  pattern: string;
  route: ApiRoute | undefined;
  allowed: string[];
  /** Still percent-encoded. */
  parameters: Record<string, string>;
}

export interface Router {
  find(method: string, path: string): RouteMatch | undefined;
}

/** Builds the router of the whole API. HEAD is answered by the route of GET. */
export function createRouter(services: ApiServices): Router {
  const resources = [
    cxAsCodeRoutes,
    userRoutes,
    queueRoutes,
    conversationRoutes,
    analyticsRoutes,
    oauthClientRoutes,
    organizationRoutes,
    externalContactRoutes,
    securityRoutes,
    usageRoutes,
  ];
  const paths = new Map<string, { matches: PathMatcher; routes: ApiRoute[] }>();
  for (const route of resources.flatMap((resource) => resource(services))) {
    const known = paths.get(route.path) ?? { matches: compilePathPattern(route.path), routes: [] };
    known.routes.push(route);
    paths.set(route.path, known);
  }

  return {
    find(method, path) {
      const wanted = method === 'HEAD' ? 'GET' : method;
      for (const [pattern, { matches, routes }] of paths) {
        const parameters = matches(path);
        if (parameters === undefined) continue;
        const route = routes.find((candidate) => candidate.method === wanted);
        return { pattern, route, parameters, allowed: routes.map((candidate) => candidate.method) };
      }
      return undefined;
    },
  };
}

/**
 * Decodes the named segments of a path.
 * @throws ApiError 400 for a broken percent-escape
 */
export function decodeParameters(parameters: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    throw badRequest('The path holds an escape that is not valid.');
  }
}
