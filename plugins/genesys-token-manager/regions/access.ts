/**
 * The access phase where regions are configured: a request gets a region's upstream and that region's token, always the
 * two together. The upstream is set first and Kong's answer awaited, since it refuses an unknown name silently and would
 * send the request to wherever it went before; only then is there a token. In good times that is one round trip more than
 * without regions.
 */
import { routeOf } from '../../shared/genesys-route.js';
import { readGuarded, refusalOf } from '../../shared/http/request-guard.js';
import type { Kong } from '../../shared/pdk.js';
import { formatTokenMark } from '../../shared/token-mark.js';
import { exit, type Injection, inject, refuse, refuseUnsafe, renewalWarning } from '../access.js';
import type { Effects } from '../effects.js';
import type { UsableToken } from '../tokens/broker.js';
import type { Exhausted, PoolOutcome, TokenPool } from '../tokens/pool.js';
import { formatRegionMark, REGION_MARK } from './mark.js';
import type { Choice, RegionStates } from './states.js';

/** A region as requests are sent to it. */
export interface ServingRegion {
  name: string;
  /** Kong's upstream. */
  upstream: string;
  pool: TokenPool;
}

/** What the access phase of one configuration needs. */
export interface RegionalAccess extends Injection {
  /** The primary first. */
  regions: readonly ServingRegion[];
  states: RegionStates;
  /** Methods that may go to another region than the primary. */
  methods: ReadonlySet<string>;
  /** Names the region to the client; undefined: nothing does. */
  responseHeader: string | undefined;
  /** How long a request waits for a region's token while another region is up. */
  tokenWaitMs: number;
  effects: Pick<Effects, 'nowMs' | 'startTimer'>;
}

/**
 * The time that a request may spend waiting for tokens of regions it does not use in the end: the last region's login may
 * take 20 s, and a handler has 30 s.
 */
const TOTAL_WAIT_MS = 6_000;

/** `RegionalAccess.tokenWaitMs` from the time that a token request may take. */
export function tokenWaitMs(timeoutMs: number, regions: number): number {
  return Math.min(timeoutMs, TOTAL_WAIT_MS / Math.max(1, regions - 1));
}

/** No token now, or not soon enough. */
interface NoTokenYet {
  kind: 'none';
  reason: string;
  retryAfterMs: number;
}
type Taken = UsableToken | Exhausted | NoTokenYet;

const NOT_IN_TIME: NoTokenYet = { kind: 'none', reason: 'login takes too long', retryAfterMs: 1000 };

/** Runs the access phase. Rejects only if Kong does. */
export async function handleRegionalAccess(kong: Kong, access: RegionalAccess): Promise<void> {
  const { regions, states, methods, effects } = access;
  const [connection, upstreamUri] = await Promise.all(readGuarded(kong));
  const refusal = refusalOf({ connection, upstreamUri });
  if (refusal !== undefined) return refuseUnsafe(kong, refusal);
  const tried = new Set<number>();
  let mayMove: Promise<boolean> | undefined;
  // As the client wrote it: an invented method is none that may land in another organisation.
  const isMovable = (): Promise<boolean> => {
    mayMove ??= kong.request.getMethod().then((method) => methods.has(method));
    return mayMove;
  };

  let choice = states.primary();
  if (!states.primaryServes && (await isMovable())) choice = states.choose(effects.nowMs(), tried) ?? choice;
  let first: { region: ServingRegion; outcome: Taken } | undefined;
  for (;;) {
    const region = regions[choice.index];
    if (region === undefined) throw new Error('there is no such region');
    const isKnown = await kong.service.setUpstream(region.upstream);
    if (!isKnown && !choice.isProbe) return refuseUnknown(kong, region);
    const outcome = isKnown
      ? await takeToken(upstreamUri, access, region, choice, tried, isMovable)
      : unknownUpstream(region);
    if (outcome.kind === 'token') return send(kong, access, region, choice, outcome);
    // Another organisation's rate limit is no remedy for this one's.
    if (outcome.kind === 'exhausted' && !choice.isProbe) return refuse(kong, region.pool, outcome);
    tried.add(choice.index);
    if (!choice.isProbe) first ??= { region, outcome };
    if (outcome !== NOT_YET) {
      const failed = outcome.kind === 'none';
      const transition = states.report(choice, failed ? 'failed' : 'unknown', effects.nowMs());
      if (failed) void kong.log.warn(`region ${region.name} is passed over: ${outcome.reason}`);
      if (transition === 'lost') void kong.log.err(lostLine(region.name));
    }
    const next = (await isMovable()) ? states.choose(effects.nowMs(), tried) : undefined;
    if (next === undefined) {
      const failure = first ?? { region, outcome };
      return refuse(kong, failure.region.pool, failure.outcome as Exclude<Taken, UsableToken>);
    }
    choice = next;
  }
}

/** A probe's token is on its way: the request does not wait for it. */
const NOT_YET: NoTokenYet = { kind: 'none', reason: 'its token is being fetched', retryAfterMs: 1000 };

function unknownUpstream({ upstream }: ServingRegion): NoTokenYet {
  return { kind: 'none', reason: `Kong has no upstream ${JSON.stringify(upstream)}`, retryAfterMs: 1000 };
}

/**
 * The region's token, or why there is none. A request waits for a login only as long as no other region would serve it,
 * and a probe not at all.
 */
async function takeToken(
  upstreamUri: string,
  { states, tokenWaitMs: waitMs, effects }: RegionalAccess,
  { pool }: ServingRegion,
  choice: Choice,
  tried: ReadonlySet<number>,
  isMovable: () => Promise<boolean>,
): Promise<Taken> {
  const route = pool.dependsOnRoute() ? routeOf(upstreamUri) : undefined;
  const taken = pool.take(route);
  if (!(taken instanceof Promise)) return taken;
  if (choice.isProbe) {
    void taken.then((late) => {
      if (late.kind === 'token') states.release(choice, effects.nowMs());
      else states.report(choice, late.kind === 'none' ? 'failed' : 'unknown', effects.nowMs());
    });
    return NOT_YET;
  }
  if (!states.hasAnother(choice, tried) || !(await isMovable())) return taken;
  return (await within(taken, waitMs, effects)) ?? NOT_IN_TIME;
}

function within(
  promise: Promise<PoolOutcome>,
  ms: number,
  effects: Pick<Effects, 'startTimer'>,
): Promise<PoolOutcome | undefined> {
  return new Promise((resolve) => {
    const cancel = effects.startTimer(ms, () => resolve(undefined));
    void promise.then((outcome) => {
      cancel();
      resolve(outcome);
    });
  });
}

/** All calls leave in one write. */
function send(
  kong: Kong,
  access: RegionalAccess,
  { name, pool }: ServingRegion,
  choice: Choice,
  token: UsableToken,
): Promise<void> {
  access.states.sent(choice);
  void kong.ctx.shared.set(REGION_MARK, formatRegionMark(name, choice));
  void kong.log.setSerializeValue(REGION_MARK, name);
  if (access.responseHeader !== undefined) void kong.response.setHeader(access.responseHeader, name);
  return inject(kong, access, `Bearer ${token.value}`, formatTokenMark({ ref: token.ref, poolSize: pool.size }), [
    renewalWarning(pool, token),
    pool.takeWarning(),
  ]);
}

function refuseUnknown(kong: Kong, { name, upstream }: ServingRegion): Promise<void> {
  void kong.log.err(`region ${name}: Kong has no upstream ${JSON.stringify(upstream)}`);
  return exit(kong, 'gateway.upstream.unavailable', 'The gateway has no way to the service at the moment');
}

/** For Kong's log, once for each loss. */
export function lostLine(name: string): string {
  return `region ${name} is lost: requests that may go to another region do, until it holds again`;
}
