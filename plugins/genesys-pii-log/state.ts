/** What a process keeps as long as it lives: requests on their way, sinks, and sums for operators. */
import { randomBytes } from 'node:crypto';
import type { RunningPart } from '../runtime/part.js';
import { realClock } from '../shared/clock.js';
import { accessStep } from './access.js';
import type { Config } from './config.js';
import { logStep } from './log.js';
import { ExtraSearchTime } from './mask/search-time.js';
import { createMetrics } from './metrics.js';
import { createOperations } from './operations.js';
import { createRequests } from './requests.js';
import { responseStep } from './response.js';
import { createSinkRegistry } from './sinks/registry.js';
import { createTotals } from './totals.js';

/** How long the process waits for sinks when it ends: Kong lets an old one linger for 10 s. */
const FLUSH_MS = 5000;

/** Starts with nothing to write. */
export function startLog(): RunningPart<Config> {
  const requests = createRequests(realClock);
  const sinks = createSinkRegistry(() => requests.lost);
  const totals = createTotals();
  // The process' own: should both variants of the plugin be on a route, neither takes the other's mark.
  const marker = `genesys_pii_log_${randomBytes(8).toString('hex')}`;
  const work = { bytes: 0 };
  const extraSearchTime = new ExtraSearchTime(realClock);
  return {
    stepsOf: ({ logsRequestBody, sinks: settings, ...config }) => ({
      access: accessStep({ requests, marker, logsBody: logsRequestBody }),
      response: responseStep,
      log: logStep({
        ...config,
        requests,
        marker,
        totals,
        work,
        extraSearchTime,
        sinks: settings.map((each) => sinks.sinkOf(each)),
        random: realClock.random,
      }),
    }),
    operations: createOperations(requests, sinks, totals),
    metrics: createMetrics(requests, sinks, totals),
    shutdown: (hurry) => sinks.flush(FLUSH_MS, hurry),
  };
}
