/** What a client is told: how much is left, or why not and when to come back. Pure. */
import { type GatewayAnswer, gatewayError } from '../../shared/gateway-error.js';
import type { Admission } from './admission.js';
import type { Tightest } from './counting.js';

/** For a Redis that is away: its breaker tries again within seconds. */
const UNAVAILABLE_SECONDS = 1;

/**
 * The RateLimit fields of the limit that a client should mind most, as in draft-ietf-httpapi-ratelimit-headers-06, the
 * last version with three fields; Kong's own rate-limiting uses the same names.
 */
export function rateLimitHeaders({ limit, remaining, resetMs }: Tightest): Record<string, string> {
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(Math.ceil(resetMs / 1000)),
  };
}

/**
 * The answer to a request that does not go on.
 * @param hideHeaders leaves the RateLimit fields out
 */
export function refusalAnswer(
  admission: Exclude<Admission, { kind: 'admitted' }>,
  contextId: string,
  hideHeaders: boolean,
): GatewayAnswer {
  if (admission.kind === 'unavailable') {
    const message = `The gateway cannot count requests at the moment. Retry the request in [${UNAVAILABLE_SECONDS}] seconds`;
    return gatewayError('gateway.quota.unavailable', message, { contextId, retryAfterSeconds: UNAVAILABLE_SECONDS });
  }
  const retryAfterSeconds = Math.max(1, Math.ceil(admission.waitMs / 1000));
  const retry = `Retry the request in [${retryAfterSeconds}] seconds`;
  if (admission.kind === 'closed') {
    const message = `Rate limit exceeded the maximum. ${retry}`;
    return gatewayError('too.many.requests.retry.after', message, { contextId, retryAfterSeconds });
  }
  const message = `Rate limit exceeded the maximum of ${admission.limit}. ${retry}`;
  const answer = gatewayError('gateway.quota.exceeded', message, { contextId, retryAfterSeconds });
  if (!hideHeaders) Object.assign(answer.headers, rateLimitHeaders(admission.tightest));
  return answer;
}
