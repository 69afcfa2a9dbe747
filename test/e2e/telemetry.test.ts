/**
 * Metrics and traces end to end: nothing of a request, and no secret, is in either, whatever a client sends; and the phases
 * of a request are one trace.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type OtlpReceiver, type OtlpSpan, startOtlpReceiver, textsOf } from '../support/otlp-receiver.js';
import { GATEWAY_KIND } from './gateway.js';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const IN_CONTAINER =
  GATEWAY_KIND === 'docker' ? "a container reaches neither the collector's port nor lends its own" : undefined;
/** Of a consumer with a limit that is soon used up. */
const NARROW = { apikey: 'narrow-key' };

let folder: string;
let setup: GenesysGateway;
let collector: OtlpReceiver;
let metricsUrl: string;

beforeAll(async () => {
  if (IN_CONTAINER) return;
  folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
  collector = await startOtlpReceiver();
  const port = await freePort();
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const traces = ['--otlp', collector.url, '--otlp-sample', '1'];
  const args = ['--stdout', join(folder, 'audit.log'), '--metrics', `127.0.0.1:${port}`, ...traces];
  setup = await startGenesysGateway({
    withAudit: true,
    withQuota: true,
    plugins: PLUGINS.map((plugin) => ({ ...plugin, args })),
    edit(config) {
      config.consumers?.push({
        username: 'svc-narrow',
        acls: [{ group: 'readers' }],
        keyauth_credentials: [{ key: NARROW.apikey }],
      });
      for (const { plugins } of config.services.flatMap(({ routes }) => routes)) {
        for (const { name, config: own } of plugins) {
          if (name !== 'genesys-quota') continue;
          own.limits = [
            { name: 'each', limit: 1000 },
            { name: 'by-address', by: 'ip', limit: 1000 },
          ];
        }
      }
    },
  });
});
afterAll(async () => {
  await setup?.close();
  await collector?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** What a client can choose, each with the mark in it. */
function hostile(mark: string): [path: string, init: RequestInit][] {
  const body = JSON.stringify({ [mark]: mark, name: mark, email: `${mark}@example.com`, nested: { [mark]: [mark] } });
  const json = { 'Content-Type': 'application/json' };
  return [
    [`/api/v2/users/${mark}?${mark}=${mark}&pageSize=${mark}`, {}],
    [`/api/v2/${mark}`, {}],
    [`/${mark}`, {}],
    [
      '/api/v2/users',
      { headers: { [`X-${mark}`]: mark, 'User-Agent': mark, Accept: mark, Cookie: `${mark}=${mark}` } },
    ],
    ['/api/v2/users', { headers: { apikey: mark } }],
    ['/api/v2/users', { headers: { Authorization: `Bearer ${mark}` } }],
    ['/api/v2/users', { headers: { 'X-Request-ID': mark, 'X-Correlation-ID': mark, 'X-Forwarded-For': mark } }],
    [
      '/api/v2/users',
      { headers: { traceparent: `00-${mark}-${mark}-01`, tracestate: `a=${mark}`, baggage: `a=${mark}` } },
    ],
    ['/api/v2/users/search', { method: 'POST', headers: json, body }],
    ['/api/v2/users/search', { method: 'POST', headers: { 'Content-Type': `text/${mark}` }, body: mark }],
    [`/api/v2/users/${mark}`, { method: 'DELETE' }],
    [
      '/oauth/token',
      { method: 'POST', body: new URLSearchParams({ grant_type: mark, client_id: mark, client_secret: mark }) },
    ],
  ];
}

async function scrape(): Promise<string> {
  return fetch(metricsUrl).then((response) => response.text());
}

/** The names and labels of all series, without their values. */
function seriesOf(text: string): Set<string> {
  return new Set(text.split('\n').flatMap((line) => (line.startsWith('#') ? [] : [line.replace(/ [^ ]*$/, '')])));
}

async function sendAll(mark: string): Promise<void> {
  for (const [path, init] of hostile(mark)) await (await setup.get(path, init)).arrayBuffer();
  // The log phase, and the thread that masks, come after the answer.
  const mine = (): OtlpSpan[] => collector.spans.filter(({ name }) => name.endsWith(' log'));
  const before = mine().length;
  await (await setup.get('/api/v2/users')).arrayBuffer();
  await waitFor('a log phase to be told', () => mine().length > before);
}

describe('whatever a client sends', unless(IN_CONTAINER), () => {
  it('is in no metric and in no span, makes no series, and no secret is in either', { timeout: 60_000 }, async () => {
    const marks = ['planted', 'sown', 'hidden'].map((word) => `${word}${randomBytes(6).toString('hex')}`);
    // What came of the first ones is counted by the time that the second ones are.
    for (const mark of marks.slice(0, 2)) await sendAll(mark);
    const before = seriesOf(await scrape());
    await sendAll(marks[2] ?? '');
    const text = await scrape();
    // With one process a plugin, one of them has the port.
    expect(before.size).toBeGreaterThan(50);
    expect([...seriesOf(text)].filter((series) => !before.has(series))).toEqual([]);
    expect(collector.faults).toEqual([]);
    const tokens = setup.genesys.control.requests({ kind: 'api' }).map(({ headers }) => String(headers.authorization));
    const secrets = [DEFAULT_CLIENT.clientSecret, KEY.apikey, 'example.com', ...tokens.map((one) => one.slice(-12))];
    for (const word of [...marks, ...secrets.filter((one) => one.length > 7)]) {
      expect(text.includes(word), word).toBe(false);
      expect(collector.text.includes(word), word).toBe(false);
    }
  });
});

describe('a request', unless(IN_CONTAINER), () => {
  it("is one trace over all plugins and phases, below the client's span", async () => {
    const traceId = randomBytes(16).toString('hex');
    const response = await setup.get('/api/v2/users', {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    });
    await response.arrayBuffer();
    const own = (): OtlpSpan[] => collector.spans.filter((span) => span.traceId === traceId);
    const hasAll = (): boolean =>
      ['access', 'log'].every((phase) => own().some(({ name }) => name.endsWith(` ${phase}`)));
    await waitFor('access and log', hasAll);
    const events = own().filter(({ attributes }) => textsOf(attributes)['kong.phase'] !== undefined);
    expect(new Set(events.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(['00f067aa0ba902b7']));
    const ids = new Set(events.map(({ attributes }) => textsOf(attributes)['kong.request.id']));
    expect([...ids]).toEqual([response.headers.get('x-kong-request-id')]);
  });

  it("without a client's span is a trace by Kong's request id, with one first span", async () => {
    const response = await setup.get('/api/v2/users');
    await response.arrayBuffer();
    const id = response.headers.get('x-kong-request-id') ?? '';
    expect(id).toMatch(/^[\da-f]{32}$/);
    const own = (): OtlpSpan[] => collector.spans.filter(({ traceId }) => traceId === id);
    await waitFor('a log phase', () => own().some(({ name }) => name.endsWith(' log')));
    const ids = new Set(own().map(({ spanId }) => spanId));
    const first = own().filter(({ parentSpanId }) => parentSpanId === undefined);
    // With one process a plugin, each has a first one of its own.
    if (process.env.PROCESSES !== 'each') expect(first).toHaveLength(1);
    for (const { parentSpanId } of own()) if (parentSpanId !== undefined) expect(ids).toContain(parentSpanId);
  });
});
