/**
 * The record of what arrived: the last requests and running counts, for assertions. Requests are counted when they
 * arrive (so that one that is never answered counts too) and statuses when the answer starts. Nothing in a record is a
 * secret or a token: see redact.ts.
 */
import { compilePathPattern } from './path-pattern.js';

/** One received request. `status` is 0 until the answer starts, and stays 0 if none was sent. */
export interface ReceivedRequest {
  id: number;
  /** Arrival, ms since the epoch. */
  at: number;
  kind: 'login' | 'api';
  method: string;
  path: string;
  /** The query string without its question mark; values of secrets are redacted. */
  query: string;
  /** All headers in lower case; an array where a header came more than once. */
  headers: Record<string, string | string[]>;
  bodyBytes: number;
  /** SHA-256 of an API request's body in hex; absent without a body and for login. */
  bodySha256?: string;
  /** Whose token or whose login it was. */
  clientId?: string;
  /** Ordinal of the token that was sent (API) or issued (login). */
  tokenIndex?: number;
  /** API: a live token was sent. Login: a token was issued. */
  authorized: boolean;
  status: number;
}

/** Totals since the start or the last reset. */
export interface Counts {
  tokenRequests: number;
  tokensIssued: number;
  apiRequests: number;
  /** API requests without a live token, also on paths that do not exist. */
  unauthorized: number;
  rateLimited: number;
  /** Requests that were received and whose exchange is not over. */
  inFlight: number;
  /** Exchanges that ended without any answer: dropped, hung, or left by the client. */
  unanswered: number;
  loginByStatus: Record<string, number>;
  apiByStatus: Record<string, number>;
  /** API requests by method and path pattern, such as `GET /api/v2/users/{userId}`. */
  byPath: Record<string, number>;
  /** API requests with a live token, by the token's ordinal. */
  byToken: Record<string, number>;
  /** API requests with a live token, by client. */
  byClient: Record<string, number>;
  /** API requests that carried the header, by its lower-case name. */
  byHeader: Record<string, number>;
}

/** Which requests to list; everything given must hold. */
export interface RequestFilter {
  kind?: 'login' | 'api';
  method?: string;
  /** A path pattern: `{name}` for one segment, `*` at the end. */
  path?: string;
  status?: number;
  authorized?: boolean;
  clientId?: string;
  tokenIndex?: number;
  /** Only requests with a greater id. */
  afterId?: number;
  /** Only the last so many. */
  limit?: number;
}

export interface RequestLog {
  /** Files a request on arrival and counts it; `pattern` is its path pattern. */
  arrive(request: Omit<ReceivedRequest, 'id' | 'status' | 'bodyBytes'>, pattern: string): ReceivedRequest;
  tokenIssued(request: ReceivedRequest, clientId: string, tokenIndex: number): void;
  rateLimited(request: ReceivedRequest): void;
  answered(request: ReceivedRequest, status: number): void;
  /** The exchange is over, answered or not. */
  ended(request: ReceivedRequest): void;
  requests(filter?: RequestFilter): ReceivedRequest[];
  counts(): Counts;
  /** Forgets requests and counts; exchanges under way are no longer counted. */
  reset(): void;
  /** Resolves with the counts as soon as the predicate holds; rejects after `timeoutMs`, naming the counts. */
  waitFor(predicate: (counts: Counts) => boolean, timeoutMs: number): Promise<Counts>;
}

/** Different header names that are counted; a client that sends random names must not fill the memory. */
const COUNTED_NAMES = 2000;

function emptyCounts(): Counts {
  return {
    tokenRequests: 0,
    tokensIssued: 0,
    apiRequests: 0,
    unauthorized: 0,
    rateLimited: 0,
    inFlight: 0,
    unanswered: 0,
    loginByStatus: {},
    apiByStatus: {},
    byPath: {},
    byToken: {},
    byClient: {},
    byHeader: {},
  };
}

function increment(totals: Map<string, number>, name: string): void {
  const before = totals.get(name);
  if (before === undefined && totals.size >= COUNTED_NAMES) return;
  totals.set(name, (before ?? 0) + 1);
}

/** @param capacity how many requests are kept */
export function createRequestLog(capacity: number): RequestLog {
  let kept: ReceivedRequest[] = [];
  let scalar = emptyCounts();
  const newMaps = () => ({
    loginByStatus: new Map<string, number>(),
    apiByStatus: new Map<string, number>(),
    byPath: new Map<string, number>(),
    byToken: new Map<string, number>(),
    byClient: new Map<string, number>(),
    byHeader: new Map<string, number>(),
  });
  let maps = newMaps();
  let current = new WeakSet<ReceivedRequest>();
  let lastId = 0;
  const waiting = new Set<() => void>();

  const counts = (): Counts => ({
    ...scalar,
    loginByStatus: Object.fromEntries(maps.loginByStatus),
    apiByStatus: Object.fromEntries(maps.apiByStatus),
    byPath: Object.fromEntries(maps.byPath),
    byToken: Object.fromEntries(maps.byToken),
    byClient: Object.fromEntries(maps.byClient),
    byHeader: Object.fromEntries(maps.byHeader),
  });
  const changed = (): void => {
    for (const check of [...waiting]) check();
  };

  return {
    arrive(request, pattern) {
      lastId += 1;
      const record: ReceivedRequest = { id: lastId, ...request, bodyBytes: 0, status: 0 };
      kept.push(record);
      // Cut in large steps: shifting one entry per request would cost more than the request.
      if (kept.length >= capacity * 2) kept = kept.slice(-capacity);
      current.add(record);
      scalar.inFlight += 1;
      if (record.kind === 'login') scalar.tokenRequests += 1;
      else {
        scalar.apiRequests += 1;
        increment(maps.byPath, `${record.method} ${pattern}`);
        for (const name of Object.keys(record.headers)) increment(maps.byHeader, name);
        if (record.authorized) {
          if (record.tokenIndex !== undefined) increment(maps.byToken, String(record.tokenIndex));
          if (record.clientId !== undefined) increment(maps.byClient, record.clientId);
        } else scalar.unauthorized += 1;
      }
      changed();
      return record;
    },
    tokenIssued(request, clientId, tokenIndex) {
      request.authorized = true;
      request.clientId = clientId;
      request.tokenIndex = tokenIndex;
      if (!current.has(request)) return;
      scalar.tokensIssued += 1;
      changed();
    },
    rateLimited(request) {
      if (!current.has(request)) return;
      scalar.rateLimited += 1;
      changed();
    },
    answered(request, status) {
      request.status = status;
      if (!current.has(request)) return;
      increment(request.kind === 'login' ? maps.loginByStatus : maps.apiByStatus, String(status));
      changed();
    },
    ended(request) {
      if (!current.delete(request)) return;
      scalar.inFlight -= 1;
      if (request.status === 0) scalar.unanswered += 1;
      changed();
    },
    requests(filter = {}) {
      const matches = filter.path === undefined ? undefined : compilePathPattern(filter.path);
      const method = filter.method?.toUpperCase();
      const found = kept
        .slice(-capacity)
        .filter(
          (request) =>
            (filter.kind === undefined || request.kind === filter.kind) &&
            (method === undefined || request.method === method) &&
            (matches === undefined || matches(request.path) !== undefined) &&
            (filter.status === undefined || request.status === filter.status) &&
            (filter.authorized === undefined || request.authorized === filter.authorized) &&
            (filter.clientId === undefined || request.clientId === filter.clientId) &&
            (filter.tokenIndex === undefined || request.tokenIndex === filter.tokenIndex) &&
            (filter.afterId === undefined || request.id > filter.afterId),
        );
      const limited = filter.limit === undefined ? found : found.slice(Math.max(0, found.length - filter.limit));
      return limited.map((request) => ({ ...request, headers: { ...request.headers } }));
    },
    counts,
    reset() {
      kept = [];
      scalar = emptyCounts();
      maps = newMaps();
      current = new WeakSet();
      changed();
    },
    waitFor(predicate, timeoutMs) {
      return new Promise((resolve, reject) => {
        const finish = (act: () => void): void => {
          clearTimeout(timer);
          waiting.delete(check);
          act();
        };
        const check = (): void => {
          const now = counts();
          try {
            if (predicate(now)) finish(() => resolve(now));
          } catch (error) {
            finish(() => reject(error));
          }
        };
        const timer = setTimeout(() => {
          const message = `The simulator's counts were not as awaited within ${timeoutMs} ms: ${JSON.stringify(counts())}`;
          finish(() => reject(new Error(message)));
        }, timeoutMs);
        waiting.add(check);
        check();
      });
    },
  };
}
