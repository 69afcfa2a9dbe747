/** The plugin's metrics: what becomes of entries, and how much was masked. Nothing of their content. */
import { counter, counterBy, gauge, merged, sum } from '../shared/metric-family.js';
import type { MetricFamily, MetricSample } from '../shared/plugin.js';
import type { Requests } from './requests.js';
import type { SinkStats } from './sinks/sink.js';
import type { Totals } from './totals.js';

/** Makes the metrics of a process. */
export function createMetrics(requests: Requests, sinks: () => readonly SinkStats[], totals: Totals): MetricFamily[] {
  /** Merges sinks of the same name, which several configurations may have. */
  const bySink = (read: (stats: SinkStats) => Record<string, number>, label: string) =>
    merged(samplesOfSinks(read, label), sum);

  function* samplesOfSinks(read: (stats: SinkStats) => Record<string, number>, label: string): Iterable<MetricSample> {
    for (const stats of sinks()) {
      for (const [key, value] of Object.entries(read(stats))) {
        yield { labels: label === '' ? { sink: stats.name } : { sink: stats.name, [label]: key }, value };
      }
    }
  }

  return [
    counterBy(
      'rule',
      'genesys_pii_log_masked_total',
      'Values that were masked, by the rules of masked in entries; at most 500 rules, the rest is other.',
      () => totals.masks,
    ),
    counterBy(
      'outcome',
      'genesys_pii_log_events_total',
      'Log events of Kong by what became of them: logged, sampled_out, failed (no entry could be made), dropped (too much waited to be masked).',
      () => Object.entries(totals.outcomes),
    ),
    {
      name: 'genesys_pii_log_entries_total',
      help: 'Entries that a sink is done with: sent, spilled (to the sink that is its spill), dropped.',
      type: 'counter',
      labels: ['sink', 'outcome'],
      read: () => bySink(({ sent, spilled, dropped }) => ({ sent, spilled, dropped }), 'outcome'),
    },
    {
      name: 'genesys_pii_log_queue_entries',
      help: 'Entries that wait for a sink, or are on their way.',
      type: 'gauge',
      labels: ['sink'],
      read: () => bySink(({ waiting }) => ({ waiting }), ''),
    },
    {
      name: 'genesys_pii_log_send_failures_total',
      help: 'Attempts to send that failed.',
      type: 'counter',
      labels: ['sink'],
      read: () => bySink(({ failures }) => ({ failures }), ''),
    },
    counter(
      'genesys_pii_log_lost_log_events_total',
      'Requests that access has seen and log has not, after an hour: Kong drops log events under overload.',
      () => requests.stats.lost_log_events,
    ),
    gauge(
      'genesys_pii_log_waiting_requests',
      'Requests that are between access and log.',
      () => requests.stats.waiting,
    ),
    gauge(
      'genesys_pii_log_captured_bytes',
      'Bytes of request bodies that wait for their log event.',
      () => requests.stats.captured_bytes,
    ),
    counter(
      'genesys_pii_log_dropped_captures_total',
      'Request bodies that were let go before their log event came, for want of room or of time.',
      () => requests.stats.dropped_captures,
    ),
  ];
}
