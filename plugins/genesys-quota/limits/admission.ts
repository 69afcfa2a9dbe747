/**
 * Decides whether a request goes on: first by what Genesys has closed, then by the limits. A request that does not fit
 * is refused at once, or held for as long as it may wait. What a failure of Redis means is also decided here.
 */
import { routeOf } from '../../shared/genesys-route.js';
import { RedisUnavailable } from '../../shared/redis/connection.js';
import { type Timeline, timed } from '../../shared/timeline.js';
import type { Config } from '../config.js';
import { routeKey } from '../genesys-limits/route-key.js';
import type { Namespace, Shared } from '../namespaces.js';
import type { Check, Reading } from './counting.js';
import type { Hold, Holds } from './hold.js';
import { placesOf } from './in-flight.js';
import { type Judgement, judge, type Tightest } from './judgement.js';
import type { ClosureMode, RedisAnswer } from './redis-counters.js';

export type Admission =
  | ({ kind: 'admitted' } & Pick<Extract<Judgement, { admitted: true }>, 'tightest' | 'nearlyUsed' | 'budgets'>)
  | { kind: 'refused'; limit: string; waitMs: number; tightest: Tightest }
  /** Genesys refuses it at the moment. */
  | { kind: 'closed'; waitMs: number }
  /** Redis is away, and the configuration refuses requests meanwhile. */
  | { kind: 'unavailable' };

/** What decides on the requests of one configuration. */
export interface AdmissionSettings
  extends Pick<Config, 'maxWaitMs' | 'onRedisError' | 'followUpstream' | 'leasePercent'> {
  namespace: Pick<Namespace, 'name' | 'local' | 'shared' | 'closures' | 'hints' | 'gauges'>;
  holds: Holds;
}

/** What a request may do that does not fit. */
export interface Patience {
  maxWaitMs: number;
  /** Those of a higher level go first. */
  level: number;
}

/** The outcome of one try. */
type Attempt =
  /** `delayMs` is the time until the place that a spike arrest has reserved. */
  | { kind: 'decided'; admission: Admission; delayMs: number }
  /** It may be tried again after `waitMs`, in turn with the others in `queue`. */
  | { kind: 'blocked'; refusal: Admission; waitMs: number; queue?: string }
  /** Other nodes have shared what Genesys has closed; nothing was counted. */
  | { kind: 'informed' };

/** What one try counts. */
interface Ask {
  checks: readonly Check[];
  maxDelayUs: number;
  mode: ClosureMode;
}

const UNCOUNTED: Attempt = {
  kind: 'decided',
  admission: { kind: 'admitted', tightest: undefined, nearlyUsed: [], budgets: [] },
  delayMs: 0,
};
const UNAVAILABLE: Attempt = { kind: 'decided', admission: { kind: 'unavailable' }, delayMs: 0 };

/** How long a request waits for the first connection to Redis, so that a node does not start with its own counts. */
const FIRST_CONTACT_MS = 3000;

/** How often a request that is held looks whether one in flight has ended. */
const LOOK_AGAIN_MS = 50;

/** What a request is told to wait that was refused because others of a higher level wait: nobody knows how long. */
const BEHIND_MS = 1000;

/** Decides on one request, and holds it if it may wait. */
export async function admit(
  checks: readonly Check[],
  upstreamUri: string,
  settings: AdmissionSettings,
  patience?: Patience,
  timeline?: Timeline,
): Promise<Admission> {
  const level = patience?.level ?? 0;
  const hold = withTimes(settings.holds.start((patience ?? settings).maxWaitMs, level), timeline);
  try {
    return await admitOrHold(checks, upstreamUri, settings, level, hold, timeline);
  } finally {
    hold?.end();
  }
}

/** Notes how long a request was held. */
function withTimes(hold: Hold | undefined, timeline: Timeline | undefined): Hold | undefined {
  if (hold === undefined || timeline === undefined) return hold;
  return {
    ...hold,
    sleep: (ms) => timed(timeline, 'wait', () => hold.sleep(ms)),
    wait: (name, ms) => timed(timeline, 'wait', () => hold.wait(name, ms)),
  };
}

async function admitOrHold(
  checks: readonly Check[],
  upstreamUri: string,
  settings: AdmissionSettings,
  level: number,
  hold: Hold | undefined,
  timeline: Timeline | undefined,
): Promise<Admission> {
  const { namespace, followUpstream } = settings;
  const spreadMs = hold === undefined ? 0 : namespace.hints.delayMs(performance.now(), hold.leftMs());
  if (spreadMs > 0) await hold?.sleep(spreadMs);
  const refusal = settings.holds.areWaiting() ? await giveWay(checks, settings, level, hold) : undefined;
  if (refusal !== undefined) return refusal;
  let mode: ClosureMode = followUpstream ? 'report' : 'ignore';
  for (;;) {
    const closedMs = followUpstream ? closedForMs(upstreamUri, namespace) : undefined;
    // Closures are known by now, so Redis need not report them before it counts the request.
    if (closedMs !== undefined) mode = 'learn';
    const maxDelayUs = hold === undefined ? 0 : Math.floor(hold.leftMs() * 1000);
    const attempt: Attempt = closedMs
      ? { kind: 'blocked', refusal: { kind: 'closed', waitMs: closedMs }, waitMs: closedMs }
      : await count({ checks, maxDelayUs, mode }, settings, timeline);
    switch (attempt.kind) {
      case 'decided':
        if (attempt.delayMs > 0) await hold?.sleep(attempt.delayMs);
        return attempt.admission;
      case 'informed':
        mode = 'learn';
        break;
      case 'blocked':
        if (hold === undefined || attempt.waitMs > hold.leftMs()) return attempt.refusal;
        if (attempt.queue === undefined) await hold.sleep(attempt.waitMs);
        else if (!(await hold.wait(attempt.queue, attempt.waitMs))) return attempt.refusal;
    }
  }
}

/** Waits behind those of a higher level. @returns a refusal if the time is up before it is the request's turn */
async function giveWay(
  checks: readonly Check[],
  { holds, namespace }: AdmissionSettings,
  level: number,
  hold: Hold | undefined,
): Promise<Admission | undefined> {
  const ahead = checks.find((check) => holds.isBehind(queueOf(check, namespace.name), level));
  if (ahead === undefined) return undefined;
  if (await hold?.wait(queueOf(ahead, namespace.name), hold.leftMs())) return undefined;
  const limit = ahead.kind === 'spike' ? ahead.burst : ahead.limit;
  return {
    kind: 'refused',
    limit: ahead.name,
    waitMs: BEHIND_MS,
    tightest: { limit, remaining: 0, resetMs: BEHIND_MS },
  };
}

/** Returns how long Genesys will refuse the request: 0 if it will not, undefined if nothing is closed at all. */
function closedForMs(upstreamUri: string, { closures }: AdmissionSettings['namespace']): number | undefined {
  const nowMs = performance.now();
  return closures.isAnyClosed(nowMs) ? closures.waitMs(routeKey(routeOf(upstreamUri)), nowMs) : undefined;
}

/** Counts where `policy` says. While Redis is away, does what `on_redis_error` says. */
async function count(
  ask: Ask,
  { namespace, onRedisError, leasePercent }: AdmissionSettings,
  timeline: Timeline | undefined,
): Promise<Attempt> {
  const { local, shared, closures } = namespace;
  if (shared === undefined) return judged(local.admit(ask.checks, ask.maxDelayUs), namespace);
  if (ask.checks.length === 0 && ask.mode === 'ignore') return UNCOUNTED;
  const leased = leasePercent > 0 ? shared.leases.spend(ask.checks) : undefined;
  if (leased !== undefined) return judged(leased, namespace);
  const answer = await timed(
    timeline,
    'redis',
    () => askRedis(ask, shared, leasePercent),
    (result) => result === undefined,
  );
  if (answer === undefined) return countAlone(ask, shared, onRedisError, namespace);
  for (const closure of answer.closures) closures.close(closure, performance.now());
  if (answer.kind === 'reported') return { kind: 'informed' };
  // So that this node knows of them when Redis is away.
  if (answer.reading.admitted) local.hold(ask.checks);
  return judged(answer.reading, namespace);
}

/** Does what `on_redis_error` says. */
function countAlone(
  { checks, maxDelayUs }: Ask,
  shared: Shared,
  onRedisError: Config['onRedisError'],
  namespace: AdmissionSettings['namespace'],
): Attempt {
  const { local } = namespace;
  if (onRedisError === 'allow') {
    local.hold(checks);
    return UNCOUNTED;
  }
  const attempt = onRedisError === 'local' ? judged(local.admit(checks, maxDelayUs), namespace) : UNAVAILABLE;
  // Redis may have counted it all the same, and no log phase frees the place of a request that was refused.
  const places = placesOf(checks);
  const goesOn = attempt.kind === 'decided' && attempt.admission.kind === 'admitted';
  if (places !== undefined && !goesOn) void shared.counters.free(places).catch(() => {});
  return attempt;
}

/** Counts in Redis. @returns undefined if Redis is away or answers with an error */
async function askRedis(
  { checks, maxDelayUs, mode }: Ask,
  shared: Shared,
  leasePercent: number,
): Promise<RedisAnswer | undefined> {
  await shared.redis.firstContact(FIRST_CONTACT_MS);
  const trip = leasePercent > 0 ? shared.leases.begin(checks, leasePercent) : undefined;
  shared.trips++;
  let answer: RedisAnswer | undefined;
  try {
    answer = await shared.counters.admit(checks, maxDelayUs, mode, trip?.asks);
    return answer;
  } catch (error) {
    if (!(error instanceof RedisUnavailable)) shared.faults.note((error as Error).message);
    return undefined;
  } finally {
    if (trip !== undefined) shared.leases.end(checks, trip, answer?.kind === 'counted' ? answer : undefined);
  }
}

function judged(reading: Reading, { name, gauges }: AdmissionSettings['namespace']): Attempt {
  gauges.note(reading);
  const judgement = judge(reading);
  if (judgement.admitted) {
    const { tightest, nearlyUsed, budgets, delayMs } = judgement;
    return { kind: 'decided', admission: { kind: 'admitted', tightest, nearlyUsed, budgets }, delayMs };
  }
  const { check, waitMs, tightest } = judgement;
  const refusal: Admission = { kind: 'refused', limit: check.name, waitMs, tightest };
  const retryMs = check.kind === 'concurrent' ? LOOK_AGAIN_MS : waitMs;
  return { kind: 'blocked', refusal, waitMs: retryMs, queue: queueOf(check, name) };
}

/** Returns the name of the queue for a counter. */
function queueOf({ group, id }: Check, namespace: string): string {
  return `${namespace} ${group} ${id}`;
}
