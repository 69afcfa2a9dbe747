/** `kong-genesys-cloud --ready` asks the processes that Kong starts. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '../../kong/install/command-line.js';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { allowedMs } from '../support/allowed-time.js';

const prefix = mkdtempSync(join(tmpdir(), 'ready-'));
const socketOf = (plugin: string): string => join(prefix, `${plugin}.socket`);
const running: PluginServerProcess[] = [];

afterAll(async () => {
  for (const server of running) await server.stop();
});

const start = async (plugin: string): Promise<PluginServerProcess> => {
  const server = await startPluginServer(`bin/${plugin}.js`, [], socketOf(plugin));
  running.push(server);
  return server;
};
const ready = (): Promise<string> =>
  run(['--ready', '--processes', 'each', '--plugins', 'genesys-quota,genesys-login', '--prefix', prefix], {
    node: process.execPath,
    packageFolder: '/',
  });

it('is ready when all plugin servers answer, and not while one of them is stopped', async () => {
  await start('genesys-quota');
  const notReady = `not ready: nobody answers on ${socketOf('genesys-login')}`;
  await expect(ready()).rejects.toThrow(notReady);
  const login = await start('genesys-login');
  expect(await ready()).toBe('');

  login.process.kill('SIGSTOP');
  const stoppedAt = performance.now();
  await expect(ready()).rejects.toThrow(notReady);
  expect(performance.now() - stoppedAt).toBeLessThan(allowedMs(3000));
  login.process.kill('SIGCONT');
  expect(await ready()).toBe('');
});

it('the answer names the plugin, and the connection serves on', async () => {
  const kong = await KongDriver.connect(socketOf('genesys-quota'));
  expect(await kong.pluginNames()).toEqual(['genesys-quota']);
  expect(await kong.startInstance({ limits: [{ name: 'all', limit: 1 }] }, 'genesys-quota')).toBeGreaterThan(0);
  kong.close();
});
