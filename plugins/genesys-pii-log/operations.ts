/** What an operator may see on the metrics port: what became of entries, and nothing of what is in them. */
import type { Operation } from '../shared/plugin.js';
import type { Requests } from './requests.js';
import type { SinkRegistry } from './sinks/registry.js';

export function createOperations(requests: Requests, sinks: SinkRegistry): Operation[] {
  return [
    {
      method: 'GET',
      path: '/log',
      run: () => ({ status: 200, body: { requests: requests.stats, sinks: sinks.stats } }),
    },
  ];
}
