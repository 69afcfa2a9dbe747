/**
 * The log phase: what the service's answer says of the token that the request used. Log handlers also run for answers of
 * Kong itself, so only a request in which access left the token's name counts, and only the status that the service gave.
 */
import { type Effect, log as logLine } from '../runtime/effects.js';
import { GO_ON, type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry, type ServiceAnswer } from '../shared/log-entry.js';
import type { ResponseSource } from '../shared/pdk.js';
import { parseTokenMark, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import type { ServiceBreaker } from './circuit-breakers.js';
import { lostLine } from './regions/access.js';
import { parseRegionMark, REGION_MARK } from './regions/mark.js';
import type { Choice, Outcome, RegionStates } from './regions/states.js';
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

interface Facts {
  ref: string | undefined;
  /** What the client got, and from whom. */
  sent: { status: number; source: ResponseSource };
  /** What the service answered, from Kong's log entry; undefined if the entry was not needed. */
  answer: ServiceAnswer | undefined;
  count: string | undefined;
  choice: Choice | undefined;
  serviceId: string;
  /** How far Kong got on its way to a target. */
  way: 'not asked' | 'no peer' | 'target';
}

/** Makes the step of one configuration. Where a success teaches nothing, it costs one call. */
export function logStep(log: Log): Step {
  return step(
    (event) => readFacts(event, log),
    (facts) => (facts === undefined ? GO_ON : learn(facts, log)),
  );
}

/** @returns undefined if there is nothing to learn */
async function readFacts(event: Reader, log: Log): Promise<Facts | undefined> {
  const { breaker, regions, learnsUse } = log;
  const learnsFromSuccess = learnsUse || regions !== undefined || breaker !== undefined;
  if (!learnsFromSuccess && (await event.response.getStatus()) < 400) return undefined;
  const [mark, status, source, count, regionMark, service] = await Promise.all([
    event.ctx.shared.get(TOKEN_MARK),
    event.response.getStatus(),
    event.response.getSource(),
    learnsUse ? event.response.getHeader(COUNT_HEADER) : undefined,
    regions ? event.ctx.shared.get(REGION_MARK) : null,
    breaker?.readsService ? event.router.getService() : undefined,
  ]);
  const facts = {
    ref: parseTokenMark(mark)?.ref,
    sent: { status, source },
    count,
    choice: regions && parseRegionMark(regionMark, regions.names),
    serviceId: service?.id ?? '',
  };
  if (facts.ref === undefined) return undefined;
  const wentWell = status < 400 && source !== 'error';
  // The entry is some KiB of JSON: it is asked for only if something went wrong.
  const answer = wentWell ? undefined : parseLogEntry(await event.log.serialize(), Date.now());
  const asksForWay = wentWell
    ? source === 'exit' && (facts.choice !== undefined || breaker !== undefined)
    : answer?.status === undefined && status >= 500 && source !== 'error';
  return { ...facts, answer, way: asksForWay ? await readWay(event, !wentWell) : 'target' };
}

/** @param tellsApart whether no peer is another thing than not asked */
async function readWay({ nginx }: Reader, tellsApart: boolean): Promise<Facts['way']> {
  const [sought, found] = await Promise.all([
    tellsApart ? nginx.getCtx(TARGET_SOUGHT) : null,
    nginx.getCtx(TARGET_FOUND),
  ]);
  if (found !== null) return 'target';
  return sought === null ? 'not asked' : 'no peer';
}

function learn({ ref, sent, answer, count, choice, serviceId, way }: Facts, log: Log): Verdict {
  const { broker, regions, breaker } = log;
  if (ref !== undefined && count !== undefined && /^\d{1,6}$/.test(count)) {
    broker.allowanceOf(ref)?.learn(Number(count), performance.now());
  }
  if (ref !== undefined && ref !== STATIC_REF && answer !== undefined) judgeToken(ref, answer, log);
  const outcome = judgeService(sent, answer?.status, way);
  const effects: Effect[] = [];
  if (choice !== undefined && regions !== undefined) effects.push(...reportRegion(regions, choice, outcome));
  if (breaker !== undefined && outcome !== 'unknown') {
    const opened = breaker.report(serviceId, outcome === 'succeeded' ? 'succeeded' : 'failed');
    if (opened) effects.push(logLine('err', OPENED));
  }
  return { effects };
}

const OPENED = 'the service failed too often in a row: requests are answered 503 for a while';

function reportRegion({ names, states }: NonNullable<Log['regions']>, choice: Choice, outcome: Outcome): Effect[] {
  const transition = states.report(choice, outcome, performance.now());
  const name = names[choice.index] ?? '';
  if (transition === undefined) return [];
  return [transition === 'lost' ? logLine('err', lostLine(name)) : logLine('notice', `region ${name} holds again`)];
}

function judgeToken(ref: string, answer: ServiceAnswer, { broker, purgeOnStatuses }: Log): void {
  const { status, retryAfterMs, upstreamUri } = answer;
  if (status === undefined) return;
  if (purgeOnStatuses.has(status)) broker.refuse(ref);
  if (status === 429) broker.allowanceOf(ref)?.close(routeOf(upstreamUri), retryAfterMs, performance.now());
}

/**
 * What a request says of the service.
 * @param serviceStatus what the service answered; undefined if it did not, or if all went well
 */
function judgeService(
  { status, source }: Facts['sent'],
  serviceStatus: number | undefined,
  way: Facts['way'],
): Outcome {
  if (serviceStatus !== undefined) return serviceStatus >= 500 ? 'failed' : 'succeeded';
  // A plugin may have answered in access after ours, as proxy-cache does: the service was not asked.
  if (status < 400 && source !== 'error') return way === 'target' ? 'succeeded' : 'unknown';
  // Kong's own 4xx are about the client: a body that never came, or was too large. 499: it went away.
  if (status < 500) return 'unknown';
  if (source === 'error') return 'failed';
  // Without a healthy target, and on a route with a response phase, Kong answers as a plugin would (measured).
  if (way === 'not asked') return 'unknown';
  return way === 'no peer' ? 'no peer' : 'failed';
}
