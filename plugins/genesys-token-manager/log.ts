/**
 * The log phase. It learns about a request's token from the service's answer. Log handlers also run for Kong's own
 * answers. So only requests with a token mark count, and only with the status that the service sent.
 */
import { type Effect, log as logLine } from '../runtime/effects.js';
import { readLimitScope } from '../runtime/limit-scope.js';
import { GO_ON, type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import type { limitScope } from '../shared/genesys-limit.js';
import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry, type ServiceAnswer } from '../shared/log-entry.js';
import type { ResponseSource } from '../shared/pdk.js';
import { parseTokenMark, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import type { ServiceBreaker } from './circuit-breakers.js';
import { lostLine } from './regions/access.js';
import { parseRegionMark, REGION_MARK } from './regions/mark.js';
import type { Choice, Outcome, RegionStates } from './regions/states.js';
import type { TokenBroker } from './tokens/broker.js';
import type { TokenPool } from './tokens/pool.js';

/** What the log phase of one configuration needs. */
export interface Log {
  broker: TokenBroker;
  purgeOnStatuses: ReadonlySet<number>;
  /** Whether others use the same tokens too, so that Genesys' own count is read. */
  learnsUse: boolean;
  breaker: ServiceBreaker | undefined;
  /** The pool of tokens, or of each region; none for a static credential. */
  pools: readonly Pick<TokenPool, 'refused'>[];
  /** Undefined if no regions are configured. */
  regions: { names: readonly string[]; states: RegionStates } | undefined;
}

/**
 * Kong sets these when it looks for a target, and when it has one (runloop/balancer/init.lua and init.lua of 3.9.3). A
 * request that a plugin answers in access does not get this far.
 */
const TARGET_SOUGHT = 'KONG_UPSTREAM_DNS_START';
const TARGET_FOUND = 'KONG_BALANCER_START';

/** The use of a token in its window, as Genesys counts it. Not every answer has the header. */
const COUNT_HEADER = 'inin-ratelimit-count';

interface Facts {
  ref: string | undefined;
  /** What the client got, and who made it. */
  sent: { status: number; source: ResponseSource };
  /** The service's answer from Kong's log entry; undefined if the entry was not needed. */
  answer: ServiceAnswer | undefined;
  /** What a 429 said about the limit, where its body can be read. */
  scope: ReturnType<typeof limitScope>;
  count: string | undefined;
  choice: Choice | undefined;
  serviceId: string;
  /** How far Kong got on its way to a target. */
  way: 'not asked' | 'no peer' | 'target';
}

/** Makes the step of one configuration. If nothing can be learned from a success, a success costs one call. */
export function logStep(log: Log): Step {
  return step(
    (event) => readFacts(event, log),
    (facts) => (facts === undefined ? GO_ON : learn(facts, log)),
  );
}

/** Reads what the step learns from. @returns undefined if there is nothing to learn */
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
  // The entry is several KiB of JSON, so it is read only if something went wrong.
  const answer = wentWell ? undefined : parseLogEntry(await event.log.serialize(), Date.now());
  const asksForWay = wentWell
    ? source === 'exit' && (facts.choice !== undefined || breaker !== undefined)
    : answer?.status === undefined && status >= 500 && source !== 'error';
  const scope = answer?.status === 429 && facts.ref !== STATIC_REF ? await readLimitScope(event) : undefined;
  return { ...facts, answer, scope, way: asksForWay ? await readWay(event, !wentWell) : 'target' };
}

/** Reads how far Kong got. @param tellsApart whether `no peer` and `not asked` must be distinguished */
async function readWay({ nginx }: Reader, tellsApart: boolean): Promise<Facts['way']> {
  const [sought, found] = await Promise.all([
    tellsApart ? nginx.getCtx(TARGET_SOUGHT) : null,
    nginx.getCtx(TARGET_FOUND),
  ]);
  if (found !== null) return 'target';
  return sought === null ? 'not asked' : 'no peer';
}

function learn({ ref, sent, answer, scope, count, choice, serviceId, way }: Facts, log: Log): Verdict {
  const { broker, regions, breaker } = log;
  if (ref !== undefined && count !== undefined && /^\d{1,6}$/.test(count)) {
    broker.allowanceOf(ref)?.learn(Number(count), performance.now());
  }
  if (ref !== undefined && ref !== STATIC_REF && answer !== undefined) {
    judgeToken(ref, { ...answer, scope }, log.pools[choice?.index ?? 0], log);
  }
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

function judgeToken(
  ref: string,
  { status, retryAfterMs, upstreamUri, scope }: ServiceAnswer & Pick<Facts, 'scope'>,
  pool: Log['pools'][number] | undefined,
  { broker, purgeOnStatuses }: Log,
): void {
  if (status === undefined) return;
  if (purgeOnStatuses.has(status)) broker.refuse(ref);
  if (status !== 429) return;
  const allowance = broker.allowanceOf(ref);
  const now = performance.now();
  if (scope === 'token') {
    allowance?.closeAll(retryAfterMs, now);
    return;
  }
  const route = routeOf(upstreamUri);
  const isNearlyUsedUp = allowance?.isNearlyUsedUp(now) ?? false;
  const isClosedForAll = pool?.refused({ route, ref, waitMs: retryAfterMs, scope, isNearlyUsedUp });
  // A limit of the organisation says nothing about the token.
  if (!isClosedForAll) allowance?.close(route, retryAfterMs, now);
}

/**
 * Returns what a request says about the service.
 * @param serviceStatus what the service answered; undefined if it did not answer, or if all went well
 */
function judgeService(
  { status, source }: Facts['sent'],
  serviceStatus: number | undefined,
  way: Facts['way'],
): Outcome {
  if (serviceStatus !== undefined) return serviceStatus >= 500 ? 'failed' : 'succeeded';
  // A plugin such as proxy-cache may have answered in access after ours. Then the service was not asked.
  if (status < 400 && source !== 'error') return way === 'target' ? 'succeeded' : 'unknown';
  // Kong's own 4xx are about the client: its body was too large or never arrived. 499 means that it has gone.
  if (status < 500) return 'unknown';
  if (source === 'error') return 'failed';
  // On a route with a response phase, Kong answers like a plugin if there is no healthy target (measured).
  if (way === 'not asked') return 'unknown';
  return way === 'no peer' ? 'no peer' : 'failed';
}
