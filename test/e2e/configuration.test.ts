/** A configuration that is wrong is refused as a whole, with the field that is at fault, and the one before it goes on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { type GenesysGateway, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

let setup: GenesysGateway;

beforeAll(async () => {
  setup = await startGenesysGateway();
});
afterAll(() => setup?.close());

const withField = (name: string, value: unknown) => (config: KongConfig) => {
  tokenManagerConfig(config)[name] = value;
};

it.each<[string, (config: KongConfig) => void, RegExp]>([
  ['an unknown field', withField('secret_sauce', 1), /secret_sauce[\s\S]*unknown field/],
  ['an unknown region', withField('region', 'mars'), /region[\s\S]*expected one of/],
  ['a number out of range', withField('max_attempts', 0), /max_attempts[\s\S]*(between|greater)/],
  ['text for a number', withField('timeout_ms', 'soon'), /timeout_ms[\s\S]*expected (an integer|a number)/],
  ['an empty choice', withField('auth_method', ''), /auth_method[\s\S]*expected one of/],
  [
    'a pattern with words of its own',
    withField('failover', { methods: ['get'] }),
    /must be a method in capital letters/,
  ],
  ['a missing client id', withField('client_id', null), /at least one of these fields[\s\S]*client_id/],
  [
    'a client beside a pool',
    (config) =>
      Object.assign(tokenManagerConfig(config), {
        client_id: 'literal',
        clients: [{ client_id: 'a', client_secret: 'b' }],
      }),
    /client_id[\s\S]*clients/,
  ],
  [
    'no credential at all',
    (config) => Object.assign(tokenManagerConfig(config), { client_id: null, client_secret: null }),
    /at least one of these fields[\s\S]*client_id/,
  ],
  ['a bearer without its secret', withField('credential', 'bearer'), /secret[\s\S]*required field missing/],
  [
    'an unknown plugin',
    (config) => config.services[0]?.routes[0]?.plugins.push({ name: 'no-such-plugin', config: {} }),
    /no-such-plugin/,
  ],
  [
    'a plugin on a protocol that it does not know',
    (config) => Object.assign(config.services[0]?.routes[0]?.plugins.at(-1) ?? {}, { protocols: ['tcp'] }),
    /protocols/,
  ],
])('%s', async (_what, edit, reason) => {
  await expect(setup.reconfigure(edit)).rejects.toThrow(reason);
  const response = await setup.get('/api/v2/tokens/me');
  await response.arrayBuffer();
  expect(response.status).toBe(200);
});

it('defaults are filled in by the gateway: a configuration of a client alone works', async () => {
  await setup.reconfigure((config) => {
    const { client_id, client_secret, token_url } = tokenManagerConfig(config);
    const entry = config.services[0]?.routes[0]?.plugins.find(({ name }) => name === 'genesys-token-manager');
    if (entry !== undefined) entry.config = { client_id, client_secret, token_url };
  });
  const response = await setup.get('/api/v2/tokens/me');
  await response.arrayBuffer();
  expect(response.status).toBe(200);
});

it("Lua's one empty table stands for a list and for a map", async () => {
  await setup.reconfigure((config) => {
    Object.assign(tokenManagerConfig(config), { purge_on_statuses: {}, extra_params: [] });
  });
  const response = await setup.get('/api/v2/tokens/me');
  await response.arrayBuffer();
  expect(response.status).toBe(200);
});
