/** The answers to requests that are not let through. Pure. */
import type { ErrorAnswer } from '../runtime/step.js';
import type { CheckResult } from './checks/checker.js';
import type { Exclusion } from './consumers.js';

/** In the words of Genesys. RFC 6750 3.1: no error code for a request without a token. */
export const MISSING: ErrorAnswer = {
  code: 'gateway.request.refused',
  message: 'No authentication bearer token specified in authorization header.',
  status: 401,
  headers: { 'WWW-Authenticate': 'Bearer' },
};

export const BOTH: ErrorAnswer = {
  code: 'gateway.request.refused',
  message: "The gateway refuses this request: it has a credential of the gateway and a user's token",
  status: 400,
};

const INVALID: ErrorAnswer = {
  code: 'gateway.request.refused',
  message: 'Invalid login credentials.',
  status: 401,
  headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
};

const USERLESS: ErrorAnswer = {
  code: 'gateway.request.refused',
  message: "The gateway refuses this request: its token is no user's, or may not read its own user",
};

/** Answers a user who may not come in. */
export function excluded(reason: Exclusion): ErrorAnswer {
  return { code: 'gateway.request.refused', message: `The gateway refuses this request: its token is ${reason}` };
}

/** Answers a request whose token is not accepted, or not known. */
export function refusalOf(result: Exclude<CheckResult, { kind: 'owner' }>): ErrorAnswer {
  if (result.kind === 'refused') return result.why === 'invalid' ? INVALID : USERLESS;
  const retryAfterSeconds = Math.max(1, Math.ceil(result.retryAfterMs / 1000));
  const retry = `Retry the request in [${retryAfterSeconds}] seconds`;
  return result.kind === 'failed'
    ? {
        code: 'gateway.token.unavailable',
        message: `The gateway cannot check the token at the moment. ${retry}`,
        retryAfterSeconds,
      }
    : {
        code: 'too.many.requests.retry.after',
        message: `Rate limit exceeded the maximum. ${retry}`,
        retryAfterSeconds,
      };
}
