/** genesys-gateway as its process: what an event costs on the wire, its variant, and its page for operators. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KongDriver, type PdkCallSeen } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { type PluginServerProcess, ROOT, startPluginServer } from '../../kong/testbed/plugin-server.js';

const NAME = 'genesys-gateway';
let server: PluginServerProcess;
let genesys: GenesysCloud;
let port: number;
beforeAll(async () => {
  port = await freePort();
  genesys = await startGenesysCloud();
  server = await startPluginServer(`bin/${NAME}.js`, ['--metrics', `127.0.0.1:${port}`, '--stdout', '/dev/null']);
});
afterAll(async () => {
  await server?.stop();
  await genesys?.close();
});

const reply = ({ method, argument }: PdkCallSeen): unknown => {
  if (method === 'kong.client.get_consumer') return { id: 'c1', username: 'svc-crm', tags: [] };
  if (method === 'kong.nginx.get_var') return (argument as { v: string }).v === 'upstream_uri' ? '/api/v2/users' : '';
  return Buffer.alloc(0);
};

it('reads for all parts in one round trip, and sets in the write of the end', async () => {
  const { clientId, clientSecret } = DEFAULT_CLIENT;
  const config = {
    pii_log: { sinks: [{ type: 'stdout' }], log_request_body: false },
    quota: { limits: [{ name: 'two', limit: 2, window: 'day', by: 'global' }] },
    token_manager: { token_url: genesys.tokenUrl, client_id: clientId, client_secret: clientSecret },
    response_filter: { rules: [{ keep: ['id'] }] },
  };
  const kong = await KongDriver.connect(server.socketPath);
  const instance = await kong.startInstance(config, NAME);
  await kong.event(instance, 'access', reply);
  const { calls, exit, roundTrips } = await kong.event(instance, 'access', reply);
  expect(exit).toBeUndefined();
  expect(roundTrips).toBe(2);
  expect(calls.map(({ method }) => method)).toEqual([
    'kong.nginx.get_var',
    'kong.nginx.get_var',
    'kong.client.get_consumer',
    'kong.request.get_headers',
    'kong.nginx.get_var',
    'kong.ctx.shared.set',
    'kong.response.set_headers',
    'kong.service.request.set_headers',
    'kong.ctx.shared.set',
  ]);
  const refused = await kong.event(instance, 'access', reply);
  expect(refused.exit?.status).toBe(429);
  kong.close();

  const { tokens } = (await (await fetch(`http://127.0.0.1:${port}/tokens`)).json()) as { tokens: unknown[] };
  // The third request was refused, and got none.
  expect(tokens).toMatchObject([{ client_id: clientId, token: { uses: 2 } }]);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  for (const name of ['log_entries', 'quota_decisions', 'token_requests', 'response_filter_responses']) {
    expect(metrics).toMatch(
      new RegExp(`^# TYPE genesys_${name === 'log_entries' ? 'pii_log_entries' : name}_total`, 'm'),
    );
  }
});

it('describes itself and its variant', () => {
  const phases = (...args: string[]): unknown => {
    const command = [join(ROOT, 'dist/bin', `${NAME}.js`), '--dump', '--socket', '/s', ...args];
    const { Plugins } = JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' })) as {
      Plugins: { Name: string; Priority: number; Phases: string[] }[];
    };
    return Plugins.map(({ Name, Priority, Phases }) => [Name, Priority, Phases]);
  };
  expect(phases()).toEqual([[NAME, 880, ['access', 'response', 'log']]]);
  const unbuffered = `${NAME}-unbuffered`;
  expect(phases('--without-bodies', '--name', unbuffered)).toEqual([[unbuffered, 880, ['access', 'log']]]);
});
