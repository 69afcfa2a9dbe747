/** Finds a route by host, headers, method and path, the most specific first, as Kong's traditional router does. */
import type { RouteEntity } from './config/types.js';
import type { HeaderList } from './headers.js';

export interface Match {
  route: RouteEntity;
  /** The part of the path that `strip_path` removes. */
  prefix: string;
  /** What named groups of the path's expression matched. */
  captures: Readonly<Record<string, string>>;
}

export interface Routed {
  method: string;
  /** Normalised. */
  path: string;
  host: string;
  headers: HeaderList;
}

/** What the order of routes is made of. */
type Ordered = Pick<RouteEntity, 'hosts' | 'methods' | 'paths' | 'headers' | 'regex_priority' | 'created_at'>;

/** Sorts the routes of a configuration once, so that the first match wins. */
export function sortRoutes<Route extends Ordered>({ routes }: { routes: readonly Route[] }): Route[] {
  const attributes = (route: Route): number =>
    [route.hosts, route.methods, route.paths, Object.keys(route.headers ?? {})].filter((list) => list?.length).length;
  const longest = (route: Route): number => Math.max(0, ...(route.paths ?? []).map((path) => path.length));
  return [...routes].sort(
    (a, b) =>
      attributes(b) - attributes(a) ||
      Object.keys(b.headers ?? {}).length - Object.keys(a.headers ?? {}).length ||
      b.regex_priority - a.regex_priority ||
      longest(b) - longest(a) ||
      a.created_at - b.created_at,
  );
}

/** Returns the first route that matches. */
export function findRoute(routes: readonly RouteEntity[], request: Routed): Match | undefined {
  if (!isReadable(routes, request)) return undefined;
  for (const route of routes) {
    const matched = matchPaths(route, request.path);
    if (matched === undefined || !matchRest(route, request)) continue;
    return { route, ...matched };
  }
  return undefined;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns whether the path, the host, and each header that any route asks for, is UTF-8. If not, Kong finds no route at all, not
 * even one that ignores that header (measured: "invalid utf-8 sequence", 404).
 */
function isReadable(routes: readonly RouteEntity[], { path, host, headers }: Routed): boolean {
  const names = new Set(routes.flatMap((route) => Object.keys(route.headers ?? {})));
  const values = [...names].flatMap((name) => headers.all(name));
  try {
    for (const value of [path, host, ...values]) UTF8.decode(Buffer.from(value, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

function matchPaths(route: RouteEntity, path: string): Omit<Match, 'route'> | undefined {
  if (!route.paths?.length) return { prefix: '', captures: {} };
  const matches = route.paths.flatMap((pattern) => {
    if (pattern.startsWith('~')) {
      const found = new RegExp(`^(?:${pattern.slice(1).replaceAll('(?P<', '(?<')})`).exec(path);
      return found === null ? [] : [{ prefix: found[0], captures: { ...found.groups } }];
    }
    return path.startsWith(pattern) ? [{ prefix: pattern, captures: {} }] : [];
  });
  return matches.sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

function matchRest(route: RouteEntity, { method, host, headers }: Routed): boolean {
  if (route.methods?.length && !route.methods.includes(method)) return false;
  if (route.hosts?.length && !route.hosts.some((pattern) => matchHost(pattern, host))) return false;
  return Object.entries(route.headers ?? {}).every(([name, values]) => {
    const seen = headers.get(name);
    if (seen === undefined) return false;
    return values.some((value) =>
      value.startsWith('~*') ? new RegExp(value.slice(2), 'i').test(seen) : value.toLowerCase() === seen.toLowerCase(),
    );
  });
}

function matchHost(pattern: string, host: string): boolean {
  if (pattern.startsWith('*.')) return host.endsWith(pattern.slice(1));
  if (pattern.endsWith('.*')) return host.startsWith(pattern.slice(0, -1));
  return pattern === host;
}
