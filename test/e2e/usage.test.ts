/**
 * Use by consumer and by OAuth client, from requests through the gateway to what an operator reads: it survives a
 * plugin server that is killed, without Redis, and is set next to Genesys' own report.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { freePort } from '../../kong/testbed/native-kong.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { GATEWAY_KIND } from './gateway.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const QUOTA = 'genesys-quota';
const folder = mkdtempSync(join(tmpdir(), 'usage-'));

let setup: GenesysGateway;
let operator: string;

beforeAll(async () => {
  operator = `http://127.0.0.1:${await freePort()}`;
  const args = ['--state-dir', join(folder, 'state'), '--metrics', new URL(operator).host];
  const named = ['genesys-quota', 'genesys-token-manager', 'genesys-gateway'];
  const plugins = PLUGINS.map((plugin) => (named.includes(plugin.name) ? { ...plugin, args } : plugin));
  setup = await startGenesysGateway({ withQuota: true, plugins });
});
afterAll(async () => {
  await setup?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Counts {
  namespaces: { storage: string; consumers: { username: string; requests: number }[] }[];
}
interface ClientCounts {
  storage: string;
  clients: { client_id: string; requests: number }[];
}

const ask = async <T>(path: string): Promise<T> => (await (await fetch(`${operator}${path}`)).json()) as T;

async function used(): Promise<unknown> {
  const { namespaces } = await ask<Counts>('/usage');
  const { storage, clients } = await ask<ClientCounts>('/usage/clients');
  return {
    storage: [...new Set([storage, ...namespaces.map((one) => one.storage)])],
    consumers: namespaces.flatMap(({ consumers }) => consumers).map(({ username, requests }) => [username, requests]),
    clients: clients.map(({ client_id: id, requests }) => [id, requests]),
  };
}

async function send(requests: number): Promise<void> {
  for (let sent = 0; sent < requests; ) {
    const response = await setup.get('/api/v2/users?pageSize=1').catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.status === 200) sent += 1;
  }
}

const client = DEFAULT_CLIENT.clientId;

// One process a plugin has one port each.
describe.skipIf(GATEWAY_KIND === 'docker' || process.env.PROCESSES === 'each')('use', () => {
  it('survives a plugin server that is killed', async () => {
    await send(5);
    const before = { storage: ['file'], consumers: [['svc-demo', 5]], clients: [[client, 5]] };
    expect(await used()).toEqual(before);
    const pid = setup.gateway.pluginServerPid(QUOTA);
    if (pid === undefined) throw new Error('no plugin server runs');
    process.kill(pid, 'SIGKILL');
    await waitFor('the next plugin server', () => setup.gateway.pluginServerPid(QUOTA) !== pid);
    await send(2);
    expect(await used()).toEqual({ ...before, consumers: [['svc-demo', 7]], clients: [[client, 7]] });
    const file = readFileSync(join(folder, 'state', 'genesys-use.json'), 'utf8');
    expect(JSON.parse(file)).toMatchObject({ version: 1 });
  });
});
