/**
 * The page of `npm start` (kong/page): as the plugin server's operator port serves it, plus what only development has, the
 * bodies. It shows for one request what Genesys answered, what the client got and what the log wrote. Loopback only.
 */
import { randomBytes } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync, constants, inflateSync, unzipSync } from 'node:zlib';
import type { Exchange, PassedAnswer } from '../kong/local-gateway/index.js';
import { callerOf } from '../kong/plugin-server/caller.js';
import { readBody } from '../kong/plugin-server/operations.js';
import { servePage } from '../kong/plugin-server/page.js';

export interface StartPage {
  url: string;
  /** Takes what passed through the local gateway. */
  note(exchange: Exchange): void;
  close(): Promise<void>;
}

export interface StartPageOptions {
  /** 0 picks a free port. */
  port: number;
  /** The plugin server's operator port. */
  operatorUrl: string;
  /** Where the audit log is. */
  auditPath: string;
  /** Whether requests are noted here; otherwise the plugin server tells of them, without bodies. */
  hasBodies: boolean;
}

/** How many requests are kept: as many as the page shows. */
const KEPT = 100;
/** The entry of a request that was just made is near the end of the log. */
const SEARCHED_BYTES = 4 * 1024 * 1024;
/** A longer text is no help to read. */
const MAX_TEXT_BYTES = 128 * 1024;

/** What the page may ask of the plugin server. */
const FORWARDED = new Set([
  ...['/tokens', '/credentials', '/budgets', '/regions', '/breakers', '/log'].map((path) => `GET ${path}`),
  ...['/try/filter', '/try/audit'].flatMap((path) => [`GET ${path}`, `POST ${path}`]),
]);

/** Names of members whose value is a credential, in answers of logins and of Genesys' OAuth clients. */
const CREDENTIAL = /("(?:access_token|refresh_token|id_token|secret|clientSecret)"\s*:\s*")[^"]*/g;

/**
 * Serves the page on loopback.
 * @throws the error of listen, with code EADDRINUSE if the port is taken
 */
export async function startPage({ port, operatorUrl, auditPath, hasBodies }: StartPageOptions): Promise<StartPage> {
  const run = randomBytes(8).toString('hex');
  let exchanges: Exchange[] = [];
  let noted = 0;

  /** Returns what the operator port of a plugin server would, plus paths. */
  function requestsAfter(query: URLSearchParams): unknown {
    const after = query.get('run') === run ? Number(query.get('after')) || 0 : 0;
    const dropped = noted - exchanges.length;
    const requests = exchanges
      .slice(Math.max(0, after - dropped))
      .map(({ serviceAnswer, clientAnswer, ...request }) => request);
    return { run, next: noted, skipped: after === 0 ? 0 : Math.max(0, dropped - after), bodies: true, requests };
  }

  async function detailsOf(id: string): Promise<unknown> {
    const exchange = exchanges.find((one) => one.id === id);
    return {
      bodies: exchange !== undefined,
      service: exchange?.serviceAnswer === undefined ? null : readable(exchange.serviceAnswer),
      client: exchange === undefined ? null : readable(exchange.clientAnswer),
      log: (await findEntry(auditPath, id).catch(() => undefined)) ?? null,
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const { isOfThisMachine, page } = callerOf(request);
    if (!isOfThisMachine || page === 'foreign') return send(403, { message: 'for this machine only' });
    const { pathname, search, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET' && servePage(pathname, response)) return;
    if (request.method === 'GET' && hasBodies && pathname === '/requests')
      return send(200, requestsAfter(searchParams));
    const id = /^\/requests\/([0-9a-f]{32})$/.exec(pathname)?.[1];
    if (request.method === 'GET' && id !== undefined) return send(200, await detailsOf(id));
    const isForwarded = FORWARDED.has(`${request.method} ${pathname}`) || pathname === '/requests';
    if (!isForwarded) return send(404, { message: 'no such page' });
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const answered = await fetch(`${operatorUrl}${pathname}${search}`, {
      method: request.method ?? 'GET',
      ...(body && { body }),
    });
    send(answered.status, await answered.json());
  }

  const server = createServer((request, response) => {
    // The plugin server may be away for a moment, as in a reload.
    answer(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(503);
      response.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    note(exchange) {
      noted += 1;
      exchanges.push(exchange);
      if (exchanges.length > KEPT) exchanges = exchanges.slice(-KEPT);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer as text, without compression and without credentials. */
function readable({ status, headers, body, bytes }: PassedAnswer) {
  const isCut = bytes > body.length;
  const encoding = headers.find(([name]) => name.toLowerCase() === 'content-encoding')?.[1];
  const plain = decompressed(body, encoding);
  const text = plain === undefined ? `(${bytes} bytes of ${encoding})` : plain.subarray(0, MAX_TEXT_BYTES).toString();
  return {
    status,
    headers,
    body: text.replace(CREDENTIAL, '$1(not shown)'),
    cut: isCut || (plain?.length ?? 0) > MAX_TEXT_BYTES,
  };
}

/** Decompresses the beginning of a body as far as it goes; undefined if it is in a coding that is not known. */
function decompressed(body: Buffer, encoding = 'identity'): Buffer | undefined {
  const flush = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * MAX_TEXT_BYTES };
  try {
    if (encoding === 'identity') return body;
    if (encoding === 'gzip') return unzipSync(body, flush);
    if (encoding === 'deflate') return inflateSync(body, flush);
    if (encoding === 'br') return brotliDecompressSync(body, { finishFlush: constants.BROTLI_OPERATION_FLUSH });
  } catch {}
  return undefined;
}

/** Finds the line of a request near the end of the audit log. */
async function findEntry(path: string, id: string): Promise<string | undefined> {
  const { size } = await stat(path);
  const begin = Math.max(0, size - SEARCHED_BYTES);
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - begin), 0, size - begin, begin);
    // What follows the last line feed is being written.
    const lines = buffer.subarray(0, bytesRead).toString().split('\n').slice(0, -1);
    return lines.findLast((line) => line.includes(`"${id}"`));
  } finally {
    await file.close();
  }
}
