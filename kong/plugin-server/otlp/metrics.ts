/** The metrics of a process in OTLP (opentelemetry-proto, metrics/v1/metrics.proto). Pure. */
import type { CollectedMetric } from '../metric-types.js';
import {
  doubleField,
  doubleList,
  fixedField,
  fixedList,
  messageField,
  textAttribute,
  textField,
  varintField,
} from './protobuf.js';

type Sample = CollectedMetric['values'][number];

/** AGGREGATION_TEMPORALITY_CUMULATIVE */
const CUMULATIVE = varintField(2, 2);

/**
 * Encodes metrics as fields of ScopeMetrics, under their names in Prometheus.
 * @param startMs when the process began to count; @param nowMs both in milliseconds since 1970
 */
export function encodeMetrics(metrics: readonly CollectedMetric[], startMs: number, nowMs: number): Buffer {
  const times = [fixedField(2, startMs * 1e6), fixedField(3, nowMs * 1e6)];
  const points = (values: readonly Sample[]): Buffer[] =>
    values.map(({ labels, value }) => messageField(1, [...times, doubleField(4, value), ...attributesOf(7, labels)]));
  const dataOf = ({ name, type, values }: CollectedMetric): Buffer => {
    // Before the first observation the event loop's lag is no number.
    const numbers = values.filter(({ value }) => Number.isFinite(value));
    if (type === 'counter') return messageField(7, [...points(numbers), CUMULATIVE, varintField(3, 1)]);
    if (type !== 'histogram') return messageField(5, points(numbers));
    const histograms = histogramsOf(name, numbers).map((fields) => messageField(1, [...times, ...fields]));
    return messageField(9, [...histograms, CUMULATIVE]);
  };
  return Buffer.concat(
    metrics.map((metric) => messageField(2, [textField(1, metric.name), textField(2, metric.help), dataOf(metric)])),
  );
}

/** Joins the samples of each histogram: Prometheus has one for each bucket, with all smaller values in it. */
function histogramsOf(name: string, values: readonly Sample[]): Buffer[][] {
  const series = new Map<string, { labels: Sample['labels']; bounds: number[]; cumulative: number[]; sum: number }>();
  for (const { labels: all, value, metricName } of values) {
    const { le, ...labels } = all;
    const key = JSON.stringify(Object.entries(labels).sort());
    const one = series.get(key) ?? { labels, bounds: [], cumulative: [], sum: 0 };
    series.set(key, one);
    if (metricName === `${name}_sum`) one.sum = value;
    if (metricName !== `${name}_bucket`) continue;
    if (le !== '+Inf') one.bounds.push(Number(le));
    one.cumulative.push(value);
  }
  return [...series.values()].map(({ labels, bounds, cumulative, sum }) => {
    const counts = cumulative.map((count, index) => count - (cumulative[index - 1] ?? 0));
    return [
      fixedField(4, cumulative.at(-1) ?? 0),
      doubleField(5, sum),
      fixedList(6, counts),
      doubleList(7, bounds),
      ...attributesOf(9, labels),
    ];
  });
}

function attributesOf(field: number, labels: Sample['labels']): Buffer[] {
  return Object.entries(labels).map(([key, value]) => textAttribute(field, key, String(value)));
}
