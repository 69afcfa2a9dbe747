/** The metrics: one sample a namespace and decision, and what Genesys said without the names of tokens. */

import { expect, it } from 'vitest';
import { BARE_HOST } from '../shared/host.js';
import { createRedisConnections } from '../shared/redis/connection.js';
import { readConfig } from './config.js';
import { createMetrics } from './metrics.js';
import { createNamespaces, type Namespace } from './namespaces.js';

const { open } = createNamespaces(createRedisConnections());

let names = 0;
function make() {
  names += 1;
  const namespace = open(readConfig({ namespace: `metrics-${names}` }, BARE_HOST));
  const metrics = createMetrics(() => [namespace]);
  const samples = (name: string) => [...(metrics.find((family) => family.name === name)?.read() ?? expect.fail(name))];
  return { namespace, metrics, samples };
}

const ALLOWANCE = [
  'genesys_quota_upstream_allowed_requests',
  'genesys_quota_upstream_used_requests',
  'genesys_quota_upstream_used_ratio',
];

function say(namespace: Namespace, ref: string, count: string): void {
  const hint = { count, allowed: '300', resetSeconds: '60' };
  namespace.hints.learn({ ref, poolSize: 2 }, hint, performance.now());
}

it('tells what Genesys said of the tokens, summed, and the one that is used up most', () => {
  const { namespace, samples } = make();
  expect(ALLOWANCE.flatMap(samples)).toEqual([]);
  say(namespace, 'ref-of-a', '30');
  say(namespace, 'ref-of-b', '240');
  say(namespace, 'ref-of-a', '60');
  const labels = { namespace: namespace.name };
  expect(ALLOWANCE.flatMap(samples)).toEqual([600, 300, 0.8].map((value) => ({ labels, value })));
});

it('stays one series a namespace, however often tokens are renewed', () => {
  const { namespace, metrics } = make();
  for (let n = 0; n < 1000; n += 1) say(namespace, `ref-${n}`, '1');
  const told = metrics.filter(({ name }) => ALLOWANCE.includes(name)).flatMap(({ read }) => [...read()]);
  expect(told).toHaveLength(ALLOWANCE.length);
  expect(JSON.stringify(told)).not.toContain('ref-');
});

it('has every label in every sample', () => {
  const { namespace, metrics, samples } = make();
  namespace.decisions.set('admitted', 3);
  namespace.warnings.expect('busy');
  expect(samples('genesys_quota_warnings_total')).toEqual([
    { labels: { namespace: namespace.name, limit: 'busy' }, value: 0 },
  ]);
  say(namespace, 'a', '1');
  expect(samples('genesys_quota_decisions_total')).toEqual([
    { labels: { namespace: namespace.name, decision: 'admitted' }, value: 3 },
  ]);
  for (const { labels, read } of metrics) {
    for (const sample of read()) expect(Object.keys(sample.labels)).toEqual(labels);
  }
});

it('has one series for a namespace, though its configurations name Redis differently', () => {
  const namespaces = [50, 60].map((timeout) => {
    const redis = { port: 1, timeout_ms: timeout };
    return open(readConfig({ namespace: 'moved', policy: 'redis', redis }, BARE_HOST));
  });
  for (const namespace of namespaces) {
    namespace.decisions.set('admitted', 3);
    say(namespace, 'a', '30');
  }
  const series = createMetrics(() => namespaces).flatMap(({ name, read }) => {
    return [...read()].map(({ labels, value }) => [name, ...Object.values(labels).slice(1), value].join(' '));
  });
  expect(series.sort()).toEqual([
    'genesys_quota_decisions_total admitted 6',
    'genesys_quota_identities 0',
    'genesys_quota_leases_total leased 0',
    'genesys_quota_leases_total returned 0',
    'genesys_quota_leases_total spent 0',
    'genesys_quota_redis_trips_total 0',
    'genesys_quota_redis_up 0',
    'genesys_quota_upstream_allowed_requests 600',
    'genesys_quota_upstream_closed 0',
    'genesys_quota_upstream_used_ratio 0.1',
    'genesys_quota_upstream_used_requests 60',
  ]);
});
