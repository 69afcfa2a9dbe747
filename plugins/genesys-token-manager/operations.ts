/** What an operator may see and do on the metrics port: the state of every token, never a token. */
import type { Operation } from '../shared/plugin.js';
import type { OauthClient } from './config.js';
import type { TokenBroker } from './token-broker.js';
import type { Drain } from './token-pool.js';

export interface Operations extends Drain {
  operations: Operation[];
}

/** Makes the operations of a process. */
export function createOperations(broker: TokenBroker): Operations {
  /** Ids of OAuth clients. */
  const drained = new Set<string>();

  const tokens = (): unknown =>
    broker.states().map(({ client, held, failure }) => ({
      client_id: client.clientId,
      token_host: client.tokenHost,
      slot: client.slot,
      ...(client.scope === undefined ? {} : { scope: client.scope }),
      drained: drained.has(client.clientId),
      token:
        held === undefined
          ? null
          : {
              ref: held.ref,
              age_seconds: seconds(held.ageMs),
              expires_in_seconds: seconds(held.expiresInMs),
              uses: held.uses,
              uses_in_window: held.recentUses,
              refused: held.refused,
            },
      last_error:
        failure === undefined ? null : { reason: failure.reason, retry_in_seconds: seconds(failure.retryInMs) },
    }));

  /** The clients that a query names; without one, all. */
  const named =
    (query: URLSearchParams) =>
    ({ clientId }: OauthClient): boolean =>
      !query.has('client_id') || query.get('client_id') === clientId;

  const known = (clientId: string): boolean => broker.states().some(({ client }) => client.clientId === clientId);

  /** Changes the list of drained clients, and answers with the state that comes of it. */
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
    operations: [
      { method: 'GET', path: '/tokens', run: () => ({ status: 200, body: { tokens: tokens() } }) },
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

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
