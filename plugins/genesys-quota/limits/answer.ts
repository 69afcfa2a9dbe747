/** The answers to clients: how much is left, or why a request is refused and when to try again. Pure. */
import type { ErrorAnswer } from '../../runtime/step.js';
import type { Config } from '../config.js';
import type { Admission } from './admission.js';
import type { Tightest, WindowUse } from './judgement.js';

/** The wait while Redis is away. Its circuit breaker tries again within seconds. */
const UNAVAILABLE_MS = 1000;
/** The longest jitter: who waits for a month need not wait for days more. */
const MOST_JITTER_SECONDS = 60;

/**
 * Makes the RateLimit fields of the limit that a client should mind most. They follow
 * draft-ietf-httpapi-ratelimit-headers-06, the last version with three fields. Kong's own rate-limiting uses the same
 * names.
 */
export function rateLimitHeaders({ limit, remaining, resetMs }: Tightest): Record<string, string> {
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(Math.ceil(resetMs / 1000)),
  };
}

/** Makes the value of the warning header: a list of limits (RFC 9651), such as `"writes";remaining=9;reset=40`. */
export function warningOf(nearlyUsed: readonly WindowUse[]): string {
  return nearlyUsed
    .map(({ check, remaining, resetMs }) => `"${check.name}";remaining=${remaining};reset=${Math.ceil(resetMs / 1000)}`)
    .join(', ');
}

/**
 * Makes the answer to a request that does not go on. Its wait is told in whole seconds, and never less than it takes.
 * @param random uniform in [0, 1), for the jitter
 */
export function refusalAnswer(
  admission: Exclude<Admission, { kind: 'admitted' }>,
  { hideHeaders, retryJitterPercent }: Pick<Config, 'hideHeaders' | 'retryJitterPercent'>,
  random: number,
): ErrorAnswer {
  const waitMs = admission.kind === 'unavailable' ? UNAVAILABLE_MS : admission.waitMs;
  const leastSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  // Rounded up, since one second must be spread too: clients read no smaller unit.
  const jitterSeconds = Math.min(MOST_JITTER_SECONDS, Math.ceil((leastSeconds * retryJitterPercent) / 100));
  const retryAfterSeconds = leastSeconds + Math.floor(random * (jitterSeconds + 1));
  const retry = `Retry the request in [${retryAfterSeconds}] seconds`;
  switch (admission.kind) {
    case 'unavailable': {
      const message = `The gateway cannot count requests at the moment. ${retry}`;
      return { code: 'gateway.quota.unavailable', message, retryAfterSeconds };
    }
    case 'closed': {
      const message = `Rate limit exceeded the maximum. ${retry}`;
      return { code: 'too.many.requests.retry.after', message, retryAfterSeconds };
    }
    case 'refused': {
      const message = `Rate limit exceeded the maximum of ${admission.limit}. ${retry}`;
      const headers = hideHeaders ? {} : rateLimitHeaders({ ...admission.tightest, resetMs: retryAfterSeconds * 1000 });
      return { code: 'gateway.quota.exceeded', message, retryAfterSeconds, headers };
    }
  }
}
