/** What a process keeps as long as it lives: requests on their way, the thread that writes, and sums for operators. */
import { randomBytes } from 'node:crypto';
import type { RunningPart } from '../runtime/part.js';
import { realClock } from '../shared/clock.js';
import { accessStep } from './access.js';
import type { Config } from './config.js';
import { logStep } from './log.js';
import { createMetrics } from './metrics.js';
import { createOperations } from './operations.js';
import { createRequests } from './requests.js';
import { responseStep } from './response.js';
import { createTotals } from './totals.js';
import { createHandoff } from './writer/handoff.js';
import { openWriter } from './writer/thread.js';

/** How long the process waits for sinks when it ends: Kong lets an old one linger for 10 s. */
const FLUSH_MS = 5000;

/** Starts with nothing to write, and without the thread that writes. */
export function startLog(): RunningPart<Config> {
  const requests = createRequests(realClock);
  const totals = createTotals();
  const handoff = createHandoff({ openWriter, totals, lostEvents: () => requests.lost, clock: realClock });
  // The process' own: should both variants of the plugin be on a route, neither takes the other's mark.
  const marker = `genesys_pii_log_${randomBytes(8).toString('hex')}`;
  const reading = { bytes: 0 };
  return {
    stepsOf: ({ logsRequestBody, source, ...config }) => ({
      access: accessStep({ requests, marker, logsBody: logsRequestBody }),
      response: responseStep,
      log: logStep({
        ...config,
        requests,
        marker,
        totals,
        reading,
        handoff,
        target: handoff.open(source),
        random: realClock.random,
      }),
    }),
    operations: createOperations(requests, handoff, totals),
    metrics: createMetrics(requests, () => handoff.sinks, totals),
    refresh: () => handoff.refresh(),
    shutdown: (hurry) => handoff.flush(FLUSH_MS, hurry),
  };
}
