/** Builds the context of a new request: its head, its route, and where the service is. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { RouteEntity, Snapshot } from './config/types.js';
import { HeaderList } from './headers.js';
import { NO_ROUTE, NO_SERVICE } from './no-route.js';
import type { ReceivedRequest } from './received-request.js';
import type { RequestContext } from './request-context.js';
import { findRoute } from './router.js';
import { escapePath, normalizePath } from './uri.js';

/** A configuration, and its routes in the order in which they are tried. */
export interface Running {
  snapshot: Snapshot;
  routes: readonly RouteEntity[];
}

/** Reads a request's head and finds its route: `NO_ROUTE` if none matches, or only one without a service. */
export function newContext(request: ReceivedRequest, response: ServerResponse, running: Running): RequestContext {
  const [rawPath = '', ...query] = (request.url ?? '/').split('?');
  // nginx knows no fragment in a query.
  const [rawQuery = ''] = query.join('?').split('#', 1);
  const method = request.method ?? 'GET';
  const path = normalizePath(rawPath);
  const headers = HeaderList.from(request.rawHeaders);
  const host = (headers.get('host') ?? '').replace(/:\d+$/, '');
  const match = findRoute(running.routes, { method, path, host, headers });
  const found = match?.route.service && running.snapshot.services.get(match.route.service.id);
  const service = found ?? NO_SERVICE;
  const route = (found && match?.route) ?? NO_ROUTE;
  const prefix = route.strip_path ? (match?.prefix ?? '') : '';
  return {
    snapshot: running.snapshot,
    id: randomBytes(16).toString('hex'),
    startedAtMs: Date.now(),
    sizes: { request: 0, response: 0 },
    request,
    response,
    host: request.host,
    clientIp: request.socket.remoteAddress ?? '127.0.0.1',
    phase: 'access',
    method,
    rawPath,
    rawQuery,
    headers,
    route,
    strippedPrefix: prefix.replace(/\/$/, ''),
    uriCaptures: match?.captures ?? {},
    service,
    shared: new Map(),
    nginxCtx: new Map(),
    upstream: {
      scheme: service.protocol,
      host: service.host,
      isAddress: isIP(service.host) !== 0,
      port: service.port,
      path: escapePath(joinPaths(service.path ?? '', path.slice(prefix.length), path)),
      query: rawQuery,
      method,
    },
    upgrade: request.isWebsocket ? 'websocket' : '',
    buffered: false,
    early: new HeaderList(),
    setInAccess: new Set(),
    source: 'exit',
    sentStatus: 0,
    sentHeaders: new HeaderList(),
    serializeValues: new Map(),
    latencies: { proxy: -1, kong: 0 },
    tries: [],
  };
}

/** Joins the service's path and the request's (kong/router/utils.lua, path_handling v0). Adds no slash at the end. */
function joinPaths(base: string, path: string, requestPath: string): string {
  if (base === '' || base === '/') return path.startsWith('/') ? path : `/${path}`;
  const prefix = base.replace(/\/$/, '');
  if (path === '' || (requestPath === '/' && prefix === base))
    return requestPath.length > 1 && requestPath.endsWith('/') ? `${prefix}/` : prefix;
  return path.startsWith('/') ? `${prefix}${path}` : `${prefix}/${path}`;
}
