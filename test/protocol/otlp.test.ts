/** OpenTelemetry: what a process sends to a collector, and that no request waits for one. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type EventResult, KongDriver } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { REDIS_MISSING, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { VERSION } from '../../plugins/shared/version.js';
import { type OtlpReceiver, type OtlpSpan, startOtlpReceiver, textsOf } from '../support/otlp-receiver.js';

const QUOTA = { namespace: 'otlp', limits: [{ name: 'all', limit: 1_000_000, window: 'day', by: 'global' }] };

/** What Kong knows of a request in its log phase. */
const ENTRY = {
  started_at: Date.now(),
  request: { method: 'GET', uri: '/api/v2/users/jane.roe@example.com' },
  response: { status: 404, headers: {} },
  latencies: {},
};

/** What is started in a test ends with it. */
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function collect(port?: number): Promise<OtlpReceiver> {
  const collector = await startOtlpReceiver(port);
  closing.push(() => collector.close());
  return collector;
}

async function serve(args: string[], plugins = 'genesys-quota,genesys-token-manager'): Promise<PluginServerProcess> {
  const server = await startPluginServer('bin/genesys-plugins.js', ['--plugins', plugins, ...args]);
  closing.push(() => server.stop());
  return server;
}

/** The flags of a process that traces every request. */
function everyRequest({ url }: Pick<OtlpReceiver, 'url'>): string[] {
  return ['--otlp', url, '--otlp-sample', '1'];
}

/** A request of Kong's: events on connections of their own, with one `ctx.shared`. */
function requestTo(server: PluginServerProcess, headers: Record<string, string> = {}, id = requestId()) {
  const shared = new Map<string, unknown>();
  const answer: Answer = ({ method, argument }) => {
    const name = typeof argument === 'string' ? argument : '';
    if (method === 'kong.nginx.get_var') return name === 'kong_request_id' ? id : '';
    if (method === 'kong.request.get_header') return headers[name] ?? '';
    if (method === 'kong.log.serialize')
      return JSON.stringify({ ...ENTRY, request: { ...ENTRY.request, headers, id } });
    if (method === 'kong.ctx.shared.get') return shared.get(name) ?? null;
    if (method === 'kong.ctx.shared.set') {
      const { k, v } = argument as { k: string; v: unknown };
      shared.set(k, v);
    }
    return new Uint8Array(0);
  };
  return {
    id,
    shared,
    async event(plugin: string, phase: string, config: unknown = QUOTA): Promise<EventResult> {
      const kong = await KongDriver.connect(server.socketPath);
      try {
        return await kong.event(await kong.startInstance(config, plugin), phase, answer);
      } finally {
        kong.close();
      }
    },
  };
}

function requestId(): string {
  return randomBytes(16).toString('hex');
}

/** Waits for spans: they are sent within a second. */
function spansOf(collector: OtlpReceiver, count: number): Promise<OtlpSpan[]> {
  return waitFor(`${count} spans`, () => collector.spans.length >= count && collector.spans);
}

describe('spans', () => {
  it('makes a trace of a request whose client has none, by its id, with the first event above the others', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    const request = requestTo(server);
    await request.event('genesys-quota', 'access');
    await request.event('genesys-quota', 'log');
    const spans = await spansOf(collector, 2);
    expect(collector.faults).toEqual([]);
    expect(spans.map(({ name, traceId }) => [name, traceId])).toEqual([
      ['genesys-quota access', request.id],
      ['genesys-quota log', request.id],
    ]);
    const [access, log] = spans;
    expect([access?.parentSpanId, log?.parentSpanId]).toEqual([undefined, access?.spanId]);
    expect(textsOf(access?.attributes)).toEqual({
      'kong.plugin.name': 'genesys-quota',
      'kong.phase': 'access',
      'kong.event.outcome': 'ended',
      'kong.request.id': request.id,
    });
    expect(BigInt(access?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(access?.startTimeUnixNano ?? 1));
    expect(Math.abs(Number(access?.startTimeUnixNano) / 1e6 - Date.now())).toBeLessThan(60_000);
    expect(collector.resource).toMatchObject({ 'service.name': 'genesys-plugins', 'service.version': VERSION });
  });

  it('continues the trace of the client, and asks nothing that costs a round trip', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    const [traceId, parentId] = [requestId(), '00f067aa0ba902b7'];
    const request = requestTo(server, { traceparent: `00-${traceId}-${parentId}-01` });
    const { roundTrips } = await request.event('genesys-quota', 'access');
    await request.event('genesys-quota', 'log');
    const spans = await spansOf(collector, 2);
    expect(spans.map((span) => [span.traceId, span.parentSpanId])).toEqual([
      [traceId, parentId],
      [traceId, parentId],
    ]);
    expect(textsOf(spans[0]?.attributes)).toMatchObject({ 'kong.request.id': request.id });
    const plain = requestTo(await serve([]));
    expect(roundTrips).toBe((await plain.event('genesys-quota', 'access')).roundTrips);
  });

  it.each([
    ['the client does not sample', ['--otlp-sample', '1'], '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00'],
    ['no request is chosen', ['--otlp-sample', '0'], ''],
    ['the share is decided by the header alone', ['--otlp-sample', '0'], 'nonsense'],
  ])('has none if %s', async (_, flags, traceparent) => {
    const collector = await collect();
    const server = await serve(['--otlp', collector.url, ...flags]);
    const request = requestTo(server, { traceparent });
    await request.event('genesys-quota', 'access');
    expect([...request.shared.keys()]).not.toContain('genesys_trace');
    await request.event('genesys-quota', 'log');
    const traced = requestTo(server, { traceparent: `00-${requestId()}-00f067aa0ba902b7-01` });
    await traced.event('genesys-quota', 'access');
    const [span, ...more] = await spansOf(collector, 1);
    expect([textsOf(span?.attributes)['kong.request.id'], more]).toEqual([traced.id, []]);
  });

  it('chooses the share of requests that it is told, the same ones in each process', async () => {
    const collector = await collect();
    const flags = ['--otlp', collector.url, '--otlp-sample', '0.5'];
    const servers = [await serve(flags), await serve(flags)];
    const ids = ['0', '4', '7', '8', 'c', 'f'].map((digit) => requestId().slice(0, 20) + digit.repeat(12));
    for (const id of ids)
      for (const server of servers) await requestTo(server, {}, id).event('genesys-quota', 'access');
    const spans = await spansOf(collector, 6);
    expect(spans.map(({ traceId }) => traceId).sort()).toEqual(
      ids
        .slice(0, 3)
        .flatMap((id) => [id, id])
        .sort(),
    );
  });

  it('has a child for a login, of each request that waited for it, and no secret in any', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    const genesys = await startGenesysCloud();
    closing.push(() => genesys.close());
    const { clientId, clientSecret } = DEFAULT_CLIENT;
    const config = { token_url: genesys.tokenUrl, client_id: clientId, client_secret: clientSecret };
    const requests = [requestTo(server), requestTo(server)];
    await Promise.all(requests.map((request) => request.event('genesys-token-manager', 'access', config)));
    const spans = await spansOf(collector, 4);
    for (const { id } of requests) {
      const [event, login] = ['genesys-token-manager access', 'login'].map((name) =>
        spans.find((span) => span.traceId === id && span.name === name),
      );
      expect([login?.parentSpanId, login?.kind, login?.status]).toEqual([event?.spanId, 3, undefined]);
      expect(Number(login?.startTimeUnixNano)).toBeGreaterThanOrEqual(Number(event?.startTimeUnixNano));
      expect(Number(login?.endTimeUnixNano)).toBeLessThanOrEqual(Number(event?.endTimeUnixNano));
    }
    // A token in memory is not waited for.
    await requestTo(server).event('genesys-token-manager', 'access', config);
    expect(await spansOf(collector, 5)).toHaveLength(5);
    expect(collector.faults).toEqual([]);
    for (const secret of [clientSecret, clientId, 'Bearer']) expect(collector.text).not.toContain(secret);
  });

  it('marks a login that fails, and an event that fails', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    const config = { token_url: `http://127.0.0.1:${await freePort()}/`, client_id: 'a', client_secret: 'b' };
    const once = { ...config, max_attempts: 1 };
    expect((await requestTo(server).event('genesys-token-manager', 'access', once)).exit?.status).toBe(503);
    expect((await requestTo(server).event('genesys-token-manager', 'access', {})).exit?.status).toBe(500);
    const spans = await spansOf(collector, 3);
    const found = spans.map(({ name, status, attributes }) =>
      [name, status?.code, textsOf(attributes)['kong.event.outcome']].join(),
    );
    expect(found.sort()).toEqual([
      'genesys-token-manager access,,exit',
      'genesys-token-manager access,2,failed',
      'login,2,',
    ]);
  });

  it('has a child for a place in a limit that was waited for', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    const config = { namespace: 'wait', max_wait_ms: 5000, limits: [{ name: 's', limit: 1, window_seconds: 1 }] };
    for (let i = 0; i < 2; i += 1) await requestTo(server).event('genesys-quota', 'access', config);
    const spans = await waitFor('a wait', () => collector.spans.some(({ name }) => name === 'wait') && collector.spans);
    const wait = spans.find(({ name }) => name === 'wait');
    expect(spans.find(({ spanId }) => spanId === wait?.parentSpanId)?.name).toBe('genesys-quota access');
  });

  it('has a child for Redis', unless(REDIS_MISSING), async () => {
    const collector = await collect();
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const server = await serve(everyRequest(collector));
    const config = { ...QUOTA, policy: 'redis', redis: { host: '127.0.0.1', port: redis.port } };
    await requestTo(server).event('genesys-quota', 'access', config);
    const [access, child] = await spansOf(collector, 2);
    expect([child?.name, child?.kind, child?.parentSpanId]).toEqual(['redis', 3, access?.spanId]);
  });

  it('is not made of what is no id of Kong', async () => {
    const collector = await collect();
    const server = await serve(everyRequest(collector));
    await requestTo(server, {}, '","name":"forged').event('genesys-quota', 'access');
    await requestTo(server, { traceparent: '00-","x":"-00f067aa0ba902b7-01' }).event('genesys-quota', 'access');
    await spansOf(collector, 1);
    expect([collector.faults, collector.spans.length, collector.text.includes('forged')]).toEqual([[], 1, false]);
  });
});

describe('a collector', () => {
  it('that is away delays no request, is logged once, and gets what waits when it is back', async () => {
    const port = await freePort();
    const metrics = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = await serve([...everyRequest({ url }), '--metrics', `127.0.0.1:${metrics}`]);
    const failures = async (): Promise<number> => {
      const text = await fetch(`http://127.0.0.1:${metrics}/metrics`).then((response) => response.text());
      return Number(/^kong_plugin_otlp_failures_total\{signal="traces".*\} (\d+)$/m.exec(text)?.[1]);
    };
    await requestTo(server).event('genesys-quota', 'access');
    await waitFor('two attempts', async () => (await failures()) >= 2);
    await requestTo(server).event('genesys-quota', 'access');
    const said = (text: string): number => server.output().split(text).length - 1;
    expect(said('spans cannot be sent (ECONNREFUSED)')).toBe(1);
    const collector = await collect(port);
    await spansOf(collector, 2);
    await waitFor('a line', () => said('spans are sent again; 0 were dropped') === 1);
    const text = await fetch(`http://127.0.0.1:${metrics}/metrics`).then((response) => response.text());
    expect(text).toContain('kong_plugin_otlp_spans_total{outcome="sent",plugin="genesys-plugins"} 2\n');
    expect(text).toContain('kong_plugin_otlp_spans_total{outcome="dropped",plugin="genesys-plugins"} 0\n');
  });

  it('that never answers delays no request', async () => {
    const collector = await collect();
    let asked = 0;
    collector.answer = (response) => {
      asked += 1;
      response.statusCode = 503;
      // Kept open: not even headers leave.
      response.end = () => response;
    };
    const server = await serve(everyRequest(collector));
    await requestTo(server).event('genesys-quota', 'access');
    await waitFor('a request that hangs', () => asked === 1);
    for (let i = 0; i < 20; i += 1)
      expect((await requestTo(server).event('genesys-quota', 'access')).exit).toBeUndefined();
  });

  it('gets what waits, and the metrics, when the process ends', async () => {
    const collector = await collect();
    const server = await serve([...everyRequest(collector), '--otlp-metrics']);
    await requestTo(server).event('genesys-quota', 'access');
    server.process.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(collector.faults).toEqual([]);
    expect(collector.spans.map(({ name }) => name)).toEqual(['genesys-quota access']);
    const byName = new Map(collector.metrics.map((metric) => [metric.name, metric]));
    const decisions = byName.get('genesys_quota_decisions_total')?.sum;
    expect(decisions?.isMonotonic).toBe(true);
    expect(decisions?.dataPoints.map(({ attributes, asDouble }) => [textsOf(attributes), asDouble])).toEqual([
      [{ namespace: 'otlp', decision: 'admitted', plugin: 'genesys-quota' }, 1],
    ]);
    const [duration] = byName.get('kong_plugin_event_duration_seconds')?.histogram?.dataPoints ?? [];
    expect(duration?.count).toBe('1');
    expect(duration?.bucketCounts).toHaveLength((duration?.explicitBounds.length ?? 0) + 1);
    expect(duration?.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(1);
    expect(byName.get('process_resident_memory_bytes')?.gauge?.dataPoints[0]?.asDouble).toBeGreaterThan(1e6);
  });

  it('gets the headers that are in files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'otlp-'));
    closing.push(async () => rmSync(folder, { recursive: true }));
    const file = join(folder, 'key');
    writeFileSync(file, 'Bearer of-the-collector\n');
    const collector = await collect();
    const flags = [...everyRequest(collector), '--otlp-header', `Authorization=file:${file}`];
    await requestTo(await serve([...flags, '--secrets-dir', folder])).event('genesys-quota', 'access');
    await spansOf(collector, 1);
    expect(collector.headers.authorization).toBe('Bearer of-the-collector');
    await expect(serve(flags)).rejects.toThrow('--secrets-dir');
  });
});

it("gets the audit log too, with the id of its request's trace", async () => {
  const collector = await collect();
  const server = await serve([], 'genesys-pii-log');
  const sink = { type: 'http', url: `${collector.url}/v1/logs`, framing: 'otlp', flush_ms: 0 };
  const traceId = requestId();
  for (const headers of [{}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }]) {
    const request = requestTo(server, headers);
    await request.event('genesys-pii-log', 'access', { sinks: [sink] });
    await request.event('genesys-pii-log', 'log', { sinks: [sink] });
    const record = await waitFor('an entry', () => collector.logs.shift());
    expect(collector.faults).toEqual([]);
    expect([record.traceId, record.severityNumber]).toEqual(['traceparent' in headers ? traceId : request.id, 13]);
    expect(JSON.parse(record.body.stringValue)).toMatchObject({ request_id: request.id, status: 404 });
  }
  expect(collector.text).not.toContain('jane.roe');
});

it.each([
  [['--otlp', 'localhost:4318'], '--otlp: the URL of a collector'],
  [['--otlp', 'http://a:b@localhost'], '--otlp-header'],
  [['--otlp', 'http://localhost/?x=1'], 'no query'],
  [['--otlp', 'http://localhost', '--otlp-sample', '2'], 'from 0 to 1'],
  [['--otlp', 'http://localhost', '--otlp-header', 'Authorization=secret'], 'NAME=file:'],
  [['--otlp', 'http://collector', '--otlp-header', 'X=file:/a'], 'https'],
  [['--otlp-metrics'], '--otlp-metrics needs --otlp'],
  [['--otlp-sample', '0.1'], '--otlp-sample needs --otlp'],
])('%j is refused', async (flags, why) => {
  await expect(serve(flags)).rejects.toThrow(why);
});
