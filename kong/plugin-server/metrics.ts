/**
 * The process's metrics in Prometheus' text format: how long events take, the state of the event loop, and the plugin's
 * own metrics. Created only if there is a port for them.
 */
import type { MetricFamily, Phase } from '../../plugins/shared/plugin.js';

/** How an event ended: normally, with an answer of the plugin, or with a failure. */
export type EventOutcome = 'ended' | 'exit' | 'failed';

export type ObserveEvent = (phase: Phase, outcome: EventOutcome, milliseconds: number) => void;

export interface Metrics {
  observeEvent: ObserveEvent;
  render(): Promise<{ contentType: string; text: string }>;
}

/** The plugin server's metric for every plugin, next to prom-client's metrics of the process. */
export const EVENT_DURATION = {
  name: 'kong_plugin_event_duration_seconds',
  help: 'From the arrival of an event of Kong to its end (ended, exit, failed), waiting for Kong and others included.',
  type: 'histogram',
  labels: ['phase', 'outcome'],
} as const;

/** From a tenth of a millisecond, which is usual, to the default deadline. */
const DURATION_BUCKETS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 30];

/**
 * Makes the metrics of a process.
 * @param name the plugin's name in Kong, a label of every metric
 */
export async function createMetrics(name: string, families: readonly MetricFamily[]): Promise<Metrics> {
  // Loaded on first use: a process without the port saves the memory.
  const { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  registry.setDefaultLabels({ plugin: name });
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: EVENT_DURATION.name,
    help: EVENT_DURATION.help,
    labelNames: [...EVENT_DURATION.labels],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  for (const { name: metricName, help, type, labels, read } of families) {
    const common = { name: metricName, help, labelNames: [...labels], registers: [registry] };
    if (type === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const sample of read()) this.set(sample.labels, sample.value);
        },
      });
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const sample of read()) this.inc(sample.labels, sample.value);
        },
      });
    }
  }
  return {
    observeEvent: (phase, outcome, milliseconds) => durations.observe({ phase, outcome }, milliseconds / 1000),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
