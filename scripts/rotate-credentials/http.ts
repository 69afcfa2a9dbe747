/** HTTP calls that come to an end: repeated while that may help, timed, and never with a secret in what they throw. */

import { errorCode } from '../../plugins/shared/error-code.js';
import { property } from '../../plugins/shared/property.js';
import { parseRetryAfter } from '../../plugins/shared/retry-after.js';
import { isSecureUrl } from '../../plugins/shared/secure-url.js';
import { backoffMs, isTransient } from './backoff.js';
import type { Effects, HttpAnswer, HttpRequest } from './effects.js';

/** Attempts for a call, the first included. */
const MAX_ATTEMPTS = 6;
const TIMEOUT_MS = 15_000;

/** An answer that is not a success; its body is not in the message, since it may repeat what was sent. */
export class HttpError extends Error {
  readonly status: number;
  /** Of a JSON error body. */
  readonly code: string | undefined;
  readonly body: unknown;

  constructor(what: string, status: number, body: unknown) {
    const code = property(body, 'code') ?? property(body, 'error');
    super(`${what} answered ${status}${typeof code === 'string' ? ` ${code.slice(0, 80)}` : ''}`);
    this.name = 'HttpError';
    this.status = status;
    this.code = typeof code === 'string' ? code : undefined;
    this.body = body;
  }
}

/** No answer: whether the call was done is unknown. */
export class NoAnswerError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what} gave no answer (${errorCode(cause)})`);
    this.name = 'NoAnswerError';
  }
}

export interface Call {
  method: string;
  url: string;
  headers?: Record<string, string>;
  /** Sent as JSON, unless it is URLSearchParams. */
  body?: unknown;
  /** Whether a call without an answer, or with a 5xx, may be made again; default true. */
  repeatable?: boolean;
  attempts?: number;
}

/** How calls went: for the figures at the end. */
export interface CallFigures {
  /** Milliseconds of each attempt that had an answer. */
  latencies: number[];
  retries: number;
}

export interface Http {
  /** @returns the parsed JSON, or undefined for an empty body. @throws HttpError, NoAnswerError */
  call(call: Call): Promise<unknown>;
  figures: CallFigures;
}

export function createHttp(effects: Effects): Http {
  const figures: CallFigures = { latencies: [], retries: 0 };

  async function attempt(request: HttpRequest, what: string): Promise<HttpAnswer | NoAnswerError> {
    const startedAt = effects.nowMs();
    try {
      const answer = await effects.send(request);
      figures.latencies.push(effects.nowMs() - startedAt);
      return answer;
    } catch (error) {
      return new NoAnswerError(what, error);
    }
  }

  return {
    figures,
    async call({ method, url, headers = {}, body, repeatable = true, attempts = MAX_ATTEMPTS }) {
      const what = `${method} ${nameOf(url)}`;
      const form = body instanceof URLSearchParams;
      const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
      const request: HttpRequest = {
        method,
        url,
        headers: {
          Accept: 'application/json',
          'User-Agent': 'genesys-rotate-credentials',
          ...(body === undefined ? {} : { 'Content-Type': type }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: form ? body.toString() : JSON.stringify(body) }),
        timeoutMs: TIMEOUT_MS,
      };
      for (let count = 1; ; count++) {
        const answer = await attempt(request, what);
        const lost = answer instanceof NoAnswerError;
        if (!lost && answer.status >= 200 && answer.status < 300) return parse(answer.text);
        // 429 says that nothing was done, so even a call that must not be made twice may be made again.
        const again = lost ? repeatable : answer.status === 429 || (repeatable && isThrottledOrTransient(answer));
        if (!again || count >= attempts) {
          throw lost ? answer : new HttpError(what, answer.status, parse(answer.text));
        }
        figures.retries += 1;
        const retryAfterMs = lost ? undefined : parseRetryAfter(answer.header('retry-after'), effects.nowMs());
        await effects.sleep(backoffMs(count, effects.random(), retryAfterMs));
      }
    },
  };
}

/** Genesys' login throttles with 400 "rate limit exceeded". */
function isThrottledOrTransient({ status, text }: HttpAnswer): boolean {
  return isTransient(status) || (status === 400 && /rate limit exceeded/i.test(text));
}

function parse(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Host and path of a URL: a query may hold a secret. */
function nameOf(url: string): string {
  const { host, pathname } = new URL(url);
  return host + pathname;
}

/**
 * Checks a URL that secrets are sent to.
 * @param what it is, for the message
 * @throws Error of one line
 */
export function secureUrl(text: string, what: string): URL {
  if (!URL.canParse(text)) throw new Error(`${what} ${text}: not a URL`);
  const url = new URL(text);
  if (!isSecureUrl(url)) throw new Error(`${what}: must be https, or http on a loopback host`);
  if (url.username !== '' || url.password !== '') throw new Error(`${what}: must not hold credentials`);
  return url;
}
