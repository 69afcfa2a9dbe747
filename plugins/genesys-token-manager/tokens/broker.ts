/**
 * Holds the tokens of all OAuth clients of this process, and fetches them: in one flight per client at a time, before
 * they expire, in the background. It remembers failures, so that a login in trouble is not flooded with requests.
 *
 * The state of a client is kept by `OauthClient.key`. Nothing here throws: a request gets a token, or when to try
 * again.
 */
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sleep } from '../../shared/clock.js';
import { type Timeline, timed } from '../../shared/timeline.js';
import type { Effects, TokenOrigin } from '../effects.js';
import type { FetchPolicy, OauthClient } from '../login/client.js';
import { requestToken } from '../login/request.js';
import { type Fault, type GrantedToken, trouble, unusable } from '../login/response.js';
import { backoffMs, holdMs, lockPollMs } from '../login/retry.js';
import { type Allowance, createAllowance } from './allowance.js';
import { createIdleTimeout, type IdleTimeout, type TokenUse } from './idle-timeout.js';
import { ALONE, type KnownToken, type Lock, type TokenStore } from './store.js';

/**
 * The longest time of a flight, with all attempts and pauses, and so the longest wait of a request. It is far below the
 * plugin server's deadline of 30 s for a handler, and leaves room for three attempts of 5 s.
 */
export const FLIGHT_DEADLINE_MS = 20_000;

/**
 * A refused token is not replaced before it is this old. So a service that refuses every token costs one token request
 * in 5 s, however many requests it refuses.
 */
export const MIN_AGE_TO_REFUSE_MS = 5_000;

/** How often the last use of a token is told to the other nodes. */
const TELL_USE_EVERY_MS = 60_000;

/** An attempt with less time than this is not made. */
const SHORTEST_ATTEMPT_MS = 50;
/** More OAuth clients than a gateway serves. The least recently used tokens are dropped. */
const MAX_CLIENTS = 10_000;
/** A token is not used this shortly before its end: it could expire on its way. At most a tenth of its life. */
const LAST_MOMENTS_MS = 5_000;
/** A token is used at least this long, so that login is not asked more than once a second, however short a token lives. */
const SHORTEST_USE_MS = 1_000;

/** A token that can be used now. */
export interface UsableToken {
  kind: 'token';
  value: string;
  /** A name for the token that reveals nothing about it. */
  ref: string;
  /** Whose token it is. */
  clientId: string;
  /** How this process got the token. */
  origin: TokenOrigin;
  allowance: Allowance;
  /** What to log, once per failed renewal. The token itself is still valid. */
  warning?: string;
}

/** There is no token now. */
export interface NoToken {
  kind: 'none';
  /** The reason to log: short, one line, no secret. */
  reason: string;
  /** When it makes sense to ask again. */
  retryAfterMs: number;
}

export type TokenOutcome = UsableToken | NoToken;

/** What operators see of a token. Times are milliseconds from now. */
export interface TokenState {
  client: OauthClient;
  held:
    | {
        ref: string;
        ageMs: number;
        expiresInMs: number;
        /** When the next one is fetched, if there are requests. */
        renewsInMs: number;
        idleMs: number;
        uses: number;
        recentUses: number;
        refused: boolean;
      }
    | undefined;
  /** From this long without use on, a token is renewed before it is used; undefined: never. */
  maxIdleMs: number | undefined;
  /** Undefined unless the last flight failed. */
  failure: { reason: string; retryInMs: number } | undefined;
}

export interface TokenBroker {
  /**
   * Gets a token. Returns it at once if a valid one is in memory, and so a failure that is remembered. Otherwise
   * returns a promise that never rejects and settles within `FLIGHT_DEADLINE_MS`. A flight uses the policy of the
   * request that started it.
   * @param timeline of a request that waits for the promise
   */
  get(
    client: OauthClient,
    policy: FetchPolicy,
    store?: TokenStore,
    timeline?: Timeline,
  ): TokenOutcome | Promise<TokenOutcome>;
  /** Returns the token in memory if it is valid, not refused, and not idle for too long. Never starts a flight. */
  peek(client: OauthClient): UsableToken | undefined;
  /** Reports a token that the service refused. Unless it is replaced, the next use replaces it, or once it is old enough. */
  refuse(ref: string): void;
  /** Returns the allowance of a token that is still in memory. */
  allowanceOf(ref: string): Allowance | undefined;
  /** Has all tokens that the filter selects replaced before their next use. Returns how many. */
  purge(filter: (client: OauthClient) => boolean): number;
  states(): TokenState[];
  /** Returns what to log about a client: once that its idle timeout was learned. */
  takeNotice(client: OauthClient): string | undefined;
}

interface HeldToken {
  kind: 'held';
  value: string;
  ref: string;
  origin: TokenOrigin;
  /** When login was asked for the token, by this node or another. */
  grantedAtMs: number;
  /** From then on the token is renewed in the background. */
  renewAtMs: number;
  /** From then on the token is not used. */
  expiresAtMs: number;
  allowance: Allowance;
  /** From then on the token counts as refused: it is used only while there is no other. */
  refusedAtMs: number;
  /** When its use was last told to the other nodes. */
  sharedUseAtMs: number;
}

interface HeldFailure {
  reason: string;
  /** Until then login is not asked. */
  retryAtMs: number;
  /** The number of failed flights in a row. */
  consecutive: number;
  /** Whether a warning has reported it. */
  told: boolean;
}

interface Flight {
  outcome: Promise<TokenOutcome>;
  /** Of the requests that wait. */
  timelines: Timeline[];
}

interface Entry {
  client: OauthClient;
  idle: IdleTimeout;
  token?: HeldToken;
  failure?: HeldFailure;
}

/** Makes a broker without tokens. A process has one, which all instances of the plugin share. */
export function createTokenBroker(effects: Effects): TokenBroker {
  /** The client's key for each token's `ref`. */
  const keyByRef = new Map<string, string>();
  const entries = new LRUCache<string, Entry>({
    max: MAX_CLIENTS,
    dispose: ({ token }) => void (token && keyByRef.delete(token.ref)),
  });
  const flights = new Map<string, Flight>();

  function get(
    client: OauthClient,
    policy: FetchPolicy,
    store?: TokenStore,
    timeline?: Timeline,
  ): TokenOutcome | Promise<TokenOutcome> {
    const now = effects.nowMs();
    const { token, failure, idle } = entries.get(client.key) ?? {};
    const holdOff = failure !== undefined && now < failure.retryAtMs ? failure : undefined;
    if (token === undefined || now >= token.expiresAtMs) {
      return holdOff === undefined ? fly(client, policy, store, timeline) : none(holdOff, now);
    }
    if (holdOff === undefined) {
      if (now >= token.refusedAtMs || idle?.mayBeDead(token.allowance, now))
        return fly(client, policy, store, timeline);
      if (store !== undefined && idle?.timeoutMs !== undefined) tellUse(client, token, store, now);
      if (now >= token.renewAtMs) void fly(client, policy, store);
    }
    idle?.observe(useOf(token), now);
    return usable(client, token, failure);
  }

  /** Tells the other nodes when the token was last used, at most once a minute. */
  function tellUse(client: OauthClient, token: HeldToken, store: TokenStore, now: number): void {
    const { lastUseMs } = token.allowance;
    if (lastUseMs - token.sharedUseAtMs < TELL_USE_EVERY_MS) return;
    token.sharedUseAtMs = lastUseMs;
    void store.used(client.key, token.ref, now - lastUseMs);
  }

  /** Joins the flight of this client, or starts one. */
  function fly(
    client: OauthClient,
    policy: FetchPolicy,
    store: TokenStore | undefined,
    timeline?: Timeline,
  ): Promise<TokenOutcome> {
    const running = flights.get(client.key);
    if (running !== undefined) {
      if (timeline !== undefined) running.timelines.push(timeline);
      return running.outcome;
    }
    const timelines = timeline === undefined ? [] : [timeline];
    const noteAll: Timeline = (stretch) => {
      for (const note of timelines) note(stretch);
    };
    const { token, idle } = entries.get(client.key) ?? {};
    const maxIdleMs = (idle ?? createIdleTimeout(client.maxIdleMs)).deadAfterMs;
    const known = knownToken(token, idle, effects.nowMs());
    const outcome = obtainToken(client, policy, store, { known, maxIdleMs }, effects, noteAll).then((result) => {
      flights.delete(client.key);
      return result.kind === 'held' ? keepToken(client, result) : keepFailure(client, result);
    });
    flights.set(client.key, { outcome, timelines });
    return outcome;
  }

  function keepToken(client: OauthClient, token: HeldToken): UsableToken {
    const before = entries.get(client.key);
    const idle = before?.idle ?? createIdleTimeout(client.maxIdleMs);
    // Another node has used the same token, so it is alive.
    const isSame = before?.token?.ref === token.ref;
    if (isSame) before.token?.allowance.usedElsewhere(token.allowance.lastUseMs);
    const kept = (isSame && before.token) || token;
    entries.set(client.key, { client, idle, token: kept });
    keyByRef.set(kept.ref, client.key);
    return usable(client, kept, undefined);
  }

  function keepFailure(client: OauthClient, fault: Fault): TokenOutcome {
    const before = entries.get(client.key);
    const now = effects.nowMs();
    const consecutive = (before?.failure?.consecutive ?? 0) + 1;
    const retryAtMs = now + holdMs(fault, consecutive, effects.random());
    const failure: HeldFailure = { reason: fault.reason, retryAtMs, consecutive, told: false };
    // The old token is used until it expires, even if it was refused, since there is no other.
    const token = before?.token;
    const idle = before?.idle ?? createIdleTimeout(client.maxIdleMs);
    entries.set(client.key, { client, idle, failure, ...(token && { token }) });
    if (token === undefined) return none(failure, now);
    keyByRef.set(token.ref, client.key);
    // Perhaps nobody waits for this flight, so the next request reports its failure.
    return now < token.expiresAtMs ? usable(client, token, undefined) : none(failure, now);
  }

  function tokenOf(ref: string): HeldToken | undefined {
    const token = entries.peek(keyByRef.get(ref) ?? '')?.token;
    return token?.ref === ref ? token : undefined;
  }

  return {
    get,
    peek(client) {
      const { token, failure, idle } = entries.get(client.key) ?? {};
      const now = effects.nowMs();
      if (token === undefined || now >= Math.min(token.refusedAtMs, token.expiresAtMs)) return undefined;
      if (idle?.mayBeDead(token.allowance, now)) return undefined;
      return usable(client, token, failure);
    },
    refuse(ref) {
      const token = tokenOf(ref);
      if (token === undefined) return;
      const now = effects.nowMs();
      entries.peek(keyByRef.get(ref) ?? '')?.idle.refused(useOf(token), now);
      token.refusedAtMs = Math.min(token.refusedAtMs, Math.max(now, token.grantedAtMs + MIN_AGE_TO_REFUSE_MS));
    },
    allowanceOf: (ref) => tokenOf(ref)?.allowance,
    purge(filter) {
      let purged = 0;
      for (const { client, token } of entries.values()) {
        if (token === undefined || !filter(client)) continue;
        token.refusedAtMs = 0;
        purged += 1;
      }
      return purged;
    },
    states() {
      const now = effects.nowMs();
      return [...entries.values()].map(({ client, token, failure, idle }) => ({
        client,
        maxIdleMs: idle.timeoutMs,
        held: token && {
          ref: token.ref,
          ageMs: now - token.grantedAtMs,
          expiresInMs: token.expiresAtMs - now,
          renewsInMs: Math.max(0, token.renewAtMs - now),
          idleMs: now - token.allowance.lastUseMs,
          uses: token.allowance.uses,
          recentUses: token.allowance.recentUses(now),
          refused: now >= token.refusedAtMs,
        },
        failure: failure && { reason: failure.reason, retryInMs: Math.max(0, failure.retryAtMs - now) },
      }));
    },
    takeNotice(client) {
      return entries.peek(client.key)?.idle.takeLearned() ? LEARNED : undefined;
    },
  };
}

const LEARNED =
  'its token was refused after a quiet time, and a new one is not: tokens are now renewed before use after 5 minutes without ' +
  "use; max_idle_seconds says the organisation's own idle timeout";

function useOf({ grantedAtMs, allowance }: HeldToken): TokenUse {
  return {
    grantedAtMs,
    uses: allowance.uses,
    wokeAtMs: allowance.wokeAtMs,
    lastUseMs: allowance.lastUseMs,
  };
}

function usable({ clientId }: OauthClient, token: HeldToken, failure: HeldFailure | undefined): UsableToken {
  const { value, ref, origin, allowance } = token;
  if (failure === undefined || failure.told) return { kind: 'token', value, ref, clientId, origin, allowance };
  failure.told = true;
  return { kind: 'token', value, ref, clientId, origin, allowance, warning: failure.reason };
}

function none(failure: HeldFailure, nowMs: number): NoToken {
  return { kind: 'none', reason: failure.reason, retryAfterMs: Math.max(0, failure.retryAtMs - nowMs) };
}

/**
 * Returns what is known of a token. A refused one counts as expired, so any other token replaces it. One that may have
 * idled out counts as unknown: it is alive if another node has used it.
 */
function knownToken(
  token: HeldToken | undefined,
  idle: IdleTimeout | undefined,
  nowMs: number,
): KnownToken | undefined {
  if (token === undefined) return undefined;
  if (nowMs >= token.refusedAtMs) return { ref: token.ref, remainingMs: 0 };
  if (idle?.mayBeDead(token.allowance, nowMs)) return undefined;
  return { ref: token.ref, remainingMs: Math.max(0, token.expiresAtMs - nowMs) };
}

/** What a flight knows of the token before. */
interface Before {
  known: KnownToken | undefined;
  maxIdleMs: number | undefined;
}

/** Runs one flight: attempts until there is a token, a refusal, or no attempt or time left. Never rejects. */
async function obtainToken(
  client: OauthClient,
  policy: FetchPolicy,
  store: TokenStore | undefined,
  before: Before,
  effects: Effects,
  timeline: Timeline,
): Promise<HeldToken | Fault> {
  const deadlineMs = effects.nowMs() + FLIGHT_DEADLINE_MS;
  for (let attempt = 1; ; attempt++) {
    const claim = await claimToken(client, policy, store, before, deadlineMs, effects, timeline);
    if (claim.kind !== 'lock') return claim;
    const sentAtMs = effects.nowMs();
    const timeoutMs = Math.min(policy.timeoutMs, deadlineMs - sentAtMs);
    const request = () => requestToken(client, timeoutMs, effects);
    const answer = await timed(timeline, 'login', request, ({ kind }) => kind === 'fault');
    const result = grantToken(answer, sentAtMs, policy, effects.nowMs());
    effects.countTokenRequest?.(result.kind === 'held' ? 'granted' : result.retryable ? 'failed' : 'refused');
    if (result.kind === 'held') {
      const { value, ref, lifetimeMs } = result;
      await claim.lock.save({ value, ref, lifetimeMs }, sentAtMs + lifetimeMs - effects.nowMs());
      return result;
    }
    await claim.lock.release();
    if (!result.retryable) return result;
    const delayMs = backoffMs(attempt, effects.random(), result.retryAfterMs);
    const inTime = effects.nowMs() + delayMs + SHORTEST_ATTEMPT_MS < deadlineMs;
    if (attempt >= policy.maxAttempts || !inTime) {
      return { ...result, reason: `${result.reason} (attempt ${attempt} of ${policy.maxAttempts})` };
    }
    await timed(timeline, 'wait', () => sleep(effects, delayMs));
  }
}

/** Looks whether another node has a token or is fetching one. Otherwise takes the right to ask login. */
async function claimToken(
  client: OauthClient,
  policy: FetchPolicy,
  store: TokenStore | undefined,
  { known, maxIdleMs }: Before,
  deadlineMs: number,
  effects: Effects,
  timeline: Timeline,
): Promise<HeldToken | Fault | { kind: 'lock'; lock: Lock }> {
  if (store === undefined) return { kind: 'lock', lock: ALONE };
  for (let round = 0; ; round++) {
    const askedAtMs = effects.nowMs();
    const ask = () => store.claim(client.key, known, policy.timeoutMs, maxIdleMs);
    const claim = await timed(timeline, 'redis', ask);
    if (claim.kind === 'lock') return claim;
    if (claim.kind === 'token') {
      const { token, remainingMs, unusedMs } = claim;
      const held = holdToken({ ...token, origin: 'redis' }, askedAtMs + remainingMs - token.lifetimeMs, policy);
      held.allowance.usedElsewhere(askedAtMs - unusedMs);
      // Too close to its end. The node that renews it will share a newer one.
      if (effects.nowMs() < held.expiresAtMs) return held;
    }
    const waitMs = Math.min(lockPollMs(round, effects.random()), claim.kind === 'wait' ? claim.atMostMs + 1 : 1000);
    if (effects.nowMs() + waitMs + SHORTEST_ATTEMPT_MS >= deadlineMs) {
      return trouble('another node was asking login, and had no token in time');
    }
    await timed(timeline, 'wait', () => sleep(effects, waitMs));
  }
}

/** Makes a token to hold from what login answered. */
function grantToken(
  result: GrantedToken | Fault,
  sentAtMs: number,
  policy: FetchPolicy,
  nowMs: number,
): (HeldToken & { lifetimeMs: number }) | Fault {
  if (result.kind === 'fault') return result;
  const { value, lifetimeMs } = result;
  // 96 bits make the name unique over all nodes.
  const ref = randomBytes(12).toString('base64url');
  const held = holdToken({ value, ref, lifetimeMs, origin: 'request' }, sentAtMs, policy);
  if (held.expiresAtMs <= nowMs) return unusable('login granted a token that had expired when it arrived');
  return { ...held, lifetimeMs };
}

/**
 * Sets the times of a token. Its life is counted from before the request was sent, because login counts from later. It
 * is renewed `refreshAheadMs` before its end, but not in the first half of its life. Otherwise a token that lives
 * little longer than `refreshAheadMs` would be renewed again and again.
 */
function holdToken(
  { value, ref, lifetimeMs, origin }: { value: string; ref: string; lifetimeMs: number; origin: TokenOrigin },
  grantedAtMs: number,
  policy: FetchPolicy,
): HeldToken {
  return {
    kind: 'held',
    value,
    ref,
    origin,
    grantedAtMs,
    renewAtMs: grantedAtMs + Math.max(lifetimeMs - policy.refreshAheadMs, lifetimeMs / 2, SHORTEST_USE_MS),
    expiresAtMs: grantedAtMs + Math.max(lifetimeMs - Math.min(LAST_MOMENTS_MS, lifetimeMs / 10), SHORTEST_USE_MS),
    allowance: createAllowance(grantedAtMs),
    refusedAtMs: Number.POSITIVE_INFINITY,
    sharedUseAtMs: grantedAtMs,
  };
}
