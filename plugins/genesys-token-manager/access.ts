/**
 * The access phase: a request gets the credential, or an answer that says when to come back. With a token in memory it
 * costs one read of what the client may use to take the credential elsewhere, and one write with the end of the event.
 */
import type { GatewayErrorCode } from '../shared/gateway-error.js';
import { routeOf } from '../shared/genesys-route.js';
import { answerError } from '../shared/http/answer.js';
import { readGuarded, refusalOf, refuseRequest } from '../shared/http/request-guard.js';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import { formatTokenMark, REFUSED_MARK, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import type { Credential } from './config.js';
import type { ServiceBreaker } from './service-breaker.js';
import type { UsableToken } from './tokens/broker.js';
import type { PoolOutcome, TokenPool } from './tokens/pool.js';

const STATIC_MARK = formatTokenMark({ ref: STATIC_REF, poolSize: 1 });

/** How a credential gets into a request. */
export interface Injection {
  /** Headers for the service, with the credential in. */
  headersWith: (credential: string) => HeaderValues;
  /** What Kong's own log must not show, as a key of its entry; undefined if it hides the header by itself. */
  redactedKey: string | undefined;
}

/** What the access phase of one configuration needs. */
export interface Access extends Injection {
  credential: TokenPool | Extract<Credential, { kind: 'static' }>;
  breaker: ServiceBreaker | undefined;
}

/** Runs the access phase. Rejects only if Kong does. */
export async function handleAccess(kong: Kong, access: Access): Promise<void> {
  const { credential, breaker } = access;
  const [connection, upstreamUri] = await Promise.all(readGuarded(kong));
  const refusal = refusalOf({ connection, upstreamUri });
  if (refusal !== undefined) return refuseUnsafe(kong, refusal);
  if (breaker !== undefined) {
    const waitMs = await breaker.enter(kong);
    if (waitMs > 0) return refuseOpen(kong, waitMs);
  }
  if ('kind' in credential) {
    await inject(kong, access, credential.headerValue(), STATIC_MARK, [credential.takeWarning()]);
    return;
  }
  const route = credential.dependsOnRoute() ? routeOf(upstreamUri) : undefined;
  const answer = credential.take(route);
  const outcome = answer instanceof Promise ? await answer : answer;
  if (outcome.kind !== 'token') return refuse(kong, credential, outcome);
  await inject(
    kong,
    access,
    `Bearer ${outcome.value}`,
    formatTokenMark({ ref: outcome.ref, poolSize: credential.size }),
    [renewalWarning(credential, outcome), credential.takeWarning()],
  );
}

/** What to log of a token that is in use although its renewal failed. */
export function renewalWarning(pool: TokenPool, { warning }: UsableToken): string | undefined {
  return warning && `the token of ${pool.name} was not renewed: ${warning}`;
}

/** Puts the credential in and leaves its mark. */
export async function inject(
  kong: Kong,
  { headersWith, redactedKey }: Injection,
  headerValue: string,
  mark: string,
  warnings: (string | undefined)[],
): Promise<void> {
  const calls = [kong.service.request.setHeaders(headersWith(headerValue)), kong.ctx.shared.set(TOKEN_MARK, mark)];
  if (redactedKey !== undefined) calls.push(kong.log.setSerializeValue(redactedKey, 'REDACTED'));
  for (const warning of warnings) if (warning !== undefined) calls.push(kong.log.warn(warning));
  await Promise.all(calls);
}

/** The client learns that the gateway cannot serve it now and when to try again; the cause is for the log only. */
export async function refuse(kong: Kong, pool: TokenPool, outcome: Exclude<PoolOutcome, UsableToken>): Promise<void> {
  const seconds = Math.max(1, Math.ceil(outcome.retryAfterMs / 1000));
  const warning = pool.takeWarning();
  if (warning !== undefined) void kong.log.warn(warning);
  if (outcome.kind === 'exhausted') {
    const message = `Rate limit exceeded the maximum. Retry the request in [${seconds}] seconds`;
    return exit(kong, 'too.many.requests.retry.after', message, seconds);
  }
  void kong.log.err(`no token for ${pool.name}: ${outcome.reason}; not asking again for ${seconds} s`);
  const message = `The gateway has no access token for the service at the moment. Retry the request in [${seconds}] seconds`;
  return exit(kong, 'gateway.token.unavailable', message, seconds);
}

function refuseOpen(kong: Kong, waitMs: number): Promise<void> {
  const seconds = Math.ceil(waitMs / 1000);
  const message = `The service fails at the moment. Retry the request in [${seconds}] seconds`;
  return exit(kong, 'gateway.upstream.unavailable', message, seconds);
}

/** Refuses a request that would take the credential to a place that its client chose. */
export function refuseUnsafe(kong: Kong, reason: string): Promise<void> {
  void kong.ctx.shared.set(TOKEN_MARK, REFUSED_MARK);
  return refuseRequest(kong, reason);
}

/** Answers in place of the service. */
export function exit(kong: Kong, code: GatewayErrorCode, message: string, retryAfterSeconds?: number): Promise<void> {
  void kong.ctx.shared.set(TOKEN_MARK, REFUSED_MARK);
  return answerError(kong, code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
