/** genesys-response-filter: lets only those fields out of the gateway that a rule allows. */
import { kongModule } from '../runtime/kong-module.js';
import { realClock } from '../shared/clock.js';
import { accessStep } from './access.js';
import { readConfig } from './config.js';
import { createMetrics, createTotals } from './metrics.js';
import { createMemory, responseStep } from './response.js';
import { Schema as fields, PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-response-filter',
  version: '0.1.0',
  // The last of the suite, because its exit ends the response phase.
  priority: 790,
  pluginFields,
  part: {
    fields,
    phases: ['access', 'response'],
    readConfig,
    start() {
      const totals = createTotals();
      const memory = createMemory(realClock);
      const access = accessStep(totals);
      return {
        stepsOf: (config) => ({ access, response: responseStep(config, totals, memory) }),
        metrics: createMetrics(totals),
      };
    },
  },
});
