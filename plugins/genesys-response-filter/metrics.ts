/** The plugin's metrics: what happened to responses, and how much of them was left. */
import { counter, counterBy } from '../shared/metric-family.js';
import type { MetricFamily } from '../shared/plugin.js';

/**
 * What happened to a response: unchanged, filtered, without its body, or unchanged although it could not be filtered
 * (`on_error: pass`). `reported`: unchanged in report mode. `refused`: the request asked for another protocol and did not reach the service.
 */
export type Outcome = 'passed' | 'filtered' | 'blocked' | 'unfiltered' | 'refused' | 'reported';

/** Sums since the start of the process, over all configurations. */
export interface Totals {
  /** @param bytesIn of the service's body; @param bytesOut of what is left of it */
  count(outcome: Outcome, bytesIn: number, bytesOut: number): void;
  readonly responses: Readonly<Record<Outcome, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export function createTotals(): Totals {
  const responses = { passed: 0, filtered: 0, blocked: 0, unfiltered: 0, refused: 0, reported: 0 };
  const bytes = { in: 0, out: 0 };
  return {
    responses,
    get bytesIn() {
      return bytes.in;
    },
    get bytesOut() {
      return bytes.out;
    },
    count(outcome, bytesIn, bytesOut) {
      responses[outcome]++;
      bytes.in += bytesIn;
      bytes.out += bytesOut;
    },
  };
}

/** Makes the metrics of a process. */
export function createMetrics(totals: Totals): MetricFamily[] {
  return [
    counterBy(
      'verdict',
      'genesys_response_filter_responses_total',
      'Responses by verdict: passed, filtered, blocked, unfiltered (on_error: pass), refused (Upgrade requests), reported (report mode).',
      () => Object.entries(totals.responses),
    ),
    counter(
      'genesys_response_filter_bytes_in_total',
      'Bytes of bodies as the service sent them, compressed if it compressed them.',
      () => totals.bytesIn,
    ),
    counter(
      'genesys_response_filter_bytes_out_total',
      'Bytes of what is left of these bodies; nothing of one that is blocked.',
      () => totals.bytesOut,
    ),
  ];
}
