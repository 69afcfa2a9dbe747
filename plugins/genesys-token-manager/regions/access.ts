/**
 * The access phase with regions. A request gets a region's upstream and that region's token, always both. The upstream
 * is set first and the result awaited, because Kong does not fail on an unknown name: it would send the request where
 * it went before. Only then is a token added. Normally this costs one round trip more than without regions.
 */
import { type Effect, log, serialize, setClientHeaders, share } from '../../runtime/effects.js';
import { type Reader, type Step, step, type Verdict } from '../../runtime/step.js';
import type { Clock } from '../../shared/clock.js';
import { routeOf } from '../../shared/genesys-route.js';
import type { Timeline } from '../../shared/timeline.js';
import { type Injection, injectToken, refuse } from '../access.js';
import { answered } from '../answers.js';
import type { Gate, GateFacts } from '../gate.js';
import type { NoToken } from '../tokens/broker.js';
import type { Exhausted, PoolOutcome, TokenPool } from '../tokens/pool.js';
import { formatRegionMark, REGION_MARK } from './mark.js';
import type { Choice, RegionStates } from './states.js';

/** A region that requests can be sent to. */
export interface ServingRegion {
  name: string;
  /** The name of Kong's upstream. */
  upstream: string;
  pool: TokenPool;
}

/** What the access phase of one configuration needs. */
export interface RegionalAccess extends Injection {
  gate: Gate;
  /** The regions, the primary first. */
  regions: readonly ServingRegion[];
  states: RegionStates;
  /** Methods that may go to other regions than the primary. */
  methods: ReadonlySet<string>;
  /** The header that names the region to the client. Undefined means none. */
  responseHeader: string | undefined;
  /** How long a request waits for a region's token while another region is up. */
  tokenWaitMs: number;
  effects: Pick<Clock, 'nowMs' | 'startTimer'>;
}

/**
 * How long a request may wait in total for tokens of regions that it does not use in the end. Login at the last region
 * may take 20 s, and a handler has 30 s.
 */
const TOTAL_WAIT_MS = 6_000;

/** Returns `RegionalAccess.tokenWaitMs`. @param timeoutMs the time limit of a token request */
export function tokenWaitMs(timeoutMs: number, regions: number): number {
  return Math.min(timeoutMs, TOTAL_WAIT_MS / Math.max(1, regions - 1));
}

interface Facts extends GateFacts {
  setUpstream(name: string): Promise<boolean>;
  /** Returns whether the request may go to another region. Reads its method once, and only if it matters. */
  isMovable(): Promise<boolean>;
}

/** The result of asking a region for its token. */
type Taken =
  | PoolOutcome
  /** The token for a probe is being fetched. The request does not wait for it. */
  | { kind: 'pending' }
  | { kind: 'unknown upstream' };

/** Why a request did not go to a region. */
type Missing = Exclude<Taken, { kind: 'token' }>;

/** Makes the step of one configuration. */
export function regionalAccessStep(access: RegionalAccess): Step {
  const read = async (event: Reader): Promise<Facts> => {
    const gated = await access.gate.read(event);
    let isMovable: Promise<boolean> | undefined;
    return {
      ...gated,
      setUpstream: (name) => event.service.setUpstream(name),
      isMovable() {
        // The method as the client sent it. An invented method must not reach another organisation.
        isMovable ??= event.request.getMethod().then((method) => access.methods.has(method));
        return isMovable;
      },
    };
  };
  return step(read, (facts, timeline) => access.gate.judge(facts) ?? sendSomewhere(access, facts, timeline));
}

/** Tries regions until one has a token or none is left. */
async function sendSomewhere(access: RegionalAccess, facts: Facts, timeline?: Timeline): Promise<Verdict> {
  const { regions, states, effects: clock } = access;
  const tried = new Set<number>();
  const effects: Effect[] = [];
  let failure: { region: ServingRegion; missing: Missing; isProbe: boolean } | undefined;
  let choice: Choice | undefined = states.primary();
  if (!states.primaryServes && (await facts.isMovable())) choice = states.choose(clock.nowMs(), tried) ?? choice;
  while (choice !== undefined) {
    const region = regions[choice.index];
    if (region === undefined) throw new Error('there is no such region');
    const taken = await takeToken(access, facts, region, choice, tried, timeline);
    if (taken.kind === 'token') {
      return after(effects, send(access, region, choice, injectToken(access, facts.headers, region.pool, taken)));
    }
    // Another organisation's rate limit does not help here, and an unknown name is a mistake in the configuration.
    if (taken.kind !== 'none' && !choice.isProbe) return after(effects, refusalFor(region, taken));
    tried.add(choice.index);
    // The client's answer is about the first region, and about a probe only if there was no other region.
    if (failure === undefined || failure.isProbe) failure = { region, missing: taken, isProbe: choice.isProbe };
    effects.push(...report(states, choice, region, taken, clock.nowMs()));
    choice = (await facts.isMovable()) ? states.choose(clock.nowMs(), tried) : undefined;
  }
  if (failure === undefined) throw new Error('no region was tried');
  return after(effects, refusalFor(failure.region, failure.missing));
}

function after(effects: readonly Effect[], verdict: Verdict): Verdict {
  return { ...verdict, effects: [...effects, ...verdict.effects] };
}

const NOT_IN_TIME: NoToken = { kind: 'none', reason: 'login takes too long', retryAfterMs: 1000 };

/**
 * Returns the region's token, or why there is none. A request waits only briefly for a login if another region could
 * serve it, and a probe does not wait at all.
 */
async function takeToken(
  { states, tokenWaitMs: waitMs, effects: clock }: RegionalAccess,
  { upstreamUri, setUpstream, isMovable }: Facts,
  { upstream, pool }: ServingRegion,
  choice: Choice,
  tried: ReadonlySet<number>,
  timeline: Timeline | undefined,
): Promise<Taken> {
  if (!(await setUpstream(upstream))) return { kind: 'unknown upstream' };
  const taken = pool.take(
    pool.dependsOnRoute() ? routeOf(upstreamUri) : undefined,
    choice.isProbe ? undefined : timeline,
  );
  if (!(taken instanceof Promise)) return taken;
  if (choice.isProbe) {
    void taken.then((late) => {
      if (late.kind === 'token') states.release(choice, clock.nowMs());
      else states.report(choice, late.kind === 'none' ? 'failed' : 'unknown', clock.nowMs());
    });
    return { kind: 'pending' };
  }
  if (!states.hasAnother(choice, tried) || !(await isMovable())) return taken;
  return (await within(taken, waitMs, clock)) ?? NOT_IN_TIME;
}

function within(
  promise: Promise<PoolOutcome>,
  ms: number,
  clock: Pick<Clock, 'startTimer'>,
): Promise<PoolOutcome | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.startTimer(ms, () => resolve(undefined));
    void promise.then((outcome) => {
      cancel();
      resolve(outcome);
    });
  });
}

/** Reports the outcome to the region's state, and returns what to log. */
function report(
  states: RegionStates,
  choice: Choice,
  region: ServingRegion,
  missing: Missing,
  nowMs: number,
): Effect[] {
  if (missing.kind === 'pending') return [];
  const transition = states.report(choice, missing.kind === 'exhausted' ? 'unknown' : 'failed', nowMs);
  const effects: Effect[] = [];
  if (missing.kind !== 'exhausted') {
    effects.push(log('warn', `region ${region.name} is passed over: ${reasonOf(region, missing)}`));
  }
  if (transition === 'lost') effects.push(log('err', lostLine(region.name)));
  return effects;
}

function reasonOf({ upstream }: ServingRegion, missing: Exclude<Missing, Exhausted>): string {
  if (missing.kind === 'none') return missing.reason;
  if (missing.kind === 'pending') return 'its token is being fetched';
  return `Kong has no upstream ${JSON.stringify(upstream)}`;
}

function refusalFor(region: ServingRegion, missing: Missing): Verdict {
  switch (missing.kind) {
    case 'none':
    case 'exhausted':
      return refuse(region.pool, missing);
    case 'pending':
      return refuse(region.pool, { kind: 'none', reason: reasonOf(region, missing), retryAfterMs: 1000 });
    case 'unknown upstream':
      return answered(
        { code: 'gateway.upstream.unavailable', message: 'The gateway has no way to the service at the moment' },
        [log('err', `region ${region.name}: ${reasonOf(region, missing)}`)],
      );
  }
}

/** Returns the verdict. All its calls leave in one write. */
function send(
  { states, responseHeader }: RegionalAccess,
  { name }: ServingRegion,
  choice: Choice,
  token: Verdict,
): Verdict {
  states.sent(choice);
  const effects: Effect[] = [share(REGION_MARK, formatRegionMark(name, choice)), serialize(REGION_MARK, name)];
  if (responseHeader !== undefined) effects.push(setClientHeaders({ [responseHeader]: name }));
  return after(effects, token);
}

/** Returns the log line for the loss of a region, which is logged once per loss. */
export function lostLine(name: string): string {
  return `region ${name} is lost: requests that may go to another region do, until it holds again`;
}
