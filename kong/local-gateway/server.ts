/**
 * One request from socket to answer: route, access phase, service, response phase, log phase, in Kong's order and with
 * Kong's refusals. Plugins run from the highest priority down; an exit ends its phase.
 */
import { randomBytes } from 'node:crypto';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Balancer } from './balancer.js';
import type { PluginEntity, RouteEntity, Snapshot } from './config/types.js';
import { HeaderList } from './headers.js';
import { kongError, nginxError } from './kong-errors.js';
import { NO_ROUTE, NO_SERVICE } from './no-route.js';
import type { GatewayPlugin } from './plugin.js';
import { answerHeaders, createProxy, TUNNELLED } from './proxy.js';
import type { Answer, RequestContext } from './request-context.js';
import { findRoute } from './router.js';
import { readUnknownMethod } from './unknown-method.js';
import { escapePath, normalizePath } from './uri.js';

/** One configuration with what is derived from it once. */
export interface Running {
  snapshot: Snapshot;
  routes: readonly RouteEntity[];
}

/** One finished request, for people to read. */
export interface RequestLine {
  method: string;
  path: string;
  consumer: string | undefined;
  status: number;
  ms: number;
}

export interface HttpOptions {
  port: number;
  plugins: readonly GatewayPlugin[];
  running: () => Running;
  balancer: Balancer;
  log: (level: string, message: string) => void;
  onRequest: (line: RequestLine) => void;
}

const HOST = '127.0.0.1';

/** nginx refuses these before any plugin runs. */
const REFUSED_METHODS = new Set(['TRACE', 'CONNECT']);

/** The methods that Kong can hand on when it buffers; for any other it sends GET (kong/init.lua, `Kong.response`). */
const BUFFERED_METHODS = new Set([
  ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'],
  ...['MKCOL', 'COPY', 'MOVE', 'PROPFIND', 'PROPPATCH', 'LOCK', 'UNLOCK'],
]);

const BACKLOG = 4096;

/** Listens on loopback. @throws the error of listen, with code EADDRINUSE for a port that is taken */
export async function startHttp(options: HttpOptions): Promise<{ port: number; close(): Promise<void> }> {
  const proxy = createProxy(options.balancer);
  const plugins = [...options.plugins].sort((a, b) => b.priority - a.priority);
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: Error) => {
      options.log('err', error.stack ?? error.message);
      response.destroy();
    });
  };
  const server = createServer(onRequest);
  // nginx sets no limit on how long a whole request may take.
  server.requestTimeout = 0;
  // nginx's keepalive_timeout. After Node's own 5 s a slow client's next request would meet the closing.
  server.keepAliveTimeout = 75_000;
  const taken = new Set<Duplex>();
  /** Serves a request that Node does not: its connection ends with the answer. */
  const take = (request: IncomingMessage, socket: Duplex): void => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    socket.on('error', () => socket.destroy());
    response.on('finish', () => socket.end());
    taken.add(socket);
    socket.on('close', () => taken.delete(socket));
    onRequest(request, response);
  };
  // Node sets these two apart; here they go the way of all others.
  server.on('upgrade', take);
  server.on('connect', take);
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    if (taken.has(socket)) return;
    const request =
      error.code === 'HPE_INVALID_METHOD'
        ? readUnknownMethod(error.rawPacket ?? Buffer.alloc(0), socket as Socket)
        : undefined;
    if (request !== undefined) take(request, socket);
    else if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const running = options.running();
    const [rawPath = '/', rawQuery = ''] = splitOnce(request.url ?? '/', '?');
    const headers = HeaderList.from(request.rawHeaders);
    const path = normalizePath(rawPath);
    const id = randomBytes(16).toString('hex');
    const host = (headers.get('host') ?? '').replace(/:\d+$/, '');
    if (REFUSED_METHODS.has(request.method ?? '')) {
      response.shouldKeepAlive = false;
      await write(response, nginxError({ id, headers }, 405), id);
      return;
    }
    const match = findRoute(running.routes, { method: request.method ?? 'GET', path, host, headers });
    const found = match?.route.service && running.snapshot.services.get(match.route.service.id);
    const service = found ?? NO_SERVICE;
    const route = (found && match?.route) ?? NO_ROUTE;
    const began = performance.now();
    const measure = measureSizes(request.socket);
    const stripped = route.strip_path ? path.slice(match?.prefix.length) : path;
    const context: RequestContext = {
      snapshot: running.snapshot,
      id,
      startedAtMs: Date.now(),
      sizes: { request: 0, response: 0 },
      request,
      response,
      clientIp: request.socket.remoteAddress ?? HOST,
      phase: 'access',
      method: request.method ?? 'GET',
      rawPath,
      rawQuery,
      headers,
      route,
      strippedPrefix: route.strip_path ? (match?.prefix ?? '').replace(/\/$/, '') : '',
      service,
      shared: new Map(),
      nginxCtx: new Map(),
      upstream: {
        scheme: service.protocol,
        host: service.host,
        isAddress: isIP(service.host) !== 0,
        port: service.port,
        path: escapePath(join(service.path ?? '', stripped, path)),
        query: rawQuery,
        method: request.method ?? 'GET',
      },
      upgrade:
        request.httpVersion === '1.1' && headers.get('upgrade')?.toLowerCase() === 'websocket' ? 'websocket' : '',
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
    if (found === undefined) await send(context, kongError({ id, headers }, 404, 'no Route matched with those values'));
    else await answer(context);
    context.endedAtMs = Date.now();
    context.sizes = measure();
    const ms = performance.now() - began;
    options.onRequest({
      method: context.method,
      path: rawPath,
      consumer: context.consumer?.username,
      status: context.sentStatus,
      ms,
    });
    setImmediate(() => void runLogPhase(context));
  }

  /** Runs access, the service and response, and writes what came of it. */
  async function answer(context: RequestContext): Promise<void> {
    await runPhase('access', context);
    if (isBrokenOff(context)) return breakOff(context);
    if (context.exit !== undefined) return send(context, context.exit);
    context.buffered = context.upgrade === '' && active(context).some(({ plugin }) => plugin.response !== undefined);
    if (context.buffered && !BUFFERED_METHODS.has(context.upstream.method)) context.upstream.method = 'GET';
    const sentAt = performance.now();
    const received = await proxy.send(context).catch((error: Error) => {
      if (isBrokenOff(context)) return undefined;
      throw error;
    });
    if (received === undefined) return breakOff(context);
    context.latencies.proxy = Math.round(performance.now() - sentAt);
    if (received === TUNNELLED) {
      context.source = 'service';
      context.sentStatus = 101;
      return;
    }
    if (!(received instanceof IncomingMessage)) {
      // Measured: where the answer is buffered, Kong answers for a service that fails as a plugin would.
      if (context.buffered) context.source = 'exit';
      return send(context, { ...received, headers: merge(received.headers, context.early) });
    }
    context.source = 'service';
    context.serviceStatus = received.statusCode ?? 502;
    context.serviceHeaders = answerHeaders(received);
    if (!context.buffered) return stream(context, received);
    const body = await readAll(received);
    if (body === undefined) {
      // As Kong: no response handler runs, and the status stays, whatever it says (measured).
      context.source = 'exit';
      const failure = nginxError(context, context.serviceStatus);
      delete context.serviceStatus;
      return send(context, { ...failure, headers: merge(failure.headers, context.early) });
    }
    context.serviceBody = body;
    context.answer = {
      status: context.earlyStatus ?? context.serviceStatus,
      headers: mergeService(context, 'replace'),
      body: context.serviceBody,
    };
    context.phase = 'response';
    await runPhase('response', context);
    const exit: Answer | undefined = context.exit;
    await send(context, exit ?? context.answer);
  }

  async function runPhase(phase: 'access' | 'response', context: RequestContext): Promise<void> {
    for (const plugin of plugins) {
      const handler = plugin[phase];
      const entity = handler && configurationFor(plugin.name, context);
      if (handler === undefined || entity === undefined) continue;
      try {
        await handler(context, entity);
      } catch (error) {
        options.log('err', `[${plugin.name}] ${(error as Error).message}`);
        context.source = 'error';
        const failure = kongError(context, 500, 'An unexpected error occurred');
        context.exit = { ...failure, headers: merge(failure.headers, context.early) };
      }
      if (context.exit === undefined) continue;
      if (context.source !== 'error') context.source = 'exit';
      return;
    }
  }

  async function runLogPhase(context: RequestContext): Promise<void> {
    context.phase = 'log';
    for (const { plugin, entity } of active(context)) {
      await Promise.resolve(plugin.log?.(context, entity)).catch((error: Error) => {
        options.log('err', `[${plugin.name}] ${error.message}`);
      });
    }
  }

  function active(context: RequestContext): { plugin: GatewayPlugin; entity: PluginEntity }[] {
    return plugins.flatMap((plugin) => {
      const entity = configurationFor(plugin.name, context);
      return entity === undefined ? [] : [{ plugin, entity }];
    });
  }

  async function stream(context: RequestContext, received: IncomingMessage): Promise<void> {
    const { response } = context;
    const headers = mergeService(context, 'add');
    context.sentStatus = context.earlyStatus ?? received.statusCode ?? 502;
    context.sentHeaders = headers;
    addKongHeaders(headers, context.id, context.latencies.proxy);
    response.writeHead(context.sentStatus, received.statusMessage ?? '', headers.raw() as never);
    await new Promise<void>((resolve) => {
      received.on('error', () => response.destroy());
      received.on('aborted', () => response.destroy());
      response.on('close', resolve);
      received.pipe(response);
      if (response.destroyed) resolve();
    });
  }

  async function send(context: RequestContext, answer: Answer): Promise<void> {
    context.sentStatus = answer.status;
    context.sentHeaders = answer.headers;
    context.request.resume();
    if (context.response.destroyed) return;
    await write(context.response, answer, context.id, context.latencies.proxy);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: HOST, backlog: BACKLOG }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of taken) socket.destroy();
        proxy.close();
      }),
  };
}

/** Whether the client has gone before its request was complete. */
function isBrokenOff({ request }: RequestContext): boolean {
  return request.destroyed && !request.complete;
}

/** nginx calls such a request bad, and nobody gets to hear it. */
function breakOff(context: RequestContext): void {
  context.source = 'error';
  context.sentStatus = 400;
}

/** What earlier requests of a connection took, so that each is counted for itself. */
const counted = new WeakMap<Socket, { read: number; written: number }>();

/** @returns what the request that begins here has taken when it is asked */
function measureSizes(socket: Socket): () => { request: number; response: number } {
  return () => {
    const before = counted.get(socket) ?? { read: 0, written: 0 };
    const { bytesRead: read, bytesWritten: written } = socket;
    counted.set(socket, { read, written });
    return { request: read - before.read, response: written - before.written };
  };
}

/** The configuration of a plugin that holds for a request, the most specific first (Kong's precedence). */
function configurationFor(
  name: string,
  { route, service, consumer, snapshot }: RequestContext,
): PluginEntity | undefined {
  let best: PluginEntity | undefined;
  let bestRank = -1;
  for (const plugin of snapshot.plugins) {
    if (plugin.name !== name || !plugin.enabled) continue;
    if (plugin.routeId !== undefined && plugin.routeId !== route.id) continue;
    if (plugin.serviceId !== undefined && plugin.serviceId !== service.id) continue;
    if (plugin.consumerId !== undefined && plugin.consumerId !== consumer?.id) continue;
    const rank = (plugin.consumerId ? 4 : 0) + (plugin.routeId ? 2 : 0) + (plugin.serviceId ? 1 : 0);
    if (rank > bestRank) [best, bestRank] = [plugin, rank];
  }
  return best;
}

async function write(response: ServerResponse, answer: Answer, id: string, proxyMs = -1): Promise<void> {
  const headers = answer.headers.clone();
  addKongHeaders(headers, id, proxyMs);
  if (!headers.has('server')) headers.set('Server', ['kong/3.9.3']);
  const bodiless = answer.status === 204 || answer.status === 304;
  if (!bodiless) headers.set('Content-Length', [String(answer.body.length)]);
  response.writeHead(answer.status, headers.raw() as never);
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.on('close', resolve);
    response.end(bodiless ? undefined : answer.body, resolve);
  });
}

/** @param proxyMs how long the service took; -1 if it was not asked */
function addKongHeaders(headers: HeaderList, id: string, proxyMs: number): void {
  if (proxyMs >= 0) {
    headers.set('Via', ['1.1 kong/3.9.3']);
    headers.set('X-Kong-Upstream-Latency', [String(proxyMs)]);
  }
  headers.set('X-Kong-Request-Id', [id]);
}

/**
 * The service's headers and those that plugins set before. Where both have one that the PDK set in access, the client gets
 * both, the plugin's first; on a buffered route only the service's (measured).
 */
function mergeService(
  { serviceHeaders = new HeaderList(), early, setInAccess }: RequestContext,
  how: 'add' | 'replace',
) {
  const merged = merge(serviceHeaders, early);
  for (const name of setInAccess) {
    const own = serviceHeaders.all(name);
    if (own.length > 0) merged.set(name, how === 'add' ? [...early.all(name), ...own] : own);
  }
  return merged;
}

function merge(headers: HeaderList, over: HeaderList): HeaderList {
  const merged = headers.clone();
  for (const name of new Set(over.entries().map(([own]) => own))) merged.set(name, over.all(name));
  return merged;
}

/** The whole body; undefined if the service breaks off. */
async function readAll(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The path for the service (kong/router/utils.lua, path_handling v0): no slash is added that the client did not send. */
function join(base: string, path: string, requestPath: string): string {
  if (base === '' || base === '/') return path.startsWith('/') ? path : `/${path}`;
  const prefix = base.replace(/\/$/, '');
  if (path === '' || (requestPath === '/' && prefix === base))
    return requestPath.length > 1 && requestPath.endsWith('/') ? `${prefix}/` : prefix;
  return path.startsWith('/') ? `${prefix}${path}` : `${prefix}/${path}`;
}
