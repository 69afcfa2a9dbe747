/** What the plugin tells a monitoring system. */
import type { MetricFamily } from '../shared/plugin.js';
import type { Namespace } from './namespaces.js';

/** Makes the metrics of a process. */
export function createMetrics(openNamespaces: () => readonly Namespace[]): MetricFamily[] {
  return [
    {
      name: 'genesys_quota_decisions_total',
      help: 'Requests by decision: admitted, the name of the limit that refused them, closed (by Genesys), unavailable (Redis).',
      type: 'counter',
      labels: ['namespace', 'decision'],
      *read() {
        for (const { name, decisions } of openNamespaces()) {
          for (const [decision, value] of decisions) yield { labels: { namespace: name, decision }, value };
        }
      },
    },
    {
      name: 'genesys_quota_identities',
      help: 'Counters that the process holds in memory; max_identities bounds them for each limit.',
      type: 'gauge',
      labels: ['namespace'],
      *read() {
        for (const { name, local } of openNamespaces())
          yield { labels: { namespace: name }, value: local.identities() };
      },
    },
    {
      name: 'genesys_quota_upstream_closed',
      help: 'Routes and tokens that Genesys refuses at the moment.',
      type: 'gauge',
      labels: ['namespace'],
      *read() {
        for (const { name, upstream } of openNamespaces()) {
          yield { labels: { namespace: name }, value: upstream.closures(performance.now()) };
        }
      },
    },
    {
      name: 'genesys_quota_redis_up',
      help: '1 while Redis can be used, 0 while it is away. Only with policy redis.',
      type: 'gauge',
      labels: ['namespace'],
      *read() {
        for (const { name, shared } of openNamespaces()) {
          if (shared !== undefined) yield { labels: { namespace: name }, value: shared.redis.isUp() ? 1 : 0 };
        }
      },
    },
  ];
}
