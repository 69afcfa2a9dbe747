/** The commonest metric families, so that a plugin's metrics say what is counted and not how a sample looks. */
import type { MetricFamily } from './plugin.js';

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
