/** What the plugin tells a monitoring system. */
import { latest, type Merge, merged, sum } from '../shared/metric-family.js';
import type { MetricFamily, MetricSample } from '../shared/plugin.js';
import type { UpstreamAllowance } from './genesys-limits/hints.js';
import type { Namespace } from './namespaces.js';

/** A gauge with a sample for each namespace; one without a value has none. */
type GaugeOf = (
  name: string,
  help: string,
  read: (namespace: Namespace) => number | undefined,
  merge: Merge,
) => MetricFamily;
/** Makes the metrics of a process. Configurations that name Redis differently count apart in one namespace. */
export function createMetrics(openNamespaces: () => readonly Namespace[]): MetricFamily[] {
  const gaugeOf: GaugeOf = (name, help, read, merge) => ({
    name,
    help,
    type: 'gauge',
    labels: ['namespace'],
    read: () => merged(samplesOf(read), merge),
  });

  function* samplesOf(read: (namespace: Namespace) => number | undefined): Iterable<MetricSample> {
    for (const namespace of openNamespaces()) {
      const value = read(namespace);
      if (value !== undefined) yield { labels: { namespace: namespace.name }, value };
    }
  }

  function* samplesOfDecisions(): Iterable<MetricSample> {
    for (const { name, decisions } of openNamespaces()) {
      for (const [decision, value] of decisions) yield { labels: { namespace: name, decision }, value };
    }
  }

  /** No series while Genesys says nothing. Tokens are summed: each has a new name with every renewal. */
  const ofAllowance = (name: string, help: string, read: (allowance: UpstreamAllowance) => number, merge: Merge) =>
    gaugeOf(
      name,
      help,
      ({ hints }) => {
        const allowance = hints.allowance(performance.now());
        return allowance && read(allowance);
      },
      merge,
    );

  return [
    {
      name: 'genesys_quota_decisions_total',
      help: 'Requests by decision: admitted, the name of the limit that refused them, closed (by Genesys), unavailable (Redis).',
      type: 'counter',
      labels: ['namespace', 'decision'],
      read: () => merged(samplesOfDecisions(), sum),
    },
    gaugeOf(
      'genesys_quota_identities',
      'Counters that the process holds in memory; max_identities bounds them for each limit.',
      ({ local }) => local.identities(),
      sum,
    ),
    gaugeOf(
      'genesys_quota_upstream_closed',
      'Routes and tokens that Genesys refuses at the moment.',
      ({ upstream }) => upstream.closures(performance.now()),
      sum,
    ),
    ofAllowance(
      'genesys_quota_upstream_allowed_requests',
      'Requests in the running minute that Genesys allows the tokens in use, as its answers said last; absent if they say nothing.',
      ({ allowed }) => allowed,
      sum,
    ),
    ofAllowance(
      'genesys_quota_upstream_used_requests',
      'Requests of these that Genesys has counted.',
      ({ used }) => used,
      sum,
    ),
    ofAllowance(
      'genesys_quota_upstream_used_ratio',
      'The share of its allowance that the token has used which has used most.',
      ({ highestUse }) => highestUse,
      Math.max,
    ),
    gaugeOf(
      'genesys_quota_redis_up',
      '1 while Redis can be used, 0 while it is away. Only with policy redis.',
      ({ shared }) => shared && (shared.redis.isUp() ? 1 : 0),
      latest,
    ),
  ];
}
