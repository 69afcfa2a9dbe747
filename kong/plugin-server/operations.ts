/**
 * The operator's port (`--metrics HOST:PORT`): metrics, and in JSON the plugin's state and its operations. It has no
 * password. Where the address is not a loopback one, others get metrics and readiness and nothing else; requests from a page
 * in a browser are refused.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isLoopback } from '../../plugins/shared/loopback.js';
import type { Operation } from '../../plugins/shared/plugin.js';
import type { Metrics } from './metrics.js';

/** How often a taken port is tried again. During a reload the leaving process still has it. */
const RETRY_MS = 1000;

/** The base for parsing paths. No request goes there. */
const BASE_URL = 'http://localhost';

export interface OperationsServer {
  close(): void;
}

/** Serves a plugin's operations. If the port is taken, logs one line and waits for it. */
export function serveOperations(
  operations: readonly Operation[],
  metrics: Metrics,
  { host, port }: { host: string; port: number },
  log: (line: string) => void,
): OperationsServer {
  const isOpen = !isLoopback(host);
  const server = createServer((request, response) => void answer({ operations, metrics, isOpen }, request, response));
  let retry: NodeJS.Timeout | undefined;
  let told = false;
  const listen = (): void => {
    server.listen({ host, port });
  };
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (!told) log(`--metrics ${host}:${port} cannot be served (${error.code}); trying again until it can`);
    told = true;
    retry = setTimeout(listen, RETRY_MS);
    retry.unref();
  });
  listen();
  // It must not keep a process alive that has nothing else to do.
  server.unref();
  return {
    close() {
      clearTimeout(retry);
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Served {
  operations: readonly Operation[];
  metrics: Metrics;
  /** Whether others than this machine reach the port. */
  isOpen: boolean;
}

async function answer(
  { operations, metrics, isOpen }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  const target = request.url ?? '/';
  // A browser sends Origin with every POST. With DNS rebinding, a page chooses what it sends as Host.
  const isOfThisMachine = isLoopbackHost(request.headers.host) && isLoopbackPeer(request.socket.remoteAddress);
  const isForAll = isOpen && request.method === 'GET' && /^\/(metrics|ready)(\?|$)/.test(target);
  if (request.headers.origin !== undefined || !(isOfThisMachine || isForAll)) {
    send(403, { message: 'for programs on this machine only' });
    return;
  }
  if (!URL.canParse(target, BASE_URL)) return send(400, { message: 'no path' });
  const { pathname, searchParams } = new URL(target, BASE_URL);
  // A leaving process has closed the port: whoever answers is ready.
  if (request.method === 'GET' && pathname === '/ready') return send(200, { ready: true });
  if (request.method === 'GET' && pathname === '/metrics') {
    const rendered = await metrics.render().catch(() => undefined);
    if (rendered === undefined) return send(500, { message: 'the metrics cannot be told' });
    response.writeHead(200, { 'Content-Type': rendered.contentType, 'Cache-Control': 'no-store' });
    response.end(rendered.text);
    return;
  }
  const here = operations.filter(({ path }) => path === pathname);
  const operation = here.find(({ method }) => method === request.method);
  if (operation === undefined) {
    const paths = ['GET /metrics', 'GET /ready', ...operations.map(({ method, path }) => `${method} ${path}`)];
    send(here.length === 0 ? 404 : 405, { message: `known are: ${paths.join(', ')}` });
    return;
  }
  try {
    const { status, body } = await operation.run(searchParams);
    send(status, body);
  } catch {
    // The error may contain a secret.
    send(500, { message: 'the operation failed' });
  }
}

/** Returns whether a Host header names this machine. */
function isLoopbackHost(header: string | undefined): boolean {
  return isLoopback((header ?? '').replace(/:\d+$/, ''));
}

/** Returns whether a connection comes from this machine. IPv4 has a prefix where the port also listens for IPv6. */
function isLoopbackPeer(address = ''): boolean {
  return address === '::1' || isLoopback(address.replace(/^::ffff:/, ''));
}
