/** Every PDK method, called through the gateway in every phase in which methods.ts says that it works. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { METHODS_BY_NAME } from '../../kong/pdk/methods.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import type { Phase } from '../../plugins/shared/plugin.js';
import { type EchoServer, startEchoServer } from '../support/echo-server.js';
import { type Gateway, PROBE, startGateway } from './gateway.js';

const CONSUMER_ID = '0f3b7a52-6a6c-4d3c-9d1e-0c1d2e3f4a5b';

/** Arguments, in protobuf's JSON form, of the methods that take one. */
const ARGUMENTS: Record<string, unknown> = {
  'kong.client.get_protocol': { v: false },
  'kong.client.load_consumer': { v: CONSUMER_ID },
  'kong.client.authenticate': { v: {} },
  'kong.ctx.shared.set': { k: 'key', v: { stringValue: 'value' } },
  'kong.ctx.shared.get': { v: 'key' },
  'kong.ip.is_trusted': { v: '127.0.0.1' },
  'kong.log.set_serialize_value': { k: 'my.field', v: { stringValue: 'z' } },
  'kong.nginx.get_var': { v: 'request_id' },
  'kong.nginx.set_ctx': { k: 'probe', v: { stringValue: 'value' } },
  'kong.nginx.get_ctx': { v: 'probe' },
  'kong.request.get_query_arg': { v: 'a' },
  'kong.request.get_header': { v: 'host' },
  'kong.response.get_header': { v: 'content-type' },
  'kong.response.set_status': { v: 200 },
  'kong.response.set_header': { k: 'X-Probe', v: { stringValue: '1' } },
  'kong.response.add_header': { k: 'X-Probe', v: { stringValue: '2' } },
  'kong.response.clear_header': { v: 'X-Other' },
  'kong.response.set_headers': { fields: { 'X-Probes': { stringValue: '1' } } },
  'kong.service.set_upstream': { v: 'echo' },
  'kong.service.request.set_scheme': { v: 'http' },
  'kong.service.request.set_path': { v: '/set' },
  'kong.service.request.set_raw_query': { v: 'q=1' },
  'kong.service.request.set_method': { v: 'POST' },
  'kong.service.request.set_query': { fields: { q: { stringValue: '2' } } },
  'kong.service.request.set_header': { k: 'X-Probe', v: { stringValue: '1' } },
  'kong.service.request.add_header': { k: 'X-Probe', v: { stringValue: '2' } },
  'kong.service.request.clear_header': { v: 'X-Other' },
  'kong.service.request.set_headers': { fields: { 'X-Probes': { stringValue: '1' } } },
  'kong.service.request.set_raw_body': { v: '{}' },
  'kong.service.response.get_header': { v: 'content-type' },
};
for (const level of ['alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug']) {
  ARGUMENTS[`kong.log.${level}`] = { values: [{ stringValue: `probe logs ${level}` }] };
}

/** What ends the request, or needs a target that is not there, is tested elsewhere. */
const ELSEWHERE = new Set(['kong.response.exit', 'kong.service.set_target', 'kong.client.authenticate']);

let gateway: Gateway;
let echo: EchoServer;

const config = (probe: Record<string, unknown>, extra: Record<string, unknown> = {}) => ({
  services: [
    {
      name: 'echo',
      host: 'echo',
      protocol: 'http',
      routes: [{ name: 'echo', paths: ['/echo'], plugins: [{ name: 'probe', config: probe }] }],
    },
  ],
  upstreams: [{ name: 'echo', targets: [{ target: new URL(echo.url).host }] }],
  consumers: [{ id: CONSUMER_ID, username: 'svc-a' }],
  ...extra,
});

beforeAll(async () => {
  echo = await startEchoServer();
  gateway = await startGateway({ config: config({}), plugins: [PROBE] });
});
afterAll(async () => {
  await gateway?.close();
  await echo?.close();
});

const cases = (['access', 'response', 'log'] as Phase[]).flatMap((phase) =>
  [...METHODS_BY_NAME.values()]
    .filter((method) => method.phases.has(phase) && !ELSEWHERE.has(method.name))
    .map((method) => [phase, method.name] as const),
);

it.each(['access', 'response', 'log'] as const)('carries out everything that is allowed in %s', async (phase) => {
  const names = cases.filter(([allowed]) => allowed === phase).map(([, name]) => name);
  expect(names.length).toBeGreaterThan(20);
  const steps = names.map((name) => [name, ARGUMENTS[name] ?? null]);
  const done: [string, unknown] = ['kong.log.notice', { values: [{ stringValue: `all of ${phase} done` }] }];
  // A response handler leaves the route buffered, so that log may read the service's body.
  await gateway.reconfigure(config({ [phase]: JSON.stringify([...steps, done]) }));
  const response = await fetch(`${gateway.url}/echo/x?a=1`, { method: 'POST', body: '{}' });
  expect(response.status, gateway.log()).toBe(200);
  await waitFor('the last call', () => gateway.log().includes(`all of ${phase} done`));
});

it('clears a header that is set to an empty list', async () => {
  const steps = [
    [
      'kong.service.request.set_headers',
      { fields: { Cookie: { listValue: { values: [] } }, 'X-New': { stringValue: 'n' } } },
    ],
  ];
  await gateway.reconfigure(config({ access: JSON.stringify(steps) }));
  const response = await fetch(`${gateway.url}/echo/x`, { headers: { Cookie: 'a=b', 'X-Kept': 'k' } });
  expect(response.status).toBe(200);
  const headers = echo.received.at(-1)?.headers;
  expect(headers).toMatchObject({ 'x-new': 'n', 'x-kept': 'k' });
  expect(headers).not.toHaveProperty('cookie');
});
