/** What the plugin tells a monitoring system. */
import type { MetricFamily } from '../shared/plugin.js';
import type { Namespace } from './namespaces.js';
import type { UpstreamAllowance } from './upstream-hints.js';

/** Makes the metrics of a process. */
export function createMetrics(openNamespaces: () => readonly Namespace[]): MetricFamily[] {
  /** No series while Genesys says nothing. Tokens are summed: each has a new name with every renewal. */
  const ofAllowance = (name: string, help: string, read: (allowance: UpstreamAllowance) => number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    labels: ['namespace'],
    *read() {
      for (const { name: namespace, hints } of openNamespaces()) {
        const allowance = hints.allowance(performance.now());
        if (allowance !== undefined) yield { labels: { namespace }, value: read(allowance) };
      }
    },
  });

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
    ofAllowance(
      'genesys_quota_upstream_allowed_requests',
      'Requests in the running minute that Genesys allows the tokens in use, as its answers said last; absent if they say nothing.',
      ({ allowed }) => allowed,
    ),
    ofAllowance(
      'genesys_quota_upstream_used_requests',
      'Requests of these that Genesys has counted.',
      ({ used }) => used,
    ),
    ofAllowance(
      'genesys_quota_upstream_used_ratio',
      'The share of its allowance that the token has used which has used most.',
      ({ highestUse }) => highestUse,
    ),
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
