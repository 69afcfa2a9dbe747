/**
 * How long events take, as a histogram of Prometheus. prom-client's own takes 1.5 µs for an observation, a tenth of what an
 * event costs (measured); this one counts in an array.
 */
import type { Phase } from '../../plugins/shared/plugin.js';
import type { CollectedMetric, EventOutcome } from './metric-types.js';

/** The plugin server's metric for every plugin, next to prom-client's metrics of the process. */
export const EVENT_DURATION = {
  name: 'kong_plugin_event_duration_seconds',
  help: 'From the arrival of an event of Kong to its end (ended, exit, failed), waiting for Kong and others included: what a plugin adds to a request in access and response; nobody waits for log.',
  type: 'histogram',
  labels: ['phase', 'outcome'],
} as const;

/**
 * From a tenth of a millisecond, which is usual, to the default deadline. Steps of two or two and a half, so that a quantile
 * is never wrong by more, and the limits that added latency is held against, such as 5, 10 and 50 ms, are among them.
 */
export const BUCKETS_SECONDS = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const BUCKETS_MS = BUCKETS_SECONDS.map((seconds) => seconds * 1000);

interface Series {
  labels: { phase: Phase; outcome: EventOutcome; plugin: string };
  /** Observations of each bucket alone; the last are above all buckets. */
  counts: number[];
  sumSeconds: number;
}

export interface Durations {
  observe(plugin: string, phase: Phase, outcome: EventOutcome, milliseconds: number): void;
  read(): CollectedMetric;
}

/** Makes the histogram of a process. */
export function createDurations(): Durations {
  const byPlugin = new Map<string, Partial<Record<Phase, Partial<Record<EventOutcome, Series>>>>>();

  function seriesOf(plugin: string, phase: Phase, outcome: EventOutcome): Series {
    const phases = byPlugin.get(plugin) ?? {};
    byPlugin.set(plugin, phases);
    phases[phase] ??= {};
    const counts = Array.from({ length: BUCKETS_MS.length + 1 }, () => 0);
    phases[phase][outcome] ??= { labels: { phase, outcome, plugin }, counts, sumSeconds: 0 };
    return phases[phase][outcome];
  }

  return {
    observe(plugin, phase, outcome, milliseconds) {
      const series = byPlugin.get(plugin)?.[phase]?.[outcome] ?? seriesOf(plugin, phase, outcome);
      let bucket = 0;
      while (bucket < BUCKETS_MS.length && milliseconds > (BUCKETS_MS[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sumSeconds += milliseconds / 1000;
    },
    read() {
      const all = [...byPlugin.values()].flatMap((phases) =>
        Object.values(phases).flatMap((one) => Object.values(one)),
      );
      return {
        name: EVENT_DURATION.name,
        help: EVENT_DURATION.help,
        type: 'histogram',
        values: all.flatMap(samplesOf),
      };
    },
  };
}

/** Returns a series as Prometheus has it: a bucket counts all that is smaller, too. */
function samplesOf({ labels, counts, sumSeconds }: Series): CollectedMetric['values'] {
  const { name } = EVENT_DURATION;
  let count = 0;
  const buckets = counts.map((own, index) => {
    count += own;
    return { metricName: `${name}_bucket`, labels: { le: BUCKETS_SECONDS[index] ?? '+Inf', ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
