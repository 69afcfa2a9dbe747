/** What phases can and cannot do, and what the client gets when a handler fails: the same on every gateway. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kongJsPluginServer } from '../../kong/testbed/kong-js-pluginserver.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type EchoServer, startEchoServer } from '../support/echo-server.js';
import { type RawRequest, type RawResponse, rawRequest } from '../support/raw-request.js';
import { type Gateway, PROBE, startGateway } from './gateway.js';

const PROBE_AFTER = { name: 'probe-after', script: 'test/support/probe-after-server.js' };
const KONG_JS = kongJsPluginServer('bench', 'test/support/bench-plugin.js');

type Steps = [string, unknown][];

let gateway: Gateway;
let echo: EchoServer;

const config = (plugins: { name: string; config: Record<string, unknown> }[]) => ({
  services: [{ name: 'echo', url: echo.url, routes: [{ name: 'echo', paths: ['/echo'], plugins }] }],
});
const steps = (list: Steps) => JSON.stringify(list);

beforeAll(async () => {
  echo = await startEchoServer();
  const probe = { ...PROBE, args: ['--deadline', '1'] };
  gateway = await startGateway({ config: config([]), plugins: [probe, PROBE_AFTER, KONG_JS] });
});
afterAll(async () => {
  await gateway?.close();
  await echo?.close();
});

const send = (path: string, options?: RawRequest): Promise<RawResponse> => rawRequest(`${gateway.url}${path}`, options);
const json = (response: RawResponse) => JSON.parse(response.body.toString()) as Record<string, unknown>;

describe('the response phase', () => {
  it('ends with an exit: handlers of lower priority do not run', async () => {
    const later: Steps = [['kong.response.set_header', { k: 'X-After', v: { stringValue: 'ran' } }]];
    const after = { name: 'probe-after', config: { response: steps(later) } };
    await gateway.reconfigure(config([{ name: 'probe', config: {} }, after]));
    expect((await send('/echo/x')).headers).toMatchObject({ 'x-after': 'ran' });
    await gateway.reconfigure(
      config([{ name: 'probe', config: { response: steps([['rewrite-body', null]]) } }, after]),
    );
    const response = await send('/echo/x');
    expect(response.body.toString()).toMatch(/^rewritten:\{"method":"GET"/);
    expect(response.headers['content-length']).toBe(String(response.body.length));
    expect(response.headers['x-rewritten']).toBe('1');
    expect(response.headers).not.toHaveProperty('x-after');
  });

  it('keeps the Content-Encoding of the service after an exit, right or wrong', async () => {
    await gateway.reconfigure(config([{ name: 'probe', config: { response: steps([['rewrite-body', null]]) } }]));
    const response = await send('/echo/x', { headers: { 'X-Echo-Encoding': 'gzip' } });
    expect(response.headers['content-encoding']).toBe('gzip');
  });

  it('does not run for a request with Upgrade: the body of the service passes untouched', async () => {
    await gateway.reconfigure(config([{ name: 'probe', config: { response: steps([['rewrite-body', null]]) } }]));
    const response = await send('/echo/x', { headers: { Upgrade: 'websocket' } });
    expect(response.status).toBe(200);
    expect(response.body.toString()).toMatch(/^\{"method":"GET"/);
  });

  it('rewrites a body of 10 MB', async () => {
    await gateway.reconfigure(config([{ name: 'probe', config: { response: steps([['rewrite-body', null]]) } }]));
    const bytes = 10 * 1024 * 1024;
    const response = await send('/echo/x', { headers: { 'X-Echo-Bytes': String(bytes) } });
    expect(response.body.length).toBe(bytes + 'rewritten:'.length);
  });

  it('reads the headers of its own request, whatever a log handler before it tried', async () => {
    const probe = { response: steps([['echo-header', null]]), log: steps([['kong.request.get_method', null]]) };
    await gateway.reconfigure(config([{ name: 'probe', config: probe }]));
    for (const who of ['alice', 'bob', 'carol', 'dave']) {
      const before = refusals();
      expect((await send('/echo/x', { headers: { 'X-Who': who } })).headers['x-seen']).toBe(who);
      await waitFor('the refusal in the log phase', () => refusals() > before);
    }
  });

  const refusals = (): number =>
    gateway.log().split('kong.request.get_method cannot be called in the log phase').length;
});

describe('a handler that fails', () => {
  const failing = (phase: string, how: string) =>
    config([{ name: 'probe', config: { [phase]: steps([[how, null]]) } }]);

  it('in access is answered 500, with the request id of Kong, and the service never hears of it', async () => {
    await gateway.reconfigure(failing('access', 'throw'));
    const before = echo.received.length;
    const response = await send('/echo/x');
    expect(response.status).toBe(500);
    expect(json(response)).toMatchObject({ code: 'gateway.plugin.error', status: 500, errors: [] });
    expect(json(response).contextId).toBe(response.headers['x-kong-request-id']);
    expect(echo.received.length).toBe(before);
  });

  it('in access by taking too long is answered 504', async () => {
    await gateway.reconfigure(failing('access', 'hang'));
    const response = await send('/echo/x');
    expect(response.status).toBe(504);
    expect(json(response)).toMatchObject({ code: 'gateway.plugin.timeout' });
  });

  it('in response hides the body of a read', async () => {
    await gateway.reconfigure(failing('response', 'throw'));
    const response = await send('/echo/x', { headers: { 'X-Echo-Encoding': 'gzip' } });
    expect(response.status).toBe(500);
    expect(json(response)).toMatchObject({ code: 'gateway.plugin.error' });
    expect(response.headers).not.toHaveProperty('content-encoding');
  });

  it('in response keeps the status of a write, and hides its body', async () => {
    await gateway.reconfigure(failing('response', 'throw'));
    const response = await send('/echo/x', {
      method: 'POST',
      headers: { 'X-Echo-Status': '201' },
      body: Buffer.from('{}'),
    });
    expect(response.status).toBe(201);
    expect(response.headers['x-gateway-response']).toBe('blocked');
    expect(json(response)).toMatchObject({ code: 'gateway.plugin.error', status: 201 });
  });

  it('in log changes nothing for the client', async () => {
    await gateway.reconfigure(failing('log', 'throw-late'));
    expect((await send('/echo/x')).status).toBe(200);
    await waitFor('the log line', () => gateway.log().includes('the probe throws late'));
  });
});

it('a request body that was spilled to a file is read, and passes whole', async () => {
  await gateway.reconfigure(config([{ name: 'probe', config: { access: steps([['read-body', null]]) } }]));
  for (const bytes of [0, 100, 20_000, 10 * 1024 * 1024]) {
    const response = await send('/echo/x', { method: 'POST', body: Buffer.alloc(bytes, 'x') });
    expect(response.status, gateway.log().slice(-2000)).toBe(200);
    expect(echo.received.at(-1)?.headers['x-body-bytes']).toBe(String(bytes));
    expect(echo.received.at(-1)?.body.length).toBe(bytes);
  }
});

describe("kong-pdk's own plugin server, for comparison", () => {
  it('serves the same module, over MsgPack:1', async () => {
    await gateway.reconfigure(config([{ name: 'bench', config: {} }]));
    const response = await waitFor('the plugin server', async () => {
      const answer = await send('/echo/x');
      return answer.status === 200 && answer;
    });
    expect(response.status).toBe(200);
    expect(echo.received.at(-1)?.headers['x-bench']).toBe('1');
  });
});
