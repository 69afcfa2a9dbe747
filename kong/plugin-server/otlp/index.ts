/**
 * OpenTelemetry (`--otlp URL`): spans of events, and metrics if they are asked for, to a collector over OTLP/HTTP.
 * Loaded only if it is on. Official libraries were measured against it: README.md in kong/observability has the figures.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { realClock } from '../../../plugins/shared/clock.js';
import { errorCode } from '../../../plugins/shared/error-code.js';
import type { Host } from '../../../plugins/shared/host.js';
import { createPoster, type PostAnswer } from '../../../plugins/shared/http/post.js';
import type { MetricFamily } from '../../../plugins/shared/plugin.js';
import { openSecret } from '../../../plugins/shared/secret.js';
import type { RunningModule } from '../hosted-plugin.js';
import type { Metrics } from '../metrics.js';
import { createExporter, type Exporter } from './exporter.js';
import { encodeMetrics } from './metrics.js';
import { encodeRequest, encodeResource } from './resource.js';
import type { OtlpSettings } from './settings.js';
import { createSpanIds } from './span-id.js';
import { createSpanWriter } from './spans.js';
import type { TraceEvent } from './trace-event.js';
import { createTracer } from './tracer.js';

/** A collector that takes longer is taken as away. */
const TIMEOUT_MS = 10_000;

/** What the specification of OpenTelemetry's SDKs has as the usual interval (OTEL_METRIC_EXPORT_INTERVAL). */
const METRICS_INTERVAL_MS = 60_000;

/** How long a leaving process waits for the collector: Kong lets an old one linger for 10 s. */
const FLUSH_MS = 2000;

export interface Otlp {
  traceEvent: TraceEvent;
  /** Its own metrics, and what it does when the process ends. */
  module: RunningModule;
  /** Begins to send metrics. */
  sendMetrics(metrics: Pick<Metrics, 'collect'>): void;
}

/**
 * Starts it. Nothing is sent before the first span.
 * @throws ConfigError if a header's file cannot be read
 */
export function startOtlp(
  settings: OtlpSettings,
  { name, version, host, log }: { name: string; version: string; host: Host; log: (line: string) => void },
): Otlp {
  const headers = settings.headers.map((header) => ({
    name: header.name,
    value: openSecret('--otlp-header', header.value, host, (text) =>
      /^[\x20-\x7e]+$/.test(text) ? undefined : 'holds characters that no header can carry',
    ),
  }));
  const resource = encodeResource({ name, version, instanceId: randomUUID(), host: hostname() });
  const startMs = Date.now();
  const newSpanId = createSpanIds();

  /** Posts to one signal's path. */
  function posterTo(path: string): { post(body: Buffer): Promise<PostAnswer> } {
    const base = settings.url.href.replace(/\/+$/, '');
    const poster = createPoster({ url: new URL(`${base}/v1/${path}`), timeoutMs: TIMEOUT_MS });
    return {
      post: async (body) =>
        poster.post(body, {
          'Content-Type': 'application/x-protobuf',
          ...Object.fromEntries(headers.map((header) => [header.name, header.value.current()])),
        }),
    };
  }

  const traces = posterTo('traces');
  const spans = createExporter({
    what: 'spans',
    post: (items) => traces.post(encodeRequest(resource, items)),
    log,
    clock: realClock,
  });
  const writeSpan = createSpanWriter(newSpanId, spans.reserve);
  const metricsSent = { sent: 0, failures: 0 };
  let sendNow: (() => Promise<void>) | undefined;

  return {
    traceEvent: createTracer({
      ratio: settings.ratio,
      newSpanId,
      take: (span) => writeSpan(span, Date.now() - performance.now()),
    }),
    module: {
      name,
      metrics: familiesOf(spans, metricsSent),
      async shutdown() {
        const sendLast = sendNow;
        sendNow = undefined;
        await Promise.all([spans.flush(FLUSH_MS), sendLast?.()]);
      },
    },
    sendMetrics(metrics) {
      const { post } = posterTo('metrics');
      let isFailing = false;
      sendNow = async () => {
        const why = await metrics
          .collect()
          .then((all) => post(encodeRequest(resource, encodeMetrics(all, startMs, Date.now()))))
          .then(
            ({ status }) => (status < 300 ? undefined : `the collector answered ${status}`),
            (error: unknown) => errorCode(error),
          );
        if (why === undefined) metricsSent.sent += 1;
        else metricsSent.failures += 1;
        if (why !== undefined && !isFailing) log(`--otlp: metrics cannot be sent (${why})`);
        if (why === undefined && isFailing) log('--otlp: metrics are sent again');
        isFailing = why !== undefined;
      };
      const again = (): void => {
        realClock.startTimer(METRICS_INTERVAL_MS, () => void sendNow?.().then(again));
      };
      again();
    },
  };
}

/** The labels of what is sent to a collector. */
export const OTLP_METRICS = [
  {
    name: 'kong_plugin_otlp_spans_total',
    help: 'Spans by what became of them: sent, dropped (no room in the queue, or refused by the collector). Only with --otlp.',
    type: 'counter',
    labels: ['outcome'],
  },
  {
    name: 'kong_plugin_otlp_failures_total',
    help: 'Requests to the collector that failed. Only with --otlp.',
    type: 'counter',
    labels: ['signal'],
  },
] as const satisfies readonly Omit<MetricFamily, 'read'>[];

function familiesOf(spans: Exporter, metrics: { failures: number }): MetricFamily[] {
  const [ofSpans, ofFailures] = OTLP_METRICS;
  return [
    {
      ...ofSpans,
      read: () => [
        { labels: { outcome: 'sent' }, value: spans.sent },
        { labels: { outcome: 'dropped' }, value: spans.dropped },
      ],
    },
    {
      ...ofFailures,
      read: () => [
        { labels: { signal: 'traces' }, value: spans.failures },
        { labels: { signal: 'metrics' }, value: metrics.failures },
      ],
    },
  ];
}
