/** Every plugin of the suite also starts under npm kong-pdk's own plugin server, and does its work there. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { MsgPackDriver } from '../../kong/kong-side/msgpack.js';
import { PLUGIN_NAMES } from '../../kong/plugin-list.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { type KongJsPluginServer, startKongJsPluginServer } from '../../kong/testbed/kong-js-pluginserver.js';

let server: KongJsPluginServer | undefined;
let genesys: GenesysCloud | undefined;
let driver: MsgPackDriver | undefined;

afterEach(async () => {
  driver?.close();
  await server?.stop();
  await genesys?.close();
});

describe.each(PLUGIN_NAMES)('%s under kong-js-pluginserver', (name) => {
  it('is described as by our own server', async () => {
    server = await startKongJsPluginServer(`plugins/${name}/index.js`);
    const [command = '', ...args] = server.dump;
    const dump = JSON.parse(execFileSync(command, args, { env: server.env, cwd: '/' }).toString());
    const described = [dump].flat()[0];
    const plugin = await import(`../../dist/plugins/${name}/index.js`);
    expect(described).toMatchObject({
      Name: name,
      Version: plugin.Version,
      Priority: plugin.Priority,
    });
    // It lists the methods in an order of its own.
    expect(described.Phases.toSorted()).toEqual(
      ['access', 'log', 'response'].filter((phase) => phase in plugin.Plugin.prototype),
    );
  });
});

it('genesys-token-manager injects the token there', async () => {
  server = await startKongJsPluginServer('plugins/genesys-token-manager/index.js');
  genesys = await startGenesysCloud();
  driver = await MsgPackDriver.connect(server.socketPath);
  const { clientId: client_id, clientSecret: client_secret } = DEFAULT_CLIENT;
  const config = { token_url: genesys.tokenUrl, client_id, client_secret };
  const id = await driver.startInstance(config, 'genesys-token-manager');
  const { calls } = await driver.event(id, 'access', (method, [name]) => {
    if (method === 'kong.request.get_headers') return { host: 'gateway', cookie: 'said=said' };
    return name === 'upstream_uri' ? '/api/v2/users' : null;
  });
  const changes = calls.filter(({ method }) => !method.includes('.get_'));
  expect(changes.map(({ method }) => method)).toEqual(['kong.service.request.set_headers', 'kong.ctx.shared.set']);
  expect(changes[0]?.args[0]).toMatchObject({ Authorization: expect.stringMatching(/^Bearer \S+$/), Cookie: [] });
});
