/** The metrics of a plugin-server process, in Prometheus' format, on its operator's port. */
import { get } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { rawBytes } from '../support/raw-request.js';

let server: PluginServerProcess;
let url: string;
beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = await startPluginServer('bin/genesys-quota.js', ['--metrics', `127.0.0.1:${port}`]);
});
afterAll(() => server?.stop());

it('tells how events end, how the process fares, and what the plugin counts', async () => {
  const config = { namespace: 'org', limits: [{ name: 'one', limit: 1, window: 'day', by: 'global' }] };
  for (const answered of [false, true]) {
    const kong = await KongDriver.connect(server.socketPath);
    const instance = await kong.startInstance(config, 'genesys-quota');
    expect((await kong.event(instance, 'access')).exit !== undefined).toBe(answered);
    kong.close();
  }
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  /** The value of a metric with these labels, in whatever order they stand. */
  const value = (metric: string, labels: Record<string, string>): number | undefined => {
    const wanted = Object.entries({ plugin: 'genesys-quota', ...labels }).map(([name, is]) => `${name}="${is}"`);
    const line = text
      .split('\n')
      .find((one) => one.startsWith(`${metric}{`) && wanted.every((label) => one.includes(label)));
    return line === undefined ? undefined : Number(line.split('} ')[1]);
  };
  const decisions = 'genesys_quota_decisions_total';
  expect(value(decisions, { namespace: 'org', decision: 'admitted' })).toBe(1);
  expect(value(decisions, { namespace: 'org', decision: 'one' })).toBe(1);
  const events = 'kong_plugin_event_duration_seconds_count';
  expect(value(events, { phase: 'access', outcome: 'ended' })).toBe(1);
  expect(value(events, { phase: 'access', outcome: 'exit' })).toBe(1);
  expect(value('nodejs_eventloop_lag_seconds', {})).toBeGreaterThanOrEqual(0);
});

it('tells of tokens and of requests to login, and no secret', async () => {
  const port = await freePort();
  const manager = await startPluginServer('bin/genesys-token-manager.js', ['--metrics', `127.0.0.1:${port}`]);
  const genesys = await startGenesysCloud();
  try {
    const { clientId, clientSecret } = DEFAULT_CLIENT;
    const kong = await KongDriver.connect(manager.socketPath);
    const config = { token_url: genesys.tokenUrl, client_id: clientId, client_secret: clientSecret };
    const instance = await kong.startInstance(config, 'genesys-token-manager');
    for (let i = 0; i < 3; i += 1) await kong.event(instance, 'access');
    kong.close();
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toMatch(/^genesys_token_requests_total\{result="granted",plugin="genesys-token-manager"\} 1$/m);
    const ofToken = `{client_id="${clientId}",slot="0",plugin="genesys-token-manager"}`;
    expect(text).toContain(`genesys_token_uses_in_window${ofToken} 3\n`);
    const uses = [...text.matchAll(/^genesys_token_uses_total\{source="(\w+)",.*\} (\d+)$/gm)].map(([, ...use]) => use);
    expect(uses).toEqual([
      ['memory', '2'],
      ['redis', '0'],
      ['request', '1'],
    ]);
    expect(text).toMatch(new RegExp(`^genesys_token_expires_in_seconds${ofToken} 8639\\d`, 'm'));
    expect(text).not.toContain(clientSecret);
  } finally {
    await Promise.all([manager.stop(), genesys.close()]);
  }
});

it('answers a path that is none', async () => {
  const { port } = new URL(url);
  const status = await new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '//', timeout: 5000 }, ({ statusCode }) => resolve(statusCode))
      .on('timeout', () => reject(new Error('no answer')))
      .on('error', reject);
  });
  expect(status).toBe(400);
});

it('says that it is ready, and what else it knows', async () => {
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ ready: true });
  const unknown = await fetch(`${url}/nothing`);
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toEqual({
    message: 'known are: GET /, GET /metrics, GET /ready, GET /usage, GET /budgets, GET /requests',
  });
});

it('answers nobody who came by another name, as a page in a browser does after DNS rebinding', async () => {
  const statusFor = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get(`${url}/metrics`, { headers: { Host: host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  expect(await statusFor('rebound.example:9500')).toBe(403);
  expect(await statusFor('localhost:9500')).toBe(200);
});

it('gives others the metrics and readiness where it listens for them, and operations to this machine alone', async () => {
  const port = await freePort();
  const manager = await startPluginServer('bin/genesys-token-manager.js', ['--metrics', `0.0.0.0:${port}`]);
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  const statusOf = (host: string, path: string, init: RequestInit = {}): Promise<number> =>
    fetch(`http://${host}:${port}${path}`, init).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
  try {
    await waitFor('the metrics port', async () => (await statusOf('127.0.0.1', '/ready')) === 200);
    expect(await statusOf('127.0.0.1', '/tokens')).toBe(200);
    // Without a network this machine has no other address.
    for (const host of outside === undefined ? [] : [outside]) {
      expect(await statusOf(host, '/metrics')).toBe(200);
      expect(await statusOf(host, '/ready')).toBe(200);
      for (const path of ['/tokens', '/credentials', '/regions', '/metrics/../tokens', '/metricsx', '/'])
        expect(await statusOf(host, path), path).toBe(403);
      for (const path of ['/tokens/purge', '/metrics'])
        expect(await statusOf(host, path, { method: 'POST' })).toBe(403);
      // Whoever comes from elsewhere cannot name this machine either.
      const named = await rawBytes(
        `http://${host}:${port}`,
        'GET /tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
      );
      expect(named).toMatch(/^HTTP\/1.1 403/);
    }
  } finally {
    await manager.stop();
  }
});

it.each([
  ['genesys-pii-log', 'genesys_pii_log_events_total{outcome="logged",plugin="genesys-pii-log"} 0'],
  [
    'genesys-response-filter',
    'genesys_response_filter_responses_total{verdict="blocked",plugin="genesys-response-filter"} 0',
  ],
])('%s has its own', async (name, line) => {
  const port = await freePort();
  const other = await startPluginServer(`bin/${name}.js`, ['--metrics', `127.0.0.1:${port}`]);
  try {
    // The port opens after the socket does.
    const text = await waitFor('the metrics port', () =>
      fetch(`http://127.0.0.1:${port}/metrics`).then(
        (response) => response.text(),
        () => false as const,
      ),
    );
    expect(text.split('\n')).toContain(line);
  } finally {
    await other.stop();
  }
});
