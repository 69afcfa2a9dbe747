/**
 * The log phase: what the service's answer says of the token that the request used. Log handlers also run for answers of
 * Kong itself, so only a request in which access left the token's name counts, and only the status that the service gave.
 */

import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry, type ServiceAnswer } from '../shared/log-entry.js';
import type { Kong, ResponseSource } from '../shared/pdk.js';
import { parseTokenMark, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import { lostLine } from './regions/access.js';
import { parseRegionMark, REGION_MARK } from './regions/mark.js';
import type { Choice, Outcome, RegionStates } from './regions/states.js';
import type { ServiceBreaker } from './service-breaker.js';
import type { TokenBroker } from './tokens/broker.js';

/** What the log phase of one configuration needs. */
export interface Log {
  broker: TokenBroker;
  purgeOnStatuses: ReadonlySet<number>;
  /** Other requests than ours use the same tokens: what Genesys counted is read. */
  learnsUse: boolean;
  breaker: ServiceBreaker | undefined;
  /** Undefined: none are configured. */
  regions: { names: readonly string[]; states: RegionStates } | undefined;
}

/**
 * Set by Kong when it looks for a target, and when it has one (runloop/balancer/init.lua and init.lua of 3.9.3): a plugin
 * that answers in access keeps a request from getting so far.
 */
const TARGET_SOUGHT = 'KONG_UPSTREAM_DNS_START';
const TARGET_FOUND = 'KONG_BALANCER_START';

/** Genesys counts what a token was used in its window, and sometimes tells. */
const COUNT_HEADER = 'inin-ratelimit-count';

/** Runs the log phase. Where a success teaches nothing, it costs one call. */
export async function handleLog(kong: Kong, log: Log): Promise<void> {
  const learnsFromSuccess = log.learnsUse || log.regions !== undefined || log.breaker !== undefined;
  if (!learnsFromSuccess && (await kong.response.getStatus()) < 400) return;
  const [mark, status, source, count, regionMark] = await Promise.all([
    kong.ctx.shared.get(TOKEN_MARK),
    kong.response.getStatus(),
    kong.response.getSource(),
    log.learnsUse ? kong.response.getHeader(COUNT_HEADER) : undefined,
    log.regions ? kong.ctx.shared.get(REGION_MARK) : null,
  ]);
  const ref = parseTokenMark(mark)?.ref;
  if (ref === undefined) return;
  if (count !== undefined && /^\d{1,6}$/.test(count)) {
    log.broker.allowanceOf(ref)?.learn(Number(count), performance.now());
  }
  const choice = log.regions && parseRegionMark(regionMark, log.regions.names);
  // The entry is some KiB of JSON: it is asked for only if something went wrong.
  if (status < 400 && source !== 'error') {
    if (choice === undefined && log.breaker === undefined) return;
    return report(kong, log, choice, (await wasSent(kong, source)) ? 'succeeded' : 'unknown');
  }
  const answer = parseLogEntry(await kong.log.serialize(), Date.now());
  if (ref !== STATIC_REF) judgeToken(ref, answer, log);
  await report(kong, log, choice, await judgeService(kong, answer.status, { status, source }));
}

async function report(kong: Kong, log: Log, choice: Choice | undefined, outcome: Outcome): Promise<void> {
  if (choice !== undefined && log.regions !== undefined) reportRegion(kong, log.regions, choice, outcome);
  if (outcome !== 'unknown') await log.breaker?.report(kong, outcome === 'succeeded' ? 'succeeded' : 'failed');
}

function reportRegion(
  kong: Kong,
  { names, states }: NonNullable<Log['regions']>,
  choice: Choice,
  outcome: Outcome,
): void {
  const transition = states.report(choice, outcome, performance.now());
  const name = names[choice.index] ?? '';
  if (transition === 'lost') void kong.log.err(lostLine(name));
  if (transition === 'regained') void kong.log.notice(`region ${name} holds again`);
}

function judgeToken(ref: string, answer: ServiceAnswer, { broker, purgeOnStatuses }: Log): void {
  const { status, retryAfterMs, upstreamUri } = answer;
  if (status === undefined) return;
  if (purgeOnStatuses.has(status)) broker.refuse(ref);
  if (status === 429) broker.allowanceOf(ref)?.close(routeOf(upstreamUri), retryAfterMs, performance.now());
}

/** Whether the request was sent to the service: a plugin may have answered in access after ours, as proxy-cache does. */
async function wasSent(kong: Kong, source: ResponseSource): Promise<boolean> {
  return source !== 'exit' || (await kong.nginx.getCtx(TARGET_FOUND)) !== null;
}

/**
 * What a request that did not go well says of the service.
 * @param serviceStatus what the service answered; undefined if it did not
 * @param sent what the client got, and from whom
 */
async function judgeService(
  kong: Kong,
  serviceStatus: number | undefined,
  sent: { status: number; source: ResponseSource },
): Promise<Outcome> {
  if (serviceStatus !== undefined) return serviceStatus >= 500 ? 'failed' : 'succeeded';
  // Kong's own 4xx are about the client: a body that never came, or was too large. 499: it went away.
  if (sent.status < 500) return 'unknown';
  if (sent.source === 'error') return 'failed';
  // Without a healthy target, and on a route with a response phase, Kong answers as a plugin would (measured).
  const [sought, found] = await Promise.all([kong.nginx.getCtx(TARGET_SOUGHT), kong.nginx.getCtx(TARGET_FOUND)]);
  if (sought === null) return 'unknown';
  return found === null ? 'no peer' : 'failed';
}
