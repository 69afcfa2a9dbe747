/** What an operator can query on the metrics port: use by consumer, which Genesys' bill does not show, and full limits. */
import type { Operation } from '../shared/plugin.js';
import type { Namespace } from './namespaces.js';

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;

/** Makes the operations of a process. */
export function createOperations(all: () => readonly Namespace[]): Operation[] {
  return [
    {
      method: 'GET',
      path: '/usage',
      async run(query) {
        const month = query.get('month') ?? new Date().toISOString().slice(0, 7);
        if (!MONTH.test(month))
          return { status: 400, body: { message: 'month is a year and a month, such as 2026-11' } };
        const namespaces = await Promise.all(all().map((namespace) => describe(namespace, month)));
        return { status: 200, body: { month, namespaces } };
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

async function describe({ name, usage, local }: Namespace, month: string): Promise<unknown> {
  const common = { namespace: name, storage: usage.storage, identities: local.identities() };
  const consumers = await usage.read(month).catch(() => undefined);
  // An unknown number is not zero.
  if (consumers === undefined) return { ...common, error: 'Redis cannot be used', consumers: null };
  return { ...common, consumers };
}
