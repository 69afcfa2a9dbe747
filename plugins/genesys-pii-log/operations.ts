/** What an operator can query on the metrics port: what became of entries, and nothing of their content. */
import type { Operation } from '../shared/plugin.js';
import type { Requests } from './requests.js';
import type { Totals } from './totals.js';
import type { Handoff } from './writer/handoff.js';

export function createOperations(requests: Requests, handoff: Handoff, totals: Totals): Operation[] {
  return [
    {
      method: 'GET',
      path: '/log',
      async run() {
        await handoff.refresh();
        return {
          status: 200,
          body: { requests: requests.stats, entries: totals.outcomes, sinks: handoff.sinks },
        };
      },
    },
  ];
}
