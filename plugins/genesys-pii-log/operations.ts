/** What an operator can query on the metrics port: what became of entries, and nothing of their content. */
import type { Operation } from '../shared/plugin.js';
import type { Requests } from './requests.js';
import type { SinkRegistry } from './sinks/registry.js';
import type { Totals } from './totals.js';

export function createOperations(requests: Requests, sinks: SinkRegistry, totals: Totals): Operation[] {
  return [
    {
      method: 'GET',
      path: '/log',
      run: () => ({ status: 200, body: { requests: requests.stats, entries: totals.outcomes, sinks: sinks.stats } }),
    },
  ];
}
