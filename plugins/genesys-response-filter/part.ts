/** The response filter as a part: genesys-response-filter and genesys-gateway hold it. */
import { definePart } from '../runtime/part.js';
import { realClock } from '../shared/clock.js';
import { trialOperation } from '../shared/trial.js';
import { accessStep } from './access.js';
import { readConfig } from './config.js';
import { createMetrics, createTotals } from './metrics.js';
import { createReports } from './reports.js';
import { createMemory, responseStep } from './response.js';
import { Schema as fields } from './schema.js';

export const part = definePart({
  fields,
  phases: ['access', 'response'],
  readConfig,
  start() {
    const totals = createTotals();
    const memory = createMemory(realClock);
    const access = accessStep(totals);
    const reports = createReports();
    return {
      stepsOf: (config) => ({
        // What could not be filtered is refused, unless nothing is.
        ...(config.reportsOnly ? {} : { access }),
        response: responseStep(config, totals, memory, reports),
      }),
      metrics: createMetrics(totals),
      operations: [reports.operation, trialOperation('/try/filter', new URL('./try-filter.js', import.meta.url))],
    };
  },
});
