/** The commonest metric families, so that a plugin's metrics say what is counted and not how a sample looks. */
import type { MetricFamily, MetricSample } from './plugin.js';

/** Makes one value of two under the same labels. */
export type Merge = (before: number, value: number) => number;

export const sum: Merge = (before, value) => before + value;
export const first: Merge = (before) => before;
export const latest: Merge = (_before, value) => value;

/**
 * One sample for each set of labels, in the order of their first: a series has one value, and what belongs to a former
 * configuration may go on to exist under the labels of the present one.
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

/** A counter without labels: one number of the process. */
export function counter(name: string, help: string, read: () => number): MetricFamily {
  return single('counter', name, help, read);
}

/** A gauge without labels: one number of the process. */
export function gauge(name: string, help: string, read: () => number): MetricFamily {
  return single('gauge', name, help, read);
}

/** A counter with one label: a number for each of its values. */
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
