/**
 * The operator's port (`--metrics HOST:PORT`): metrics, in JSON the plugin's state and its operations, and a page that
 * shows them (page.ts). It has no password. Where the address is not a loopback one, others get metrics and readiness and
 * nothing else. Its own page may read, and what else a page in a browser sends is refused.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isLoopback } from '../../plugins/shared/loopback.js';
import type { Operation } from '../../plugins/shared/plugin.js';
import { callerOf } from './caller.js';
import type { Metrics } from './metrics.js';
import { servePage } from './page.js';

/** How often a taken port is tried again. During a reload the leaving process still has it. */
const RETRY_MS = 1000;

/** The longest body that the page may send to try rules on. */
const MAX_BODY_BYTES = 1024 * 1024;

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
  const { isOfThisMachine, page } = callerOf(request);
  const isForAll = isOpen && request.method === 'GET' && /^\/(metrics|ready)(\?|$)/.test(target);
  if (!(isOfThisMachine || isForAll) || page === 'foreign') {
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
  if (request.method === 'GET' && servePage(pathname, response)) return;
  const here = operations.filter(({ path }) => path === pathname);
  const operation = here.find(({ method }) => method === request.method);
  if (page === 'own' && operation !== undefined && operation.method !== 'GET' && operation.isForPage !== true) {
    return send(403, { message: 'the page only reads' });
  }
  if (operation === undefined) {
    const paths = ['GET /', 'GET /metrics', 'GET /ready', ...operations.map(({ method, path }) => `${method} ${path}`)];
    send(here.length === 0 ? 404 : 405, { message: `known are: ${paths.join(', ')}` });
    return;
  }
  try {
    const sent = operation.isForPage === true ? await readBody(request) : Buffer.alloc(0);
    if (sent === undefined) return send(413, { message: `a body has ${MAX_BODY_BYTES} bytes at most` });
    const { status, body } = await operation.run(searchParams, sent);
    send(status, body);
  } catch {
    // The error may contain a secret.
    send(500, { message: 'the operation failed' });
  }
}

/** Reads the body of a request from a page; undefined if it is too long. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // What comes is still read, so that the client gets to read the answer.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
}
