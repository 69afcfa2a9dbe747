/** The metrics: sums that stay bounded, under labels that no client chooses. */
import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';
import { createRequests } from './requests.js';
import type { SinkStats } from './sinks/sink.js';
import { createFakeClock } from './testing/clock.js';
import { createTotals } from './totals.js';

const stats = (name: string, sent: number): SinkStats => ({
  name,
  received: sent + 3,
  sent,
  spilled: 0,
  dropped: 1,
  waiting: 2,
  failures: 4,
  lastFailure: 'the receiver answered 500',
  spill: undefined,
});

function make(sinks: SinkStats[]) {
  const totals = createTotals();
  const requests = createRequests(createFakeClock());
  const metrics = createMetrics(requests, () => sinks, totals);
  const samples = (name: string) => [...(metrics.find((family) => family.name === name)?.read() ?? expect.fail(name))];
  return { totals, requests, metrics, samples };
}

it('sums sinks of one name, so that a sample stands once', () => {
  const { samples } = make([stats('http splunk:8088', 5), stats('stdout', 7), stats('http splunk:8088', 10)]);
  expect(samples('genesys_pii_log_entries_total')).toEqual([
    { labels: { sink: 'http splunk:8088', outcome: 'sent' }, value: 15 },
    { labels: { sink: 'http splunk:8088', outcome: 'spilled' }, value: 0 },
    { labels: { sink: 'http splunk:8088', outcome: 'dropped' }, value: 2 },
    { labels: { sink: 'stdout', outcome: 'sent' }, value: 7 },
    { labels: { sink: 'stdout', outcome: 'spilled' }, value: 0 },
    { labels: { sink: 'stdout', outcome: 'dropped' }, value: 1 },
  ]);
  expect(samples('genesys_pii_log_queue_entries')).toEqual([
    { labels: { sink: 'http splunk:8088' }, value: 4 },
    { labels: { sink: 'stdout' }, value: 2 },
  ]);
});

it('counts what was masked by rule, and rules without end under one name', () => {
  const { totals, samples } = make([]);
  totals.masked({ 'field:ani': 2, query: 1 });
  totals.masked({ 'field:ani': 1 });
  expect(samples('genesys_pii_log_masked_total')).toEqual([
    { labels: { rule: 'field:ani' }, value: 3 },
    { labels: { rule: 'query' }, value: 1 },
  ]);
  for (let n = 0; n < 1000; n++) totals.masked({ [`pattern:${n}`]: 1 });
  totals.masked({ 'field:ani': 1 });
  const samplesNow = samples('genesys_pii_log_masked_total');
  expect(samplesNow).toHaveLength(501);
  expect(samplesNow).toContainEqual({ labels: { rule: 'other' }, value: 502 });
  expect(samplesNow).toContainEqual({ labels: { rule: 'field:ani' }, value: 4 });
});

it('tells of log events that ended, and of requests that are on their way', () => {
  const { totals, requests, samples } = make([]);
  totals.ended('logged');
  totals.ended('failed');
  requests.begin();
  expect(samples('genesys_pii_log_events_total').map(({ value }) => value)).toEqual([1, 0, 1, 0]);
  expect(samples('genesys_pii_log_waiting_requests')).toEqual([{ labels: {}, value: 1 }]);
  expect(samples('genesys_pii_log_lost_log_events_total')).toEqual([{ labels: {}, value: 0 }]);
});

it('has every label in every sample', () => {
  const { totals, metrics } = make([stats('stdout', 1)]);
  totals.masked({ query: 1 });
  for (const { labels, read } of metrics) {
    for (const sample of read()) expect(Object.keys(sample.labels)).toEqual(labels);
  }
});
