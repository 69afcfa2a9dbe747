/** The common kinds of metric families, so that a plugin's metrics only say what is counted. */
import type { MetricFamily, MetricSample } from './plugin.js';

/** Combines two values with the same labels into one. */
export type Merge = (before: number, value: number) => number;

export const sum: Merge = (before, value) => before + value;
export const first: Merge = (before) => before;
export const latest: Merge = (_before, value) => value;

/**
 * Merges samples with the same labels into one, since a series can have one value only. This happens when a former
 * configuration and the present one have the same labels. Keeps the order of the first samples.
 */
export function* merged(samples: Iterable<MetricSample>, merge: Merge): Iterable<MetricSample> {
  const byLabels = new Map<string, MetricSample>();
  for (const { labels, value } of samples) {
    const key = JSON.stringify(labels);
    const before = byLabels.get(key);
    byLabels.set(key, { labels, value: before === undefined ? value : merge(before.value, value) });
  }
  yield* byLabels.values();
}

/** Makes a counter without labels: one number per process. */
export function counter(name: string, help: string, read: () => number): MetricFamily {
  return single('counter', name, help, read);
}

/** Makes a gauge without labels: one number per process. */
export function gauge(name: string, help: string, read: () => number): MetricFamily {
  return single('gauge', name, help, read);
}

/** Makes a counter with one label, and a number for each of its values. */
export function counterBy(
  label: string,
  name: string,
  help: string,
  read: () => Iterable<readonly [string, number]>,
): MetricFamily {
  return {
    name,
    help,
    type: 'counter',
    labels: [label],
    *read() {
      for (const [key, value] of read()) yield { labels: { [label]: key }, value };
    },
  };
}

function single(type: MetricFamily['type'], name: string, help: string, read: () => number): MetricFamily {
  return {
    name,
    help,
    type,
    labels: [],
    *read() {
      yield { labels: {}, value: read() };
    },
  };
}
