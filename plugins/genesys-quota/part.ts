/** Quotas as a part: genesys-quota and genesys-gateway hold it. */
import { definePart } from '../runtime/part.js';
import { accessStep } from './access.js';
import { readConfig } from './config.js';
import { freeStep } from './flights.js';
import { createHolds } from './limits/hold.js';
import { logStep } from './log.js';
import { createMetrics } from './metrics.js';
import { createNamespaces, giveBack } from './namespaces.js';
import { createOperations } from './operations.js';
import { Schema as fields } from './schema.js';

export const part = definePart({
  fields,
  phases: ['access', 'log'],
  optionalPhases: {
    'without-log': {
      phase: 'log',
      why: (field) =>
        field === 'concurrent' ? 'waits for requests to end' : 'is on by default and learns from answers',
      neededBy({ followUpstream, concurrent }) {
        if (concurrent.length > 0) return 'concurrent';
        return followUpstream ? 'follow_upstream' : undefined;
      },
    },
  },
  readConfig,
  start({ openRedis, countFile, windowFile }) {
    const namespaces = createNamespaces(openRedis, countFile, windowFile);
    const holds = createHolds();
    return {
      stepsOf(config) {
        const namespace = namespaces.open(config);
        const log = logStep(config, namespace);
        return {
          access: accessStep(config, namespace, holds),
          log: config.concurrent.length > 0 ? [log, freeStep(namespace)] : log,
        };
      },
      metrics: createMetrics(namespaces.all),
      operations: createOperations(namespaces.all),
      async shutdown() {
        await Promise.all(
          namespaces.all().map(async ({ usage, saved, shared }) => {
            await Promise.all([usage.flush(), saved?.flush(), shared && giveBack(shared, true)]);
          }),
        );
      },
    };
  },
});
