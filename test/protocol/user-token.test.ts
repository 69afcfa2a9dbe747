/** genesys-user-token as its process: what a known token costs on the wire, and what many unknown ones cost it. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KongDriver, type PdkCallSeen } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { APP_CLIENT, call, loginUser, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';

const NAME = 'genesys-user-token';
const CONSUMER = { id: '6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01', username: 'agent-desktop', tags: ['apps'] };
/** With LONG=1, as many as the plugin is made for. */
const RANDOM_TOKENS = process.env.LONG ? 100_000 : 5_000;

let server: PluginServerProcess;
let genesys: GenesysCloud;
let metricsUrl: string;
let token: string;
let config: Record<string, unknown>;

beforeAll(async () => {
  genesys = await startGenesysCloud({ users: 3, clients: [DEFAULT_CLIENT, APP_CLIENT], rateLimitPerMinute: 0 });
  token = await loginUser(genesys);
  const { id } = await read<{ id: string }>(call(genesys, token, '/api/v2/organizations/me'));
  config = {
    api_url: genesys.url,
    organizations: [id],
    consumers: [{ consumer: CONSUMER.username, client_id: APP_CLIENT.clientId }],
  };
  const port = await freePort();
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  server = await startPluginServer(`bin/${NAME}.js`, ['--metrics', `127.0.0.1:${port}`]);
  genesys.control.reset();
});
afterAll(async () => {
  await server?.stop();
  await genesys?.close();
});

const replies =
  (bearer: string) =>
  ({ method, argument }: PdkCallSeen): unknown => {
    if (method === 'kong.client.get_forwarded_ip') return '192.0.2.1';
    if (method === 'kong.client.load_consumer') return CONSUMER;
    if (method !== 'kong.nginx.get_var') return Buffer.alloc(0);
    return argument === 'http_authorization' ? `Bearer ${bearer}` : argument === 'upstream_uri' ? '/api/v2/users' : '';
  };

async function ask(bearer: string, instance?: number) {
  const kong = await KongDriver.connect(server.socketPath);
  try {
    return await kong.event(instance ?? (await kong.startInstance(config, NAME)), 'access', replies(bearer));
  } finally {
    kong.close();
  }
}

it('makes a consumer of a known token in one round trip and one write', async () => {
  const kong = await KongDriver.connect(server.socketPath);
  const instance = await kong.startInstance(config, NAME);
  await kong.event(instance, 'access', replies(token));
  const { calls, roundTrips } = await kong.event(instance, 'access', replies(token));
  kong.close();
  expect(roundTrips).toBe(2);
  const effects = calls.filter(({ method }) => /authenticate|set/.test(method));
  expect(effects.map(({ method }) => method)).toEqual([
    'kong.service.request.set_headers',
    'kong.client.authenticate',
    'kong.ctx.shared.set',
  ]);
  expect(effects[1]?.argument).toMatchObject({
    consumer: CONSUMER,
    credential: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), consumer_id: CONSUMER.id },
  });
  expect(genesys.control.counts().apiRequests).toBe(2);
});

it('refuses random tokens without memory, and without many questions', { timeout: 300_000 }, async () => {
  const kong = await KongDriver.connect(server.socketPath);
  const instance = await kong.startInstance(config, NAME);
  const flood = async (count: number): Promise<void> => {
    let left = count;
    const send = async (): Promise<void> => {
      for (; left > 0; left -= 1) {
        const { exit } = await ask(randomBytes(48).toString('base64url'), instance);
        expect([401, 429]).toContain(exit?.status);
      }
    };
    await Promise.all(Array.from({ length: 20 }, send));
  };
  // Until V8 has compiled and sized what it needs.
  await flood(2_000);
  const before = server.residentBytes();
  genesys.control.reset();
  await flood(RANDOM_TOKENS);
  const grownMiB = (server.residentBytes() - before) / 2 ** 20;
  expect(grownMiB).toBeLessThan(20);
  // A minute may have begun meanwhile: 30 a minute, and what runs at once.
  expect(genesys.control.counts().unauthorized).toBeLessThanOrEqual(300);
  expect((await ask(token, instance)).exit).toBeUndefined();
  kong.close();
  const metrics = await (await fetch(metricsUrl)).text();
  expect(metrics).toMatch(/genesys_user_token_requests_total\{[^}]*decision="limited"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/genesys_user_token_checks_total\{[^}]*result="refused"[^}]*\} [1-9]/);
});
