/**
 * The process's metrics in Prometheus' text format: how long events take, the state of the event loop, and the plugins'
 * own metrics. Created only if there is a port for them.
 */
import type { MetricFamily, MetricSample, Phase } from '../../plugins/shared/plugin.js';
import type { RunningModule } from './hosted-plugin.js';

/** How an event ended: normally, with an answer of the plugin, or with a failure. */
export type EventOutcome = 'ended' | 'exit' | 'failed';

/** @param plugin its name in Kong */
export type ObserveEvent = (plugin: string, phase: Phase, outcome: EventOutcome, milliseconds: number) => void;

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
 * Makes the metrics of a process. Each has a label `plugin`: the plugin's name in Kong, or of what belongs to the process
 * itself, the process's name.
 */
export async function createMetrics(processName: string, modules: readonly RunningModule[]): Promise<Metrics> {
  // Loaded on first use: a process without the port saves the memory.
  const { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } = await import('prom-client');
  const ofProcess = new Registry();
  // Default labels, as prom-client measures the lag with none before the first answer.
  ofProcess.setDefaultLabels({ plugin: processName });
  collectDefaultMetrics({ register: ofProcess });
  const registry = new Registry();
  const durations = new Histogram({
    name: EVENT_DURATION.name,
    help: EVENT_DURATION.help,
    labelNames: [...EVENT_DURATION.labels, 'plugin'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  for (const { family, read } of familiesOf(modules)) {
    const { name, help, type, labels } = family;
    const common = { name, help, labelNames: [...labels, 'plugin'], registers: [registry] };
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
    observeEvent: (plugin, phase, outcome, milliseconds) =>
      durations.observe({ phase, outcome, plugin }, milliseconds / 1000),
    async render() {
      await Promise.all(modules.map((module) => module.refresh?.()));
      return {
        contentType: registry.contentType,
        text: `${await ofProcess.metrics()}${await registry.metrics()}`,
      };
    },
  };
}

/** Joins the families of one name, such as that of the connections to Redis, and adds the label `plugin`. */
function familiesOf(modules: readonly RunningModule[]): { family: MetricFamily; read: () => MetricSample[] }[] {
  const members = modules.flatMap(({ name: plugin, metrics = [] }) => metrics.map((family) => ({ family, plugin })));
  const isFirst = (name: string, index: number): boolean =>
    members.findIndex(({ family }) => family.name === name) === index;
  return members
    .filter(({ family }, index) => isFirst(family.name, index))
    .map(({ family }) => ({
      family,
      read: () =>
        members
          .filter((member) => member.family.name === family.name)
          .flatMap(({ family: { read }, plugin }) =>
            [...read()].map(({ labels, value }) => ({ labels: { ...labels, plugin }, value })),
          ),
    }));
}
