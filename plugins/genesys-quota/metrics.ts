/** The plugin's metrics. */
import { latest, type Merge, merged, sum } from '../shared/metric-family.js';
import type { MetricFamily, MetricSample } from '../shared/plugin.js';
import type { Budget } from './budgets.js';
import type { Allowance } from './genesys-limits/hints.js';
import type { Namespace } from './namespaces.js';

/** Makes the metrics of a process. Merges samples: one namespace may have counters in several Redis configurations. */
export function createMetrics(all: () => readonly Namespace[]): MetricFamily[] {
  /** Makes a gauge with a sample for each namespace that has a value. */
  const gauge = (name: string, help: string, read: Read<Namespace>, merge: Merge): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    labels: ['namespace'],
    read: () => merged(samplesOf(read), merge),
  });

  function* samplesOf(read: Read<Namespace>): Iterable<MetricSample> {
    for (const namespace of all()) {
      const value = read(namespace);
      if (value !== undefined) yield { labels: { namespace: namespace.name }, value };
    }
  }

  function* samplesOfDecisions(): Iterable<MetricSample> {
    for (const { name, decisions } of all()) {
      for (const [decision, value] of decisions) yield { labels: { namespace: name, decision }, value };
    }
  }

  function* samplesOfReports(): Iterable<MetricSample> {
    for (const { name, reports } of all()) {
      for (const [decision, value] of reports.totals) yield { labels: { namespace: name, decision }, value };
    }
  }

  function* samplesOfWarnings(): Iterable<MetricSample> {
    for (const { name, warnings } of all()) {
      for (const [limit, value] of warnings.totals) yield { labels: { namespace: name, limit }, value };
    }
  }

  function* samplesInFlight(): Iterable<MetricSample> {
    for (const { name, local } of all()) {
      for (const [limit, value] of local.inFlight()) yield { labels: { namespace: name, limit }, value };
    }
  }

  /** Makes a gauge with a sample for each limit by week or month that was used in the running one. */
  const ofBudgets = (name: string, help: string, read: (budget: Budget) => number, merge: Merge): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    labels: ['namespace', 'limit'],
    *read() {
      const samples = all().flatMap(({ name: namespace, budgets }) =>
        budgets.read(Date.now()).map((budget) => ({ labels: { namespace, limit: budget.limit }, value: read(budget) })),
      );
      yield* merged(samples, merge);
    },
  });

  function* samplesOfLeases(): Iterable<MetricSample> {
    for (const { name, shared } of all()) {
      for (const [outcome, value] of Object.entries(shared?.leases.totals ?? {}))
        yield { labels: { namespace: name, outcome }, value };
    }
  }

  /** Makes a gauge without a series while Genesys says nothing. Tokens are no label: each renewal has a new name. */
  const ofAllowance = (name: string, help: string, read: Read<Allowance>, merge: Merge): MetricFamily => {
    const readAllowance = ({ hints }: Namespace) => {
      const allowance = hints.allowance(performance.now());
      return allowance && read(allowance);
    };
    return gauge(name, help, readAllowance, merge);
  };

  return [
    {
      name: 'genesys_quota_decisions_total',
      help: 'Requests by decision: admitted, the name of the limit that refused them, closed (by Genesys), unavailable (Redis).',
      type: 'counter',
      labels: ['namespace', 'decision'],
      read: () => merged(samplesOfDecisions(), sum),
    },
    {
      name: 'genesys_quota_reports_total',
      help: 'Requests by what limits in report mode would have decided: admitted, the name of the limit, closed (by Genesys).',
      type: 'counter',
      labels: ['namespace', 'decision'],
      read: () => merged(samplesOfReports(), sum),
    },
    {
      name: 'genesys_quota_warnings_total',
      help: 'Counters of a limit that have reached its warn_at, each once a window and process.',
      type: 'counter',
      labels: ['namespace', 'limit'],
      read: () => merged(samplesOfWarnings(), sum),
    },
    ofBudgets(
      'genesys_quota_budget_used_ratio',
      'The share that is used of a limit by week or month; where there are several counters, of the one that is used most.',
      ({ usedRatio }) => usedRatio,
      Math.max,
    ),
    ofBudgets(
      'genesys_quota_budget_used_up_timestamp_seconds',
      'When it is used up if it goes on as since the week or month began, in seconds since 1970.',
      ({ usedUpMs }) => usedUpMs / 1000,
      Math.min,
    ),
    ofBudgets(
      'genesys_quota_budget_end_timestamp_seconds',
      'When that week or month ends, in seconds since 1970.',
      ({ endMs }) => endMs / 1000,
      Math.max,
    ),
    {
      name: 'genesys_quota_in_flight',
      help: 'Requests of this process that are in flight, by the limit that counts them.',
      type: 'gauge',
      labels: ['namespace', 'limit'],
      read: () => merged(samplesInFlight(), sum),
    },
    gauge(
      'genesys_quota_identities',
      'Counters that the process holds in memory; max_identities bounds them for each limit.',
      ({ local }) => local.identities(),
      sum,
    ),
    gauge(
      'genesys_quota_upstream_closed',
      'Routes and tokens that Genesys refuses at the moment.',
      ({ closures }) => closures.count(performance.now()),
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
    {
      name: 'genesys_quota_redis_trips_total',
      help: 'How often Redis was asked to count. With lease_percent, far fewer than requests. Only with policy redis.',
      type: 'counter',
      labels: ['namespace'],
      read: () =>
        merged(
          samplesOf(({ shared }) => shared?.trips),
          sum,
        ),
    },
    {
      name: 'genesys_quota_leases_total',
      help: 'Cost that was leased from Redis, spent here, or given back to it. Only with policy redis.',
      type: 'counter',
      labels: ['namespace', 'outcome'],
      read: () => merged(samplesOfLeases(), sum),
    },
    gauge(
      'genesys_quota_redis_up',
      '1 while Redis can be used, 0 while it is away. Only with policy redis.',
      ({ shared }) => shared && (shared.redis.isUp() ? 1 : 0),
      latest,
    ),
  ];
}

type Read<From> = (from: From) => number | undefined;
