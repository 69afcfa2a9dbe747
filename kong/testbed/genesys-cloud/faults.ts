/**
 * Faults on demand: what makes the login or the API slow, failing, silent or dropping connections. A fault is data;
 * the server asks for the one that applies to a request and acts on it.
 */
import type { ServerResponse } from 'node:http';
import { type Answer, ApiError, errorAnswer, json } from './answer.js';
import { compilePathPattern, type PathMatcher } from './path-pattern.js';
import { isOver } from './wait.js';

export type FaultTarget = 'login' | 'api';

/** A fault. Several effects may be combined, such as a latency and a status. */
export interface Fault {
  /** Wait before the answer, in ms; a range is drawn from evenly. */
  latencyMs?: number | { min: number; max: number };
  /** Answer with this status instead of doing the work. */
  status?: number;
  /** Retry-After of that answer, in seconds. */
  retryAfterSeconds?: number;
  /** Body of that answer: text as it is, anything else as JSON. Without it, an error body in Genesys' shape. */
  body?: unknown;
  /** Read the request, then destroy the connection without an answer. */
  drop?: boolean;
  /** Send the headers and half of the body, then destroy the connection. */
  dropMidBody?: boolean;
  /** Send the body slowly: so many bytes a second, or a pause after each chunk. */
  slowBody?: { bytesPerSecond: number } | { chunkBytes: number; chunkDelayMs: number };
  /** Do not answer until the fault is cleared (then the request is served) or the simulator closes. */
  hang?: boolean;
  /** Login only: 400 invalid_request "rate limit exceeded; ...". */
  throttle?: boolean;
  /** Login only: 200 without an access_token. */
  noToken?: boolean;
  /** Login only: refuse the client, whatever its secret. */
  invalidClient?: boolean;
  /** Applies to so many requests, then is gone. */
  times?: number;
  /** Applies to this share of the requests, 0 to 1. */
  probability?: number;
  /** API only: a path pattern; without it the fault applies to every path. */
  path?: string;
}

/** A fault that was set, with the number of requests it still applies to (`null`: no end). */
export interface ActiveFault {
  target: FaultTarget;
  fault: Fault;
  remaining: number | null;
}

export interface FaultStore {
  /** Sets a fault; it takes the place of an earlier one of the same target and path. */
  set(target: FaultTarget, fault: Fault): void;
  /** Removes the faults of a target, or all, and lets hanging requests go on. */
  clear(target?: FaultTarget): void;
  /** The fault that applies to a request, one with a path before one without; counts `times` down. */
  take(target: FaultTarget, path: string): Fault | undefined;
  list(): ActiveFault[];
  /** Resolves when the faults of the target are cleared, or the response is closed. */
  cleared(target: FaultTarget, response: ServerResponse): Promise<void>;
}

export function createFaultStore(): FaultStore {
  let entries: (ActiveFault & { matches: PathMatcher | undefined })[] = [];
  const hanging = new Set<{ target: FaultTarget; resume: () => void }>();

  return {
    set(target, fault) {
      entries = entries.filter((entry) => entry.target !== target || entry.fault.path !== fault.path);
      entries.push({
        target,
        fault,
        remaining: fault.times ?? null,
        matches: fault.path === undefined ? undefined : compilePathPattern(fault.path),
      });
    },
    clear(target) {
      entries = target === undefined ? [] : entries.filter((entry) => entry.target !== target);
      for (const request of [...hanging]) if (target === undefined || request.target === target) request.resume();
    },
    take(target, path) {
      if (entries.length === 0) return undefined;
      const candidates = entries.filter((entry) => entry.target === target);
      const entry =
        candidates.find((candidate) => candidate.matches?.(path) !== undefined) ??
        candidates.find((candidate) => candidate.matches === undefined);
      if (entry === undefined) return undefined;
      if (entry.fault.probability !== undefined && Math.random() >= entry.fault.probability) return undefined;
      if (entry.remaining !== null) {
        entry.remaining -= 1;
        if (entry.remaining <= 0) entries = entries.filter((other) => other !== entry);
      }
      return entry.fault;
    },
    list: () => entries.map(({ target, fault, remaining }) => ({ target, fault: { ...fault }, remaining })),
    cleared(target, response) {
      if (isOver(response)) return Promise.resolve();
      return new Promise((resolve) => {
        const request = {
          target,
          resume: (): void => {
            hanging.delete(request);
            response.off('close', request.resume);
            resolve();
          },
        };
        hanging.add(request);
        response.on('close', request.resume);
      });
    },
  };
}

/** The wait that a fault asks for, in ms. */
export function latencyOf(fault: Fault): number {
  if (fault.latencyMs === undefined) return 0;
  if (typeof fault.latencyMs === 'number') return fault.latencyMs;
  return fault.latencyMs.min + Math.random() * (fault.latencyMs.max - fault.latencyMs.min);
}

/** Genesys' login throttling: 400, not 429 (seen in the handling of its Terraform provider). */
const THROTTLED = 'rate limit exceeded; please retry your request in a few minutes';

/** The answer that a fault puts in the place of the real one, if it does. */
export function faultAnswer(target: FaultTarget, fault: Fault, correlationId: string): Answer | undefined {
  const headers = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  if (target === 'login') {
    if (fault.throttle) {
      return json(400, { error: 'invalid_request', description: THROTTLED, error_description: THROTTLED }, headers);
    }
    if (fault.noToken) return json(200, { token_type: 'bearer', expires_in: 86_399 }, headers);
    if (fault.invalidClient) {
      const description = 'authentication failed';
      return json(401, { error: 'invalid_client', description, error_description: description }, headers);
    }
  }
  if (fault.status === undefined) return undefined;
  if (typeof fault.body === 'string') return { status: fault.status, headers, body: Buffer.from(fault.body) };
  if (fault.body !== undefined) return json(fault.status, fault.body, headers);
  return errorAnswer(new ApiError(fault.status, ...faultCode(fault.status), headers), correlationId);
}

/** Code and message of Genesys' general errors by status. */
function faultCode(status: number): [code: string, message: string] {
  switch (status) {
    case 401:
      return ['bad.credentials', 'Invalid login credentials.'];
    case 403:
      return ['not.authorized', 'You are not authorized to perform the requested action.'];
    case 404:
      return ['not.found', 'The requested resource was not found.'];
    case 429:
      return ['too.many.requests', 'Rate limit exceeded the maximum.'];
    case 503:
      return ['service.unavailable', 'Service Unavailable - The server is currently unavailable.'];
    case 504:
      return ['authentication.request.timeout', 'Request timeout.'];
    default:
      return status >= 500
        ? ['internal.server.error', 'The server encountered an unexpected condition.']
        : ['bad.request', 'The request could not be understood by the server due to malformed syntax.'];
  }
}
