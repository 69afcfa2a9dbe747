/** What an operator can ask on the metrics port: what became of entries, nothing of their content, and to try rules. */
import type { Operation } from '../shared/plugin.js';
import { trialOperation } from '../shared/trial.js';
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
    trialOperation('/try/audit', new URL('./try-audit.js', import.meta.url)),
  ];
}
