/** What an operator can query on the metrics port: use by consumer, which Genesys' bill does not show, and full limits. */
import type { Operation } from '../shared/plugin.js';
import { readSpan, type Span } from '../shared/use-counts/span.js';
import type { Namespace } from './namespaces.js';

/** Makes the operations of a process. */
export function createOperations(all: () => readonly Namespace[]): Operation[] {
  return [
    {
      method: 'GET',
      path: '/usage',
      async run(query) {
        const span = readSpan(query, Date.now());
        if (typeof span === 'string') return { status: 400, body: { message: span } };
        const byDay = query.get('by') === 'day';
        const namespaces = await Promise.all(all().map((namespace) => describe(namespace, span, byDay)));
        return { status: 200, body: { month: monthOf(query, span), ...span, namespaces } };
      },
    },
    {
      method: 'GET',
      path: '/budgets',
      run: () => ({ status: 200, body: { budgets: all().flatMap(budgetsOf) } }),
    },
  ];
}

/** How full a namespace's counters are, as this node has met them last. */
function budgetsOf({ name, gauges }: Namespace): unknown[] {
  return gauges.read(Date.now() * 1000).map(({ limit, who = null, used, of, resetsInMs }) => ({
    namespace: name,
    limit,
    who,
    used,
    of,
    resets_in_seconds: resetsInMs === undefined ? null : Math.ceil(resetsInMs / 1000),
  }));
}

/** Returns the month that was asked for; undefined if it was a span. */
function monthOf(query: URLSearchParams, { since }: Span): string | undefined {
  return query.has('since') ? undefined : since.slice(0, 7);
}

async function describe({ name, usage, local }: Namespace, span: Span, byDay: boolean): Promise<unknown> {
  const common = { namespace: name, storage: usage.storage, identities: local.identities() };
  const consumers = await usage.read(span).catch(() => undefined);
  // An unknown number is not zero.
  if (consumers === undefined) {
    const error = usage.storage === 'redis' ? 'Redis cannot be used' : 'the file cannot be used';
    return { ...common, error, consumers: null };
  }
  return { ...common, consumers: consumers.map(({ days, ...one }) => (byDay ? { ...one, days } : one)) };
}
