/**
 * The access phase. A request gets the credential, or an answer that says when to try again. With a token in memory
 * this costs one read, for the check that the credential cannot go elsewhere, and one write, together with the end of
 * the event.
 */
import { type Effect, log, serialize, setServiceHeaders, share } from '../runtime/effects.js';
import { type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import { routeOf } from '../shared/genesys-route.js';
import type { HeaderMap, HeaderValues } from '../shared/pdk.js';
import { formatTokenMark, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import { answered } from './answers.js';
import type { ServiceBreaker } from './circuit-breakers.js';
import type { Credential } from './config.js';
import type { Gate, GateFacts } from './gate.js';
import type { UsableToken } from './tokens/broker.js';
import type { PoolOutcome, TokenPool } from './tokens/pool.js';

const STATIC_MARK = formatTokenMark({ ref: STATIC_REF, poolSize: 1 });

/** How to put a credential into a request. */
export interface Injection {
  /** Returns the headers for the service, including the credential. @param present those of the request */
  headersWith: (credential: string, present: HeaderMap) => HeaderValues;
  /** The key in Kong's log entry to redact; undefined if Kong redacts the header itself. */
  redactedKey: string | undefined;
}

/** What the access phase of one configuration needs. */
export interface Access extends Injection {
  gate: Gate;
  credential: TokenPool | Extract<Credential, { kind: 'static' }>;
  breaker: ServiceBreaker | undefined;
}

interface Facts extends GateFacts {
  serviceId: string;
}

/** Makes the step of one configuration. */
export function accessStep(access: Access): Step {
  const { gate, credential, breaker } = access;
  const read = async (event: Reader): Promise<Facts> => {
    const [gated, service] = await Promise.all([
      gate.read(event),
      breaker?.readsService ? event.router.getService() : undefined,
    ]);
    return { ...gated, serviceId: service?.id ?? '' };
  };
  return step(read, (facts, timeline) => {
    const refusal = gate.judge(facts);
    if (refusal !== undefined) return refusal;
    const waitMs = breaker?.enter(facts.serviceId) ?? 0;
    if (waitMs > 0) return refuseOpen(waitMs);
    if ('kind' in credential) {
      return inject(access, facts.headers, credential.headerValue(), STATIC_MARK, [credential.takeWarning()]);
    }
    const taken = credential.take(credential.dependsOnRoute() ? routeOf(facts.upstreamUri) : undefined, timeline);
    const give = (outcome: PoolOutcome): Verdict =>
      outcome.kind === 'token' ? injectToken(access, facts.headers, credential, outcome) : refuse(credential, outcome);
    return taken instanceof Promise ? taken.then(give) : give(taken);
  });
}

/** Adds a pool's token to the request, and sets its mark. */
export function injectToken(
  injection: Injection,
  present: HeaderMap,
  pool: TokenPool,
  { value, ref, warning }: UsableToken,
): Verdict {
  const renewal = warning && `the token of ${pool.name} was not renewed: ${warning}`;
  const mark = formatTokenMark({ ref, poolSize: pool.size });
  return inject(injection, present, `Bearer ${value}`, mark, [renewal, pool.takeWarning()]);
}

function inject(
  { headersWith, redactedKey }: Injection,
  present: HeaderMap,
  headerValue: string,
  mark: string,
  warnings: readonly (string | undefined)[],
): Verdict {
  const effects: Effect[] = [setServiceHeaders(headersWith(headerValue, present)), share(TOKEN_MARK, mark)];
  if (redactedKey !== undefined) effects.push(serialize(redactedKey, 'REDACTED'));
  for (const warning of warnings) if (warning !== undefined) effects.push(log('warn', warning));
  return { effects };
}

/** Refuses a request, and says when to try again. The cause is only logged. */
export function refuse(pool: TokenPool, outcome: Exclude<PoolOutcome, UsableToken>): Verdict {
  const seconds = Math.max(1, Math.ceil(outcome.retryAfterMs / 1000));
  const retry = `Retry the request in [${seconds}] seconds`;
  const warning = pool.takeWarning();
  const effects = warning === undefined ? [] : [log('warn', warning)];
  if (outcome.kind === 'exhausted') {
    const message = `Rate limit exceeded the maximum. ${retry}`;
    return answered({ code: 'too.many.requests.retry.after', message, retryAfterSeconds: seconds }, effects);
  }
  effects.push(log('err', `no token for ${pool.name}: ${outcome.reason}; not asking again for ${seconds} s`));
  const message = `The gateway has no access token for the service at the moment. ${retry}`;
  return answered({ code: 'gateway.token.unavailable', message, retryAfterSeconds: seconds }, effects);
}

function refuseOpen(waitMs: number): Verdict {
  const seconds = Math.ceil(waitMs / 1000);
  const message = `The service fails at the moment. Retry the request in [${seconds}] seconds`;
  return answered({ code: 'gateway.upstream.unavailable', message, retryAfterSeconds: seconds });
}
