/**
 * Counts requests by the OAuth client whose token they got, by day (UTC): Genesys' own report is by client. On this
 * machine, in a file (`--state-dir`), or of this process since it started.
 */
import type { Operation } from '../shared/plugin.js';
import { createUseCounts } from '../shared/use-counts/counts.js';
import type { CountFile } from '../shared/use-counts/file.js';
import { readSpan } from '../shared/use-counts/span.js';

export interface ClientUse {
  count(clientId: string): void;
  flush(): Promise<void>;
  operation: Operation;
}

export function createClientUse(file: CountFile | undefined): ClientUse {
  const counts = createUseCounts(file?.section('clients'));
  return {
    count: (clientId) => counts.count(clientId, 1, Date.now()),
    flush: counts.flush,
    operation: {
      method: 'GET',
      path: '/usage/clients',
      async run(query) {
        const span = readSpan(query, Date.now());
        if (typeof span === 'string') return { status: 400, body: { message: span } };
        const { storage } = counts;
        const uses = await counts.read(span).catch(() => undefined);
        // An unknown number is not zero.
        if (uses === undefined) {
          return { status: 200, body: { ...span, storage, error: 'the file cannot be used', clients: null } };
        }
        const clients = new Map<string, { client_id: string; requests: number; days: Record<string, number> }>();
        for (const { field, period, count } of uses) {
          const client = clients.get(field) ?? { client_id: field, requests: 0, days: {} };
          client.requests += count;
          client.days[period] = (client.days[period] ?? 0) + count;
          clients.set(field, client);
        }
        const byDay = query.get('by') === 'day';
        const list = [...clients.values()].sort((a, b) => b.requests - a.requests);
        return {
          status: 200,
          body: { ...span, storage, clients: list.map(({ days, ...one }) => (byDay ? { ...one, days } : one)) },
        };
      },
    },
  };
}
