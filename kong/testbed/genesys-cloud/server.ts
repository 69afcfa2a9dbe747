/**
 * One region: a request from its socket to its answer. The path decides who it is for: /_control/... the control API,
 * /oauth/authorize and /oauth/token the login host, everything else the API host. Of the latter two, every request for
 * a token or to the API is filed and counted when
 * its headers are there, then read, then meets faults, stubs, and the simulated service, in this order.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Answer, ApiError, errorAnswer, notFound } from './answer.js';
import { decodeParameters, type RouteMatch, type Router } from './api/router.js';
import { type AuthorizationCodes, type AuthorizationServices, answerAuthorize } from './authorization.js';
import { parseBasic } from './basic-auth.js';
import type { ControlledParts } from './control.js';
import { faultAnswer, latencyOf } from './faults.js';
import { answerLogin } from './login.js';
import { rateLimitHeaders, tooManyRequests } from './rate-limit.js';
import { redactedHeaders, redactedQuery } from './redact.js';
import type { ReceivedRequest } from './requests.js';
import { type Compression, sendAnswer } from './send.js';
import type { PreparedStub } from './stubs.js';
import type { IssuedToken } from './tokens.js';
import { isOver, waitMs } from './wait.js';

export interface RegionParts extends ControlledParts {
  router: Router;
  codes: AuthorizationCodes;
  users: AuthorizationServices['users'];
  /** Answers a request below /_control. */
  answerControl(
    method: string,
    path: string,
    query: URLSearchParams,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ): Answer;
}

/** Larger bodies are read, counted and refused with 413. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** What the head of a request says; all that is needed to file it. */
interface Received {
  kind: 'login' | 'api';
  method: string;
  path: string;
  query: string;
  correlationId: string;
  stub: PreparedStub | undefined;
  match: RouteMatch | undefined;
  /** The live token that was sent. */
  token: IssuedToken | undefined;
}

/** Creates the HTTP server of a region; it does not listen yet. */
export function createRegionServer(parts: RegionParts): Server {
  const server = createServer((request, response) => {
    // Broken connections are an everyday thing here; the log has them as unanswered.
    handle(parts, request, response).catch((error: unknown) => {
      if (!response.headersSent && !response.destroyed) {
        const failure = new ApiError(500, 'internal.server.error', `The simulator failed: ${String(error)}`);
        void sendAnswer(request, response, errorAnswer(failure, randomUUID()), {
          compression: undefined,
          fault: undefined,
          onStart: () => undefined,
        });
      } else response.destroy();
    });
  });
  // A gateway keeps connections open for as long as 60 s; the side that closes first must not be this one.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;
  return server;
}

async function handle(parts: RegionParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark + 1);
  const method = request.method ?? 'GET';

  if (path === '/_control' || path.startsWith('/_control/')) {
    const { body } = await readBody(request);
    const answer = parts.answerControl(method, path, new URLSearchParams(query), request.headers, body);
    await sendAnswer(request, response, answer, {
      compression: undefined,
      fault: undefined,
      onStart: () => undefined,
    });
    return;
  }

  if (path === '/oauth/authorize' && method === 'GET') {
    await sendAnswer(request, response, answerAuthorize(new URLSearchParams(query), parts), {
      compression: undefined,
      fault: undefined,
      onStart: () => undefined,
    });
    return;
  }

  const received = receive(parts, request, method, path, query);
  const record = file(parts, request, received);
  response.on('close', () => parts.log.ended(record));

  const { body, tooLarge } = await readBody(request, (bytes) => {
    record.bodyBytes = bytes;
  });
  if (received.kind === 'api' && record.bodyBytes > 0) {
    record.bodySha256 = createHash('sha256').update(body).digest('hex');
  }

  const fault = parts.faults.take(received.kind, path);
  if (fault !== undefined) {
    // Listened for before any wait: what is cleared in between must not hang for ever.
    const cleared = fault.hang ? parts.faults.cleared(received.kind, response) : undefined;
    await waitMs(latencyOf(fault), response);
    await cleared;
    if (isOver(response)) return;
    if (fault.drop) {
      request.socket.destroy();
      return;
    }
  }
  const { stub } = received;
  if (stub?.stub.delayMs !== undefined) await waitMs(stub.stub.delayMs, response);
  if (isOver(response)) return;

  const faulty = fault === undefined ? undefined : faultAnswer(received.kind, fault, received.correlationId);
  const answer = faulty ?? (await answerOf(parts, request, received, record, body, tooLarge));
  const headers = { 'inin-correlation-id': received.correlationId, ...answer.headers };
  await sendAnswer(
    request,
    response,
    { ...answer, headers },
    {
      compression: faulty === undefined ? compressionOf(parts, received) : undefined,
      fault,
      onStart(status) {
        parts.log.answered(record, status);
        countUse(parts, received, record, status);
      },
    },
  );
}

/** Counts a request for Genesys' report of use: those with a live token. */
function countUse(
  { usage }: RegionParts,
  { stub, match }: Received,
  { kind, method, authorized, clientId, at }: ReceivedRequest,
  status: number,
): void {
  if (kind !== 'api' || !authorized || clientId === undefined) return;
  const templateUri = stub?.stub.path ?? match?.pattern ?? '(unknown)';
  usage.add({
    day: new Date(at).toISOString().slice(0, 10),
    clientId,
    templateUri,
    httpMethod: method,
    status,
    requests: 1,
  });
}

function receive(parts: RegionParts, request: IncomingMessage, method: string, path: string, query: string): Received {
  const kind = path === '/oauth/token' ? 'login' : 'api';
  const value = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = value === undefined ? undefined : parts.tokens.find(value);
  return {
    kind,
    method,
    path,
    query,
    correlationId: randomUUID(),
    stub: parts.stubs.take(method, path),
    match: kind === 'api' ? parts.router.find(method, path) : undefined,
    token: kind === 'api' && token !== undefined && isUsable(parts, token) ? token : undefined,
  };
}

/** A live token, unless its OAuth client is deactivated. Security keys are tokens of no client. */
function isUsable({ tokens, clients }: RegionParts, token: IssuedToken): boolean {
  return tokens.isLive(token) && clients.get(token.clientId)?.state !== 'inactive';
}

/** Files the request in the log, credentials redacted. */
function file(parts: RegionParts, request: IncomingMessage, received: Received): ReceivedRequest {
  const { clients, tokens, log } = parts;
  const { kind, method, path, token, stub, match } = received;
  const pattern = stub?.stub.path ?? match?.pattern ?? '(unknown)';
  const basicId = kind === 'login' ? parseBasic(request.headers.authorization)?.clientId : undefined;
  const clientId = token?.clientId ?? (basicId !== undefined && clients.has(basicId) ? basicId : undefined);
  return log.arrive(
    {
      at: Date.now(),
      kind,
      method,
      path,
      query: redactedQuery(received.query),
      headers: redactedHeaders(request, {
        tokenOrdinal: (value) => tokens.find(value)?.ordinal,
        isClient: (id) => clients.has(id),
      }),
      ...(clientId === undefined ? {} : { clientId }),
      ...(token === undefined ? {} : { tokenIndex: token.ordinal }),
      authorized: token !== undefined,
    },
    pattern,
  );
}

/** The answer of stub, login or API. */
async function answerOf(
  parts: RegionParts,
  request: IncomingMessage,
  received: Received,
  record: ReceivedRequest,
  body: Buffer,
  tooLarge: boolean,
): Promise<Answer> {
  const { stub, token, kind, correlationId } = received;
  if (kind === 'login' && stub === undefined) {
    const login = answerLogin(
      {
        method: received.method,
        authorization: request.headers.authorization,
        contentType: request.headers['content-type'],
        origin: request.headers.origin,
        address: request.socket.remoteAddress ?? '',
        body,
      },
      { ...parts, tokenLifetimeSeconds: () => parts.settings.tokenLifetimeSeconds },
    );
    if (login.token !== undefined) parts.log.tokenIssued(record, login.token.clientId, login.token.ordinal);
    return login.answer;
  }
  if (stub?.anonymous) return stubAnswer(stub);

  let limitHeaders: Record<string, string> = {};
  try {
    if (token === undefined) throw unauthorized(request);
    parts.tokens.use(token);
    const { method, path } = received;
    const limit = parts.rateLimiter.take({ tokenOrdinal: token.ordinal, method, path });
    if (parts.settings.rateLimitHeaders) limitHeaders = rateLimitHeaders(limit);
    if (limit.exceeded) {
      parts.log.rateLimited(record);
      throw tooManyRequests(limit);
    }
    if (tooLarge) throw new ApiError(413, 'request.entity.too.large', 'The request is over the size limit.');
    const answer = stub === undefined ? await apiAnswer(received, token, body) : stubAnswer(stub);
    return { ...answer, headers: { ...limitHeaders, ...answer.headers } };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const answer = errorAnswer(error, correlationId);
    return { ...answer, headers: { ...limitHeaders, ...answer.headers } };
  }
}

function apiAnswer(received: Received, token: IssuedToken, body: Buffer): Answer | Promise<Answer> {
  const { match, method, path, query } = received;
  if (match === undefined) throw notFound();
  if (match.route === undefined) {
    throw new ApiError(405, 'method.not.allowed', `HTTP 405 Method Not Allowed: ${method}`, {
      allow: match.allowed.join(', '),
    });
  }
  return match.route.handle({
    method,
    path,
    parameters: decodeParameters(match.parameters),
    query: new URLSearchParams(query),
    body,
    token,
  });
}

function stubAnswer({ stub, body }: PreparedStub): Answer {
  return {
    status: stub.status ?? 200,
    ...(stub.headers === undefined ? {} : { headers: stub.headers }),
    ...(body === undefined ? {} : { body }),
  };
}

/** Genesys' two kinds of 401: nothing sent, or something that is no live token. */
function unauthorized(request: IncomingMessage): ApiError {
  return /^bearer +\S/i.test(request.headers.authorization ?? '')
    ? new ApiError(401, 'bad.credentials', 'Invalid login credentials.')
    : new ApiError(401, 'authentication.required', 'No authentication bearer token specified in authorization header.');
}

function compressionOf(parts: RegionParts, received: Received): Compression | undefined {
  if (received.stub !== undefined) {
    const { encoding, ignoreAcceptEncoding } = received.stub.stub;
    return encoding === undefined ? undefined : { encoding, always: ignoreAcceptEncoding ?? false };
  }
  return parts.settings.compression && received.kind === 'api' ? { encoding: 'gzip', always: false } : undefined;
}

/** Reads a body to its end; what is over the limit is counted and thrown away. */
async function readBody(
  request: IncomingMessage,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<{ body: Buffer; tooLarge: boolean }> {
  // Most requests have no body, and an async iterator for them would be their largest cost.
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) {
    request.resume();
    return { body: Buffer.alloc(0), tooLarge: false };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    onBytes(bytes);
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), tooLarge: bytes > MAX_BODY_BYTES };
}
