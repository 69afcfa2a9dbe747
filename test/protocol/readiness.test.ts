/** `kong-genesys-cloud --ready` asks the processes that Kong starts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

it('asks what Kong is configured with, unless plugins are named', async () => {
  const configured = mkdtempSync(join(tmpdir(), 'ready-'));
  const asked = (...more: string[]): Promise<string> =>
    run(['--ready', '--prefix', configured, ...more], { node: process.execPath, packageFolder: '/' });
  // No Kong was ever there: what it would be told.
  await expect(asked()).rejects.toThrow(`nobody answers on ${configured}/genesys-plugins.socket`);
  const write = (names: string): void =>
    writeFileSync(
      join(configured, '.kong_env'),
      [
        '# KONG CONFIGURATION',
        'prefix = /elsewhere',
        `pluginserver_names = ${names}`,
        'pluginserver_genesys_quota_query_cmd = /usr/bin/node /x/dist/bin/genesys-quota.js --dump',
        `pluginserver_genesys_quota_socket = ${socketOf('genesys-quota')}`,
        'pluginserver_unbuffered_query_cmd = /usr/bin/node /x/dist/bin/genesys-plugins.js --dump --plugin unbuffered',
        'pluginserver_unbuffered_socket = /nowhere/unbuffered.socket',
        'pluginserver_go_hello_query_cmd = /usr/local/bin/go-hello -dump',
        'pluginserver_go_hello_socket = /nowhere/go-hello.socket',
      ].join('\n'),
    );
  write('genesys-quota,go-hello');
  expect(await asked()).toBe('');
  write('genesys-quota, unbuffered');
  await expect(asked()).rejects.toThrow('not ready: nobody answers on /nowhere/unbuffered.socket');
  await expect(asked('--plugins', 'genesys-login')).rejects.toThrow(`${configured}/genesys-plugins.socket`);
  rmSync(configured, { recursive: true });
});

it('asks Kong itself, on a status port that speaks plain HTTP', async () => {
  const configured = mkdtempSync(join(tmpdir(), 'ready-'));
  const asked = (): Promise<string> =>
    run(['--ready', '--prefix', configured], { node: process.execPath, packageFolder: '/' });
  const write = (listen: string): void => writeFileSync(join(configured, '.kong_env'), `status_listen = ${listen}\n`);
  let status = 503;
  const kong = createServer((request, response) => {
    response.writeHead(request.url === '/status/ready' ? status : 404).end('{"message":"no configuration available"}');
  });
  await new Promise<void>((resolve) => kong.listen(0, '127.0.0.1', resolve));
  const { port } = kong.address() as AddressInfo;
  try {
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      write(`127.0.0.1:1 ssl, ${host}:${port} reuseport backlog=16384`);
      status = 503;
      await expect(asked()).rejects.toThrow(
        `not ready: http://127.0.0.1:${port}/status/ready answers 503 {"message":"no configuration available"}`,
      );
      status = 200;
      expect(await asked()).toBe('');
    }
    write('[::]:1');
    await expect(asked()).rejects.toThrow('not ready: nobody answers on http://[::1]:1/status/ready');
    for (const listen of ['off', '127.0.0.1:1 ssl']) {
      write(listen);
      expect(await asked()).toBe('');
    }
  } finally {
    kong.close();
    rmSync(configured, { recursive: true });
  }
});

it('the answer names the plugin, and the connection serves on', async () => {
  const kong = await KongDriver.connect(socketOf('genesys-quota'));
  expect(await kong.pluginNames()).toEqual(['genesys-quota']);
  expect(await kong.startInstance({ limits: [{ name: 'all', limit: 1 }] }, 'genesys-quota')).toBeGreaterThan(0);
  kong.close();
});
