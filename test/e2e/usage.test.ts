/**
 * Use by consumer and by OAuth client, from requests through the gateway to what an operator reads: it survives a
 * plugin server that is killed, without Redis, and is set next to Genesys' own report.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usage } from '../../kong/install/usage/command.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { call, login } from '../../kong/testbed/genesys-cloud/testing.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { listClients } from '../../plugins/genesys-token-manager/try-login.js';
import { DAY_MS, dayOf } from '../../plugins/shared/use-counts/span.js';
import { GATEWAY_KIND } from './gateway.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

/** Who asks for Genesys' report: not the gateway's own client, so that asking does not count for it. */
const REPORTS = { clientId: 'reports', clientSecret: 'reports-secret', permissions: ['usage:organization:view'] };
const QUOTA = 'genesys-quota';
const folder = mkdtempSync(join(tmpdir(), 'usage-'));

let setup: GenesysGateway;
let operator: string;

beforeAll(async () => {
  operator = `http://127.0.0.1:${await freePort()}`;
  const args = ['--state-dir', join(folder, 'state'), '--metrics', new URL(operator).host];
  const named = ['genesys-quota', 'genesys-token-manager', 'genesys-gateway'];
  const plugins = PLUGINS.map((plugin) => (named.includes(plugin.name) ? { ...plugin, args } : plugin));
  const clients = [DEFAULT_CLIENT, REPORTS, { ...REPORTS, clientId: 'others', permissions: [] }];
  setup = await startGenesysGateway({ withQuota: true, plugins, clients });
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
describe(
  'use',
  unless(GATEWAY_KIND === 'docker' || process.env.PROCESSES === 'each' ? 'needs one process with a port' : undefined),
  () => {
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

    const credentials = (clientId: string) => ({
      GENESYS_CLIENT_ID: clientId,
      GENESYS_CLIENT_SECRET: REPORTS.clientSecret,
      GENESYS_TOKEN_URL: setup.genesys.tokenUrl,
    });
    /** Runs the command tomorrow, when Genesys has today's requests. */
    const tomorrow = async (clientId = REPORTS.clientId) => {
      const nowMs = Date.now() + DAY_MS;
      const args = ['--day', dayOf(Date.now()), '--format', 'json', operator];
      const { text } = await usage(args, { env: credentials(clientId), listClients, nowMs });
      return JSON.parse(text) as { clients: object[]; consumers: object[]; findings: string[] };
    };

    it('agrees with what Genesys reports, until somebody goes past the gateway', async () => {
      const { genesys } = setup;
      genesys.control.setUsageLag(0);
      await send(3);
      const requests = (((await ask<ClientCounts>('/usage/clients')).clients[0] ?? {}) as { requests: number })
        .requests;
      const agreed = await tomorrow();
      expect(agreed.clients).toContainEqual({
        ...{ id: client, name: `Client ${client}`, gateway: requests, genesys: requests },
        ...{ difference: 0, differencePercent: 0 },
      });
      expect(agreed.consumers).toMatchObject([{ name: 'svc-demo', requests }]);
      expect(agreed.findings).toEqual([
        expect.stringMatching(/^1 OAuth client with \d+ requests did not come through this gateway\.$/),
      ]);

      const token = await login(genesys);
      for (let i = 0; i < 5; i += 1) await (await call(genesys, token, '/api/v2/tokens/me')).arrayBuffer();
      expect((await tomorrow()).findings[0]).toMatch(/^genesys-client-id: Genesys counted 5 \(.* %\) more: /);
    });

    it('is not had from Genesys by a client that may not ask, which is said', async () => {
      await expect(tomorrow('others')).rejects.toThrow('oauth:client:view or usage:organization:view');
    });

    it('is printed by the command, with and without Genesys', async () => {
      const yesterday = dayOf(Date.now() - DAY_MS);
      const entry = { clientId: client, templateUri: '/api/v2/users', httpMethod: 'GET', status: 200 };
      setup.genesys.control.addUsage({ ...entry, day: yesterday, requests: 4321 });
      const run = async (env: Record<string, string>, ...args: string[]) => {
        const bin = join(ROOT, 'dist/bin/kong-genesys-cloud.js');
        const command = [bin, 'usage', '--day', yesterday, ...args, operator];
        return (await promisify(execFile)(process.execPath, command, { env: { ...process.env, ...env } })).stdout;
      };
      const text = await run(credentials(REPORTS.clientId), '--allocation', '4000', '--price', '0.01');
      expect(text).toMatch(/^genesys-client-id +Client genesys-client-id +4321/m);
      expect(text).toContain('4321 requests in all, of 4000 in the allocation: 3.21 for what is beyond');
      expect(await run({ GENESYS_CLIENT_ID: '', GENESYS_CLIENT_SECRET: '' })).toContain('Genesys was not asked');
    });

    it('of a month that a limit counts survives the plugin server, too', async () => {
      const limits = [{ name: 'monthly', limit: 5, window: 'month', by: 'consumer' }];
      await setup.reconfigure((config) => {
        for (const route of config.services.flatMap(({ routes }) => routes)) {
          for (const plugin of route.plugins)
            if (plugin.name === QUOTA) plugin.config = { namespace: 'monthly', limits };
        }
        for (const consumer of config.consumers ?? []) delete consumer.plugins;
      });
      const statuses = async (requests: number): Promise<number[]> => {
        const seen: number[] = [];
        while (seen.length < requests) {
          const response = await setup.get('/api/v2/users?pageSize=1').catch(() => undefined);
          await response?.arrayBuffer();
          // 500 while there is no plugin server.
          if (response !== undefined && response.status !== 500) seen.push(response.status);
        }
        return seen;
      };
      expect(await statuses(3)).toEqual([200, 200, 200]);
      const file = join(folder, 'state', 'genesys-windows.json');
      await waitFor('the count to be on disk', () => existsSync(file));
      const pid = setup.gateway.pluginServerPid(QUOTA);
      if (pid === undefined) throw new Error('no plugin server runs');
      process.kill(pid, 'SIGKILL');
      await waitFor('the next plugin server', () => setup.gateway.pluginServerPid(QUOTA) !== pid);
      expect(await statuses(4)).toEqual([200, 200, 429, 429]);
    });
  },
);
