/**
 * The process's metrics in Prometheus' text format: how long events take, the state of the event loop, and the plugins'
 * own metrics. Created only if there is a port for them.
 */
import type { Metric } from 'prom-client';
import type { MetricFamily, MetricSample } from '../../plugins/shared/plugin.js';
import { createDurations, EVENT_DURATION } from './durations.js';
import type { RunningModule } from './hosted-plugin.js';
import type { CollectedMetric, ObserveEvent } from './metric-types.js';

export interface Metrics {
  observeEvent: ObserveEvent;
  /** Returns the present values. */
  collect(): Promise<CollectedMetric[]>;
  render(): Promise<{ contentType: string; text: string }>;
}

/**
 * Makes the metrics of a process. Each has a label `plugin`: the plugin's name in Kong, or of what belongs to the process
 * itself, the process's name.
 */
export async function createMetrics(processName: string, modules: readonly RunningModule[]): Promise<Metrics> {
  // Loaded on first use: a process without the port saves the memory.
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const ofProcess = new Registry();
  // Default labels, as prom-client measures the lag with none before the first answer.
  ofProcess.setDefaultLabels({ plugin: processName });
  collectDefaultMetrics({ register: ofProcess });
  const registry = new Registry();
  const durations = createDurations();
  // A metric of prom-client is what has a name, and answers this.
  const asMetric = { name: EVENT_DURATION.name, get: async () => durations.read() };
  registry.registerMetric(asMetric as unknown as Metric);
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
  const refresh = async (): Promise<void> => {
    await Promise.all(modules.map((module) => module.refresh?.()));
  };
  return {
    observeEvent: durations.observe,
    async collect() {
      await refresh();
      const all = await Promise.all([ofProcess.getMetricsAsJSON(), registry.getMetricsAsJSON()]);
      return all.flat() as unknown as CollectedMetric[];
    },
    async render() {
      await refresh();
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
