/** The operations on the metrics port: they show the state of tokens and static credentials, never their values. */
import { LRUCache } from 'lru-cache';
import { credentialFingerprint } from '../shared/credential-fingerprint.js';
import type { Operation } from '../shared/plugin.js';
import type { OauthClient } from './login/client.js';
import type { TokenBroker } from './tokens/broker.js';
import type { Drain } from './tokens/pool.js';

export interface Operations extends Drain {
  operations: Operation[];
  /** Counts a use of a static credential. */
  countStatic(headerValue: string): void;
}

/** More static credentials than a gateway injects. The least recently used ones are dropped. */
const MAX_STATIC = 1000;

/** Makes the operations of a process. */
export function createOperations(broker: TokenBroker): Operations {
  /** The ids of drained OAuth clients. */
  const drained = new Set<string>();
  /** The static credentials by their header values. */
  const statics = new LRUCache<string, { uses: number; usedAtMs: number; fingerprint?: Promise<string> }>({
    max: MAX_STATIC,
  });

  const staticCredentials = (limit: number): Promise<unknown[]> =>
    Promise.all(
      [...statics.entries()].slice(0, limit).map(async ([headerValue, use]) => {
        use.fingerprint ??= credentialFingerprint(headerValue);
        const fingerprint = await use.fingerprint;
        return { fingerprint, uses: use.uses, last_used_seconds: seconds(performance.now() - use.usedAtMs) };
      }),
    );

  const tokens = (limit = Number.POSITIVE_INFINITY): unknown =>
    broker
      .states()
      .slice(0, limit)
      .map(({ client, held, maxIdleMs, failure }) => ({
        client_id: client.clientId,
        token_host: client.tokenHost,
        slot: client.slot,
        ...(client.scope === undefined ? {} : { scope: client.scope }),
        drained: drained.has(client.clientId),
        max_idle_seconds: maxIdleMs === undefined ? null : seconds(maxIdleMs),
        token:
          held === undefined
            ? null
            : {
                ref: held.ref,
                age_seconds: seconds(held.ageMs),
                expires_in_seconds: seconds(held.expiresInMs),
                renews_in_seconds: seconds(held.renewsInMs),
                uses: held.uses,
                uses_in_window: held.recentUses,
                idle_seconds: seconds(held.idleMs),
                refused: held.refused,
              },
        last_error:
          failure === undefined ? null : { reason: failure.reason, retry_in_seconds: seconds(failure.retryInMs) },
      }));

  /** Returns whether a query names a client. A query without `client_id` names all. */
  const named =
    (query: URLSearchParams) =>
    ({ clientId }: OauthClient): boolean =>
      !query.has('client_id') || query.get('client_id') === clientId;

  const known = (clientId: string): boolean => broker.states().some(({ client }) => client.clientId === clientId);

  /** Drains a client, or ends that, and answers with the new state. */
  const setDrained =
    (drain: boolean) =>
    (query: URLSearchParams): { status: number; body: unknown } => {
      const clientId = query.get('client_id');
      if (clientId === null) return { status: 400, body: { message: 'client_id is missing' } };
      if (drain && !known(clientId)) return { status: 404, body: { message: 'no such client' } };
      if (drain) drained.add(clientId);
      else drained.delete(clientId);
      return { status: 200, body: { tokens: tokens() } };
    };

  return {
    isDrained: (client) => drained.size > 0 && drained.has(client.clientId),
    countStatic(headerValue) {
      const use = statics.get(headerValue) ?? { uses: 0, usedAtMs: 0 };
      use.uses += 1;
      use.usedAtMs = performance.now();
      statics.set(headerValue, use);
    },
    operations: [
      {
        method: 'GET',
        path: '/credentials',
        run: async (query) => ({ status: 200, body: { credentials: await staticCredentials(limitOf(query)) } }),
      },
      { method: 'GET', path: '/tokens', run: (query) => ({ status: 200, body: { tokens: tokens(limitOf(query)) } }) },
      {
        method: 'POST',
        path: '/tokens/purge',
        run: (query) => ({ status: 200, body: { purged: broker.purge(named(query)) } }),
      },
      { method: 'POST', path: '/tokens/drain', run: setDrained(true) },
      { method: 'POST', path: '/tokens/undrain', run: setDrained(false) },
    ],
  };
}

/** How many are wanted, those that were used last: `limit=50`. Without, all. */
function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? '');
  return Number.isInteger(limit) && limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
