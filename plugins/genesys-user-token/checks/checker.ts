/**
 * Checks tokens of one region, and keeps the results for a short time. A token is kept only as a keyed digest, whose key
 * is random and in this process alone. However many requests bring a token at once, it is checked once.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { createByteBudget, NoRoom } from '../../shared/byte-budget.js';
import { createCircuitBreaker } from '../../shared/circuit-breaker.js';
import type { Clock } from '../../shared/clock.js';
import { type AskEffects, askOwner, type GenesysAnswer, type GenesysApi } from './ask-genesys.js';
import { createRefusalBudget, type RefusalLimits } from './refusal-budget.js';

/** How long results are used, and how many refused tokens are too many. */
export interface CheckPolicy extends RefusalLimits {
  cacheMs: number;
  /** The limit of one check, once it is its turn. */
  timeoutMs: number;
}

export type CheckResult =
  | Extract<GenesysAnswer, { kind: 'owner' | 'refused' | 'busy' }>
  /** Too many tokens were refused, so this one is not checked. */
  | { kind: 'limited'; retryAfterMs: number }
  /** Genesys is away, or too many checks wait. */
  | { kind: 'failed'; retryAfterMs: number };

export interface TokenChecker {
  /**
   * Returns whose token it is. Does not wait if that is known.
   * @param address of the client, by which refused tokens are counted
   */
  check(token: string, address: string, policy: CheckPolicy): CheckResult | Promise<CheckResult>;
  /** Forgets a token, such as one that its owner has revoked. */
  forget(token: string): void;
  /** Adds groups whose members are told apart from now on. In lower case. */
  watchGroups(groupIds: readonly string[]): void;
  /** Returns a problem to log, once. */
  takeNotice(): string | undefined;
  /** Returns how many tokens are kept that Genesys accepted. */
  readonly size: number;
}

export interface CheckerEffects extends AskEffects, Pick<Clock, 'startTimer'> {
  /** Counts a check by how it ended. */
  countCheck(result: GenesysAnswer['kind']): void;
}

/** About 5 MB. The tokens that were used longest ago go first. */
const MAX_OWNERS = 10_000;
/** A flood of refused tokens drops only other refused ones. */
const MAX_REFUSED = 10_000;
/** Checks of unknown tokens that run at once. More wait for their turn. */
const MAX_CHECKS = 64;
/** How long a check waits for its turn. */
const MAX_WAIT_MS = 5_000;
/** While Genesys fails, it is asked this often. */
const BREAKER = { failures: 5, windowMs: 10_000, openMs: 1_000, maxOpenMs: 10_000 };
/** After a failure that did not open the breaker. */
const RETRY_MS = 1_000;

interface Flight {
  result: Promise<CheckResult>;
  /** Whether the token was forgotten meanwhile, so that the result must not be kept. */
  isForgotten: boolean;
}

/** Makes the checker of one region. */
export function createTokenChecker(api: GenesysApi, effects: CheckerEffects): TokenChecker {
  const key = randomBytes(32);
  const owners = new LRUCache<string, { result: Extract<CheckResult, { kind: 'owner' }>; atMs: number }>({
    max: MAX_OWNERS,
  });
  const refused = new LRUCache<string, { result: CheckResult; atMs: number; untilMs: number }>({ max: MAX_REFUSED });
  const flights = new Map<string, Flight>();
  const groups = new Set<string>();
  const budget = createRefusalBudget();
  const room = createByteBudget(MAX_CHECKS, MAX_WAIT_MS, effects);
  const breaker = createCircuitBreaker(BREAKER);
  let notice: string | undefined;

  const digestOf = (token: string): string => createHmac('sha256', key).update(token).digest('base64url');

  /** Returns the result of an earlier check that still counts. */
  function remembered(digest: string, { cacheMs }: CheckPolicy, nowMs: number): CheckResult | undefined {
    const known = owners.get(digest);
    if (known !== undefined && nowMs - known.atMs < cacheMs) return known.result;
    const no = refused.get(digest);
    if (no === undefined || nowMs >= Math.min(no.untilMs, no.atMs + cacheMs)) return undefined;
    return no.result.kind === 'busy' ? { kind: 'busy', retryAfterMs: no.untilMs - nowMs } : no.result;
  }

  /** Checks a token that is not remembered. One that was accepted before has nothing to do with the limits. */
  async function checkAnew(
    digest: string,
    token: string,
    address: string,
    policy: CheckPolicy,
    flight: Pick<Flight, 'isForgotten'>,
  ): Promise<CheckResult> {
    if (owners.has(digest)) return ask(digest, token, policy, flight);
    const limited = (): CheckResult | undefined => {
      const retryAfterMs = budget.waitMs(address, policy, effects.nowMs());
      return retryAfterMs > 0 ? { kind: 'limited', retryAfterMs } : undefined;
    };
    const before = limited();
    if (before !== undefined) return before;
    try {
      return await room.run(1, async () => {
        // While this one waited, others of its address may have been refused.
        const after = limited();
        if (after !== undefined) return after;
        const result = await ask(digest, token, policy, flight);
        if (result.kind === 'refused') budget.count(address, effects.nowMs());
        return result;
      });
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      return { kind: 'failed', retryAfterMs: RETRY_MS };
    }
  }

  async function ask(
    digest: string,
    token: string,
    { timeoutMs, cacheMs }: CheckPolicy,
    flight: Pick<Flight, 'isForgotten'>,
  ): Promise<CheckResult> {
    const waitMs = breaker.enter(effects.nowMs());
    if (waitMs > 0) return { kind: 'failed', retryAfterMs: waitMs };
    // Counted from before the request, so that nothing is used for longer than it may be.
    const atMs = effects.nowMs();
    const result = await askOwner(token, api, groups, timeoutMs, effects);
    effects.countCheck(result.kind);
    if (result.kind === 'failed') {
      breaker.failed(effects.nowMs());
      notice = `tokens of users cannot be checked: ${result.reason}`;
      return { kind: 'failed', retryAfterMs: RETRY_MS };
    }
    breaker.succeeded(effects.nowMs());
    if (!flight.isForgotten) {
      owners.delete(digest);
      refused.delete(digest);
      if (result.kind === 'owner') owners.set(digest, { result, atMs });
      else
        refused.set(digest, { result, atMs, untilMs: atMs + (result.kind === 'busy' ? result.retryAfterMs : cacheMs) });
    }
    return result;
  }

  return {
    check(token, address, policy) {
      const digest = digestOf(token);
      const known = remembered(digest, policy, effects.nowMs()) ?? flights.get(digest)?.result;
      if (known !== undefined) return known;
      const state = { isForgotten: false };
      const result = checkAnew(digest, token, address, policy, state).finally(() => {
        if (flights.get(digest) === flight) flights.delete(digest);
      });
      const flight: Flight = Object.assign(state, { result });
      flights.set(digest, flight);
      return result;
    },
    forget(token) {
      const digest = digestOf(token);
      owners.delete(digest);
      const flight = flights.get(digest);
      if (flight !== undefined) flight.isForgotten = true;
      flights.delete(digest);
    },
    watchGroups(groupIds) {
      const before = groups.size;
      for (const id of groupIds) groups.add(id);
      if (groups.size === before) return;
      // What is kept, or asked right now, says nothing about the new groups.
      owners.clear();
      for (const flight of flights.values()) flight.isForgotten = true;
    },
    takeNotice() {
      const taken = notice;
      notice = undefined;
      return taken;
    },
    get size() {
      return owners.size;
    },
  };
}
