/**
 * Canned answers for a path, in the place of the simulated API: for shapes, sizes, headers and encodings that the
 * simulated organisation does not produce.
 */
import { compilePathPattern, type PathMatcher } from './path-pattern.js';

export type Encoding = 'gzip' | 'br' | 'deflate';

/** A canned answer. */
export interface Stub {
  /** Every method unless given. */
  method?: string;
  /** A path pattern: `{name}` for one segment, `*` at the end. */
  path: string;
  /** Default 200. */
  status?: number;
  /** Over the simulator's own headers; the content type is application/json unless given. */
  headers?: Record<string, string>;
  /** Text is sent as it is, a Buffer too (in process), anything else as JSON. */
  body?: unknown;
  /** In the place of `body`: a JSON page of entities of exactly this size in bytes (at least 28), uncompressed. */
  bodyBytes?: number;
  /** Compresses the body for clients whose Accept-Encoding names the encoding. */
  encoding?: Encoding;
  /** Compresses whatever the client accepts. */
  ignoreAcceptEncoding?: boolean;
  /** Wait before the answer, ms. */
  delayMs?: number;
  /** Answers without a live token and without counting the rate limit; the default outside of /api/v2/. */
  anonymous?: boolean;
  /** Matches so many requests, then is gone. */
  times?: number;
}

/** A stub with its body made. */
export interface PreparedStub {
  stub: Stub;
  body: Buffer | undefined;
  anonymous: boolean;
}

export interface StubStore {
  /** Adds a stub; it takes the place of an earlier one of the same method and path, and of nothing else. */
  add(stub: Stub): void;
  clear(): void;
  /** The latest stub that matches; counts its `times` down. */
  take(method: string, path: string): PreparedStub | undefined;
  list(): Stub[];
}

/** @param pageOfBytes makes a JSON body of a size */
export function createStubStore(pageOfBytes: (bytes: number) => Buffer): StubStore {
  let entries: (PreparedStub & { matches: PathMatcher; remaining: number })[] = [];
  return {
    add(stub) {
      const isSame = (other: Stub): boolean => other.path === stub.path && other.method === stub.method;
      entries = entries.filter((entry) => !isSame(entry.stub));
      entries.unshift({
        stub,
        body: stub.bodyBytes === undefined ? bodyOf(stub.body) : pageOfBytes(stub.bodyBytes),
        anonymous: stub.anonymous ?? !stub.path.startsWith('/api/v2/'),
        matches: compilePathPattern(stub.path),
        remaining: stub.times ?? Number.POSITIVE_INFINITY,
      });
    },
    clear() {
      entries = [];
    },
    take(method, path) {
      if (entries.length === 0) return undefined;
      const entry = entries.find(
        ({ stub, matches }) =>
          (stub.method === undefined ||
            stub.method.toUpperCase() === method ||
            (method === 'HEAD' && stub.method.toUpperCase() === 'GET')) &&
          matches(path) !== undefined,
      );
      if (entry === undefined) return undefined;
      entry.remaining -= 1;
      if (entry.remaining <= 0) entries = entries.filter((other) => other !== entry);
      return entry;
    },
    list: () => entries.map(({ stub }) => ({ ...stub })),
  };
}

function bodyOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
