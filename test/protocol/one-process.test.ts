/** One process for several plugins: each by its name, all on one socket and one port. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { type PluginServerProcess, ROOT, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const COMMAND = 'bin/genesys-plugins.js';
const PLUGINS = 'genesys-gateway,genesys-quota,unlogged=genesys-quota:without-log,genesys-response-filter';
const LIMITED = { namespace: 'one', limits: [{ name: 'all', limit: 1, window: 'day', by: 'global' }] };

let server: PluginServerProcess;
let url: string;
beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = await startPluginServer(COMMAND, ['--plugins', PLUGINS, '--metrics', `127.0.0.1:${port}`]);
});
afterAll(() => server?.stop());

async function withKong<T>(use: (kong: KongDriver) => Promise<T>): Promise<T> {
  const kong = await KongDriver.connect(server.socketPath);
  try {
    return await use(kong);
  } finally {
    kong.close();
  }
}

const access = (plugin: string, config: unknown) =>
  withKong(async (kong) => kong.event(await kong.startInstance(config, plugin), 'access'));

it('says which plugins it serves', async () => {
  expect(await withKong((kong) => kong.pluginNames())).toEqual([
    'genesys-gateway',
    'genesys-quota',
    'unlogged',
    'genesys-response-filter',
  ]);
});

it('starts an instance of the plugin that Kong names, and two names of a plugin share its state', async () => {
  expect((await access('genesys-quota', LIMITED)).exit).toBeUndefined();
  expect((await access('unlogged', { ...LIMITED, follow_upstream: false })).exit?.status).toBe(429);
  // Another plugin with the same part.
  expect((await access('genesys-gateway', { quota: LIMITED })).exit?.status).toBe(429);
  expect((await access('genesys-response-filter', { rules: [{ keep: ['id'] }] })).exit).toBeUndefined();
});

it('fails each request to a plugin that it does not have, and says so, instead of being asked for ever', async () => {
  expect((await access('genesys-login', {})).exit?.status).toBe(500);
  await waitFor('the reason', () => server.output().includes('this process has no plugin genesys-login'));
});

it('has one port for the metrics of all, each under its name', async () => {
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const plugin of ['genesys-quota', 'genesys-response-filter', 'genesys-plugins'])
    expect(text, plugin).toContain(`plugin="${plugin}"`);
  expect(text).toMatch(/^kong_plugin_event_duration_seconds_count\{.*plugin="unlogged".*\} 1$/m);
  expect(text.match(/^# TYPE genesys_quota_decisions_total /gm)).toHaveLength(1);
  expect(text).toMatch(/^genesys_quota_decisions_total\{.*decision="all",plugin="genesys-quota"\} 2$/m);
  expect(text).not.toMatch(/^genesys_quota_\w+\{.*plugin="genesys-gateway"/m);
  expect(text).toMatch(/^genesys_token_uses_total\{.*plugin="genesys-gateway"/m);
});

describe('its command', () => {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [join(ROOT, 'dist', COMMAND), ...args], { env: { PWD: '/' }, stdio: 'pipe' });

  it('describes one plugin, as Kong registers only the first of a dump', () => {
    const { Plugins } = JSON.parse(run('--dump', '--plugins', PLUGINS, '--plugin', 'unlogged').toString()) as {
      Plugins: { Name: string; Phases: string[] }[];
    };
    expect(Plugins).toMatchObject([{ Name: 'unlogged', Phases: ['access'] }]);
  });

  it.each([
    [['--socket', '/tmp/x', '--plugins', 'genesys-nothing'], '--plugins genesys-nothing: known are genesys-gateway,'],
    [['--socket', '/tmp/x', '--plugins', 'genesys-quota:without-bodies'], 'genesys-quota has no such variant'],
    [['--dump'], '--dump and --plugin NAME belong together'],
    [['--dump', '--plugin', 'other'], '--plugin other: known are genesys-gateway,'],
  ])('started with %j says in one line what is wrong', (args, message) => {
    let printed = '';
    try {
      run(...args);
    } catch (error) {
      printed = (error as { stderr: Buffer }).stderr.toString().split('\n')[0] ?? '';
    }
    expect(printed).toContain(message);
  });
});
