/**
 * Holds the tokens of all OAuth clients of this process, and fetches them: one flight per client at a time, ahead of
 * expiry in the background, with a memory of failures so that a login in trouble is not stormed.
 *
 * State is keyed by `OauthClient.key`. Nothing here throws; a request gets a token or learns when to come back.
 */
import { LRUCache } from 'lru-cache';
import type { FetchPolicy, OauthClient } from './config.js';
import { type Effects, sleep } from './effects.js';
import { backoffMs, holdMs } from './retry.js';
import { requestToken } from './token-request.js';
import { type Fault, type GrantedToken, trouble } from './token-response.js';

/**
 * How long a flight lasts at most, all attempts and pauses together, and so how long a request waits: well below the
 * plugin server's deadline of 30 s for a handler, and room for three attempts of 5 s.
 */
export const FLIGHT_DEADLINE_MS = 20_000;

/** An attempt that would have less time than this is not made. */
const SHORTEST_ATTEMPT_MS = 50;
/** More OAuth clients than one gateway serves; tokens not asked for longest go first. */
const MAX_CLIENTS = 10_000;

/** A token to be used now. */
export interface UsableToken {
  kind: 'token';
  value: string;
  /** Once per failed renewal: what to log. The token itself is still valid. */
  warning?: string;
}

/** No token now. */
export interface NoToken {
  kind: 'none';
  /** For the log: bounded, one line, no secret. */
  reason: string;
  /** After that, asking again makes sense. */
  retryAfterMs: number;
}

export type TokenOutcome = UsableToken | NoToken;

export interface TokenBroker {
  /**
   * Gets a token: at once if a valid one is in memory or a failure is remembered, else as a promise that never rejects
   * and settles within `FLIGHT_DEADLINE_MS`. A flight runs under the policy of the request that started it.
   */
  get(client: OauthClient, policy: FetchPolicy): TokenOutcome | Promise<TokenOutcome>;
}

interface HeldToken {
  kind: 'held';
  value: string;
  /** From here on it is renewed in the background. */
  renewAtMs: number;
  /** From here on it is not used. */
  expiresAtMs: number;
}

interface HeldFailure {
  reason: string;
  /** Until then login is not asked. */
  retryAtMs: number;
  /** Failed flights in a row. */
  consecutive: number;
  /** A warning has told it. */
  told: boolean;
}

interface Entry {
  token?: HeldToken;
  failure?: HeldFailure;
}

/** Makes a broker without any token. A process has one, shared by all instances of the plugin. */
export function createTokenBroker(effects: Effects): TokenBroker {
  const entries = new LRUCache<string, Entry>({ max: MAX_CLIENTS });
  const flights = new Map<string, Promise<TokenOutcome>>();

  function get(client: OauthClient, policy: FetchPolicy): TokenOutcome | Promise<TokenOutcome> {
    const now = effects.nowMs();
    const { token, failure } = entries.get(client.key) ?? {};
    const holdOff = failure !== undefined && now < failure.retryAtMs ? failure : undefined;
    if (token !== undefined && now < token.expiresAtMs) {
      if (now >= token.renewAtMs && holdOff === undefined) void fly(client, policy);
      return usable(token, failure);
    }
    return holdOff === undefined ? fly(client, policy) : none(holdOff, now);
  }

  /** Joins the flight of this client, or starts it. */
  function fly(client: OauthClient, policy: FetchPolicy): Promise<TokenOutcome> {
    const running = flights.get(client.key);
    if (running !== undefined) return running;
    const flight = obtainToken(client, policy, effects).then((result) => {
      flights.delete(client.key);
      return result.kind === 'held' ? keepToken(client, result) : keepFailure(client, result);
    });
    flights.set(client.key, flight);
    return flight;
  }

  function keepToken(client: OauthClient, token: HeldToken): UsableToken {
    entries.set(client.key, { token });
    return { kind: 'token', value: token.value };
  }

  function keepFailure(client: OauthClient, fault: Fault): NoToken {
    const before = entries.get(client.key) ?? {};
    const now = effects.nowMs();
    const consecutive = (before.failure?.consecutive ?? 0) + 1;
    const retryAtMs = now + holdMs(fault, consecutive, effects.random());
    const failure: HeldFailure = { reason: fault.reason, retryAtMs, consecutive, told: false };
    // The old token stays: it is used until it really expires.
    entries.set(client.key, { ...before, failure });
    return none(failure, now);
  }

  return { get };
}

function usable(token: HeldToken, failure: HeldFailure | undefined): UsableToken {
  if (failure === undefined || failure.told) return { kind: 'token', value: token.value };
  failure.told = true;
  return { kind: 'token', value: token.value, warning: failure.reason };
}

function none(failure: HeldFailure, nowMs: number): NoToken {
  return { kind: 'none', reason: failure.reason, retryAfterMs: Math.max(0, failure.retryAtMs - nowMs) };
}

/**
 * One flight: attempts until there is a token, a refusal, no attempt left, or no time left. Never rejects.
 */
async function obtainToken(client: OauthClient, policy: FetchPolicy, effects: Effects): Promise<HeldToken | Fault> {
  const deadlineMs = effects.nowMs() + FLIGHT_DEADLINE_MS;
  for (let attempt = 1; ; attempt++) {
    const sentAtMs = effects.nowMs();
    const timeoutMs = Math.min(policy.timeoutMs, deadlineMs - sentAtMs);
    const result = holdToken(await requestToken(client, timeoutMs, effects), sentAtMs, policy, effects.nowMs());
    if (result.kind === 'held' || !result.retryable) return result;
    const delayMs = backoffMs(attempt, effects.random(), result.retryAfterMs);
    const inTime = effects.nowMs() + delayMs + SHORTEST_ATTEMPT_MS < deadlineMs;
    if (attempt >= policy.maxAttempts || !inTime) {
      return { ...result, reason: `${result.reason} (attempt ${attempt} of ${policy.maxAttempts})` };
    }
    await sleep(effects, delayMs);
  }
}

/**
 * Sets the times of a granted token. Its life is counted from before the request was sent, since login began to count
 * after that. It is renewed `refreshAheadMs` before its end but not in the first half of its life: otherwise a token that
 * lives little longer than that would be renewed at once, over and over.
 */
function holdToken(
  result: GrantedToken | Fault,
  sentAtMs: number,
  policy: FetchPolicy,
  nowMs: number,
): HeldToken | Fault {
  if (result.kind === 'fault') return result;
  const { value, lifetimeMs } = result;
  if (sentAtMs + lifetimeMs <= nowMs) return trouble('login granted a token that had expired when it arrived');
  const renewAtMs = sentAtMs + Math.max(lifetimeMs - policy.refreshAheadMs, lifetimeMs / 2);
  return { kind: 'held', value, renewAtMs, expiresAtMs: sentAtMs + lifetimeMs };
}
