/**
 * The log phase. It records what Genesys has refused, and takes requests that never reached Genesys off a consumer's
 * use. It runs for every request, even if Kong itself answered, so it usually reads the status alone. It reads more
 * after an error, and now and then the token and what Genesys says about it.
 */
import { readLimitScope } from '../runtime/limit-scope.js';
import { GO_ON, type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry } from '../shared/log-entry.js';
import type { ResponseSource } from '../shared/pdk.js';
import { parseTokenMark, REFUSED_MARK, TOKEN_MARK, type TokenMark, USER_MARK } from '../shared/token-mark.js';
import type { Config } from './config.js';
import { type Closure, EVERY_TOKEN } from './genesys-limits/closures.js';
import type { RateLimitHint } from './genesys-limits/hints.js';
import { routeKey } from './genesys-limits/route-key.js';
import { shareClosure } from './genesys-limits/shared-closures.js';
import type { Namespace } from './namespaces.js';
import { type Consumer, NO_CONSUMER } from './usage.js';

/** The mark of a credential that is not ours. */
const UNKNOWN: TokenMark = { ref: 'unknown', poolSize: 1 };

interface Facts {
  /** The request's token and what Genesys says about it; undefined if it was not read or is not ours. */
  use: { mark: TokenMark; hint: RateLimitHint } | undefined;
  failure: Failure | undefined;
}

type Failure =
  /** The request did not reach the service. */
  | { kind: 'not sent'; consumer: Consumer }
  /** Genesys answered 429. */
  | { kind: 'closed'; closure: Closure };

/** Makes the step of one configuration. */
export function logStep({ followUpstream, maxWaitMs, priorities }: Config, namespace: Namespace): Step {
  const { closures, hints } = namespace;
  // Hints only matter if requests may wait.
  const usesHints = maxWaitMs > 0 || priorities.some((one) => one.maxWaitMs > 0);

  async function read(event: Reader): Promise<Facts> {
    const looks = usesHints || (followUpstream && closures.wantsToSee(performance.now()));
    const hint = (name: string) => (looks ? event.response.getHeader(`inin-ratelimit-${name}`) : undefined);
    const [status, value, count, allowed, resetSeconds] = await Promise.all([
      event.response.getStatus(),
      looks ? event.ctx.shared.get(TOKEN_MARK) : null,
      hint('count'),
      hint('allowed'),
      hint('reset'),
    ]);
    const mark = parseTokenMark(value);
    return {
      use: mark && { mark, hint: { count, allowed, resetSeconds } },
      failure: status >= 400 ? await readFailure(event, status, followUpstream) : undefined,
    };
  }

  return step(read, ({ use, failure }) => {
    if (use !== undefined) {
      const nowMs = performance.now();
      closures.saw(use.mark, nowMs);
      hints.learn(use.mark, use.hint, nowMs);
    }
    if (failure?.kind === 'closed') return close(namespace, failure.closure);
    if (failure?.kind === 'not sent') namespace.usage.count(failure.consumer, -1, Date.now());
    return GO_ON;
  });
}

async function readFailure(event: Reader, status: number, followUpstream: boolean): Promise<Failure | undefined> {
  const [mark, source] = await Promise.all([event.ctx.shared.get(TOKEN_MARK), event.response.getSource()]);
  if (mark === REFUSED_MARK || (await wasNotSent(event, status, source))) {
    return { kind: 'not sent', consumer: (await event.client.getConsumer()) ?? NO_CONSUMER };
  }
  const used = parseTokenMark(mark) ?? (source === 'service' ? UNKNOWN : undefined);
  if (status !== 429 || !followUpstream || used === undefined) return undefined;
  const answer = parseLogEntry(await event.log.serialize(), Date.now());
  if (answer.status !== 429) return undefined;
  const route = routeKey(routeOf(answer.upstreamUri));
  const isForAll = (await readLimitScope(event)) === 'organization';
  // A user's own token has limits of its own, which concern nobody else.
  if (mark === USER_MARK && !isForAll) return undefined;
  const closure = { ...used, ...(isForAll && { ref: EVERY_TOKEN }), route, remainingMs: answer.retryAfterMs };
  return { kind: 'closed', closure };
}

/**
 * Returns whether Kong answered because it could not ask a service: 502, or 503 for an upstream without a healthy
 * target. That 503 has the same source as a plugin's exit (measured). A request that ended in 504 was sent.
 */
async function wasNotSent(event: Reader, status: number, source: ResponseSource): Promise<boolean> {
  if (source === 'service' || (status !== 502 && status !== 503)) return false;
  if (source === 'error') return true;
  return parseLogEntry(await event.log.serialize(), Date.now()).status === undefined;
}

async function close({ name, closures, shared }: Namespace, closure: Closure): Promise<Verdict> {
  closures.close(closure, performance.now());
  // Without Redis, the other nodes learn of it from Genesys itself.
  if (shared !== undefined) await shareClosure(shared.redis, name, closure).catch(() => {});
  return GO_ON;
}
