/**
 * The tokens of one configuration. Spreads requests evenly over the rate limits of the tokens, and skips tokens that
 * Genesys has closed for a while. Tokens and their use belong to the broker, so that all instances with the same OAuth
 * client see the same.
 */

import { createHash } from 'node:crypto';
import type { Timeline } from '../../shared/timeline.js';
import type { Effects } from '../effects.js';
import type { ClientSource, FetchPolicy, OauthClient } from '../login/client.js';
import type { SharedMarks } from '../marks.js';
import type { NoToken, TokenBroker, TokenOutcome, UsableToken } from './broker.js';
import { createRouteClosures, type RouteClosures, type RouteRefusal } from './route-closures.js';
import type { TokenStore } from './store.js';

/** Genesys has closed every token of the pool for a while. */
export interface Exhausted {
  kind: 'exhausted';
  /** The time until the first of them opens. */
  retryAfterMs: number;
}

export type PoolOutcome = TokenOutcome | Exhausted;

export interface TokenPool {
  /**
   * Takes a token for one request and counts its use. Returns it at once if it is in memory, otherwise as a promise
   * that never rejects.
   * @param route the request's route, if `dependsOnRoute` returned true
   * @param timeline notes what the promise waits for
   */
  take(route?: string, timeline?: Timeline): PoolOutcome | Promise<PoolOutcome>;
  /** Returns whether the choice depends on the request's route. The route is read only then. */
  dependsOnRoute(): boolean;
  /** Records a 429 about no token in particular. @returns whether the route is closed for all tokens of the pool */
  refused(refusal: RouteRefusal): boolean;
  /** The highest number of tokens. */
  readonly size: number;
  /** The pool's name in log lines. */
  readonly name: string;
  /** Returns what to log about unreadable secrets and the shared cache. */
  takeWarning(): string | undefined;
}

/** What the pool asks about an operator's wishes. */
export interface Drain {
  /** Returns whether to spare this client's tokens. */
  isDrained(client: OauthClient): boolean;
}

/** Makes the pool of a configuration. */
export function createTokenPool(
  { sources, policy, store }: { sources: ClientSource[]; policy: FetchPolicy; store: TokenStore | undefined },
  broker: TokenBroker,
  drain: Drain,
  { nowMs, countTokenUse }: Pick<Effects, 'nowMs' | 'countTokenUse'>,
  { closures, shared }: { closures: RouteClosures; shared: SharedMarks | undefined } = {
    closures: createRouteClosures({ nowMs }),
    shared: undefined,
  },
): TokenPool {
  const slots = sources.map((source) => createSlot(source, policy, store, broker));
  const key = poolKey(sources);

  function take(route?: string, timeline?: Timeline): PoolOutcome | Promise<PoolOutcome> {
    const closedMs = route === undefined ? 0 : closures.waitMs(key, route);
    if (closedMs > 0) return { kind: 'exhausted', retryAfterMs: closedMs };
    const outcomes = slotsInUse().map((slot) => slot.get(timeline));
    const chosen = choose(outcomes.filter(isToken), route);
    if (chosen?.kind === 'token') {
      countTokenUse?.('memory', chosen.clientId);
      return chosen;
    }
    const flights = outcomes.filter((outcome) => outcome instanceof Promise);
    if (flights.length > 0) return takeLate(flights, outcomes, route);
    return chosen ?? soonest(outcomes.filter(isSettled));
  }

  /** Waits for the first flight that gets a token, then chooses again: other flights may have got theirs meanwhile. */
  async function takeLate(
    flights: Promise<TokenOutcome>[],
    outcomes: (TokenOutcome | Promise<TokenOutcome>)[],
    route: string | undefined,
  ): Promise<PoolOutcome> {
    await firstToken(flights);
    const chosen = choose(
      slotsInUse().flatMap((slot) => slot.peek() ?? []),
      route,
    );
    if (chosen?.kind === 'token') return waitedFor(chosen);
    const settled = await Promise.all(outcomes);
    const last = choose(settled.filter(isToken), route);
    return last?.kind === 'token' ? waitedFor(last) : (last ?? soonest(settled));
  }

  function waitedFor(token: UsableToken): UsableToken {
    countTokenUse?.(token.origin, token.clientId);
    return token;
  }

  /** Returns the slots that are not drained. If all are drained, returns all: draining never refuses a request. */
  function slotsInUse(): Slot[] {
    const left = slots.filter((slot) => !drain.isDrained(slot.client()));
    return left.length === 0 ? slots : left;
  }

  /**
   * Takes the open token with the least recent use, and counts the use. If all tokens are closed, returns for how long.
   * Returns undefined if there are no tokens.
   */
  function choose(tokens: UsableToken[], route: string | undefined): UsableToken | Exhausted | undefined {
    const now = nowMs();
    let best: UsableToken | undefined;
    let bestUses = Number.POSITIVE_INFINITY;
    let shortestWaitMs = Number.POSITIVE_INFINITY;
    for (const token of tokens) {
      const waitMs = token.allowance.waitMs(now, route);
      const uses = token.allowance.recentUses(now);
      if (waitMs > 0) shortestWaitMs = Math.min(shortestWaitMs, waitMs);
      else if (uses < bestUses) {
        best = token;
        bestUses = uses;
      }
    }
    best?.allowance.use(now);
    return best ?? (tokens.length === 0 ? undefined : { kind: 'exhausted', retryAfterMs: shortestWaitMs });
  }

  return {
    take,
    refused: (refusal) => closures.refused(key, refusal, shared),
    dependsOnRoute() {
      if (!closures.isEmpty(shared)) return true;
      const now = nowMs();
      return slots.some((slot) => broker.peek(slot.client())?.allowance.dependsOnRoute(now) === true);
    },
    size: slots.length,
    name: poolName(sources),
    takeWarning() {
      for (const source of sources) {
        const warning = source.takeWarning();
        if (warning !== undefined) return warning;
        const notice = broker.takeNotice(source.current());
        if (notice !== undefined) return `${poolName([source])}: ${notice}`;
      }
      return store?.takeNotice()?.message;
    },
  };
}

function isToken(outcome: TokenOutcome | Promise<TokenOutcome>): outcome is UsableToken {
  return isSettled(outcome) && outcome.kind === 'token';
}

function isSettled(outcome: TokenOutcome | Promise<TokenOutcome>): outcome is TokenOutcome {
  return !(outcome instanceof Promise);
}

/** Settles with the first flight that gets a token, or with the last one if none does. */
async function firstToken(flights: Promise<TokenOutcome>[]): Promise<void> {
  const bringing = flights.map(async (flight) => {
    if ((await flight).kind === 'none') throw new Error('no token');
  });
  await Promise.any(bringing).catch(() => {});
}

/** Returns the failure that ends first. */
function soonest(outcomes: TokenOutcome[]): TokenOutcome {
  return outcomes.reduce((first, next) => {
    if (first.kind === 'token' || next.kind === 'token') return first.kind === 'token' ? first : next;
    return next.retryAfterMs < first.retryAfterMs ? next : first;
  });
}

interface Slot {
  client(): OauthClient;
  get(timeline?: Timeline): TokenOutcome | Promise<TokenOutcome>;
  /** Returns the token in memory. */
  peek(): UsableToken | undefined;
}

/**
 * Makes the slot of one token in the pool. When its secret changes, the old secret's token stays in use until there is
 * one for the new secret. If login refuses the new secret, the old one stays in use.
 */
function createSlot(
  source: ClientSource,
  policy: FetchPolicy,
  store: TokenStore | undefined,
  broker: TokenBroker,
): Slot {
  let newest = source.current();
  let previous: OauthClient | undefined;
  let warnedOf: OauthClient | undefined;

  function get(timeline?: Timeline): TokenOutcome | Promise<TokenOutcome> {
    const current = source.current();
    if (current !== newest) {
      // After several changes in a row, falls back on the last secret that got a token.
      if (previous === undefined || broker.peek(newest) !== undefined) previous = newest;
      newest = current;
    }
    const outcome = broker.get(newest, policy, store, timeline);
    if (previous === undefined) return outcome;
    const old = previous;
    if (outcome instanceof Promise) {
      return broker.peek(old) ?? outcome.then((late) => (late.kind === 'none' ? fallBack(old, late) : late));
    }
    if (outcome.kind === 'none') return fallBack(old, outcome);
    previous = undefined;
    return outcome;
  }

  function fallBack(old: OauthClient, failed: NoToken): TokenOutcome | Promise<TokenOutcome> {
    const outcome = broker.get(old, policy, store);
    if (outcome instanceof Promise || outcome.kind === 'none' || warnedOf === newest) return outcome;
    warnedOf = newest;
    return { ...outcome, warning: `its new secret has got no token, and the old one stays in use: ${failed.reason}` };
  }

  return {
    client: () => newest,
    get,
    peek: () => broker.peek(newest) ?? (previous && broker.peek(previous)),
  };
}

/** Names a pool, the same on all nodes, by the digests of its tokens' clients. */
function poolKey(sources: readonly ClientSource[]): string {
  const keys = sources.map((source) => source.current().key).sort();
  return createHash('sha256').update(keys.join(' ')).digest('base64url');
}

function poolName(sources: readonly ClientSource[]): string {
  const clients = sources.map((source) => source.current());
  const ids = [...new Set(clients.map(({ clientId }) => JSON.stringify(clientId.slice(0, 100))))];
  const shown = ids.length > 3 ? `${ids.slice(0, 3).join(', ')} and ${ids.length - 3} more` : ids.join(', ');
  return `OAuth client${ids.length === 1 ? '' : 's'} ${shown} at ${clients[0]?.tokenHost}`;
}
