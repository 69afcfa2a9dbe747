/** What Kong is told: for this machine and for a container. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SUITE } from '../kong/config-check/suite.js';
import { run } from '../kong/install/command-line.js';
import { PLUGIN_NAMES } from '../kong/plugin-list.js';
import { DECK_VERSION } from '../kong/testbed/deck-version.js';
import { runs } from '../kong/testbed/runs.js';
import { unless } from '../kong/testbed/unless.js';

const ROOT = resolve(import.meta.dirname, '..');
const HERE = { node: '/usr/bin/node', packageFolder: '/usr/local/lib/kong-genesys-cloud' };

describe('kong-genesys-cloud', () => {
  const quotaAlone = ['--processes', 'each', '--plugins', 'genesys-quota'];

  it('prints lines of kong.conf, with one process for all plugins', async () => {
    const command =
      '/usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-plugins.js --socket /usr/local/kong/genesys-plugins.socket --plugins genesys-quota,genesys-login --state-dir /usr/local/kong';
    expect(await run(['--plugins', 'genesys-quota,genesys-login'], HERE)).toBe(
      [
        'nginx_proxy_proxy_buffers = 176 64k',
        'nginx_location_proxy_buffers = 8 8k',
        'nginx_proxy_proxy_next_upstream = error',
        'nginx_http_lua_socket_read_timeout = 35s',
        'nginx_http_lua_socket_send_timeout = 35s',
        'plugins = bundled,genesys-quota,genesys-login',
        'pluginserver_names = genesys-quota,genesys-login',
        'pluginserver_genesys_quota_socket = /usr/local/kong/genesys-plugins.socket',
        `pluginserver_genesys_quota_start_cmd = ${command}`,
        `pluginserver_genesys_quota_query_cmd = ${command} --dump --plugin genesys-quota`,
        'pluginserver_genesys_login_socket = /usr/local/kong/genesys-plugins.socket',
        `pluginserver_genesys_login_query_cmd = ${command} --dump --plugin genesys-login`,
        '',
      ].join('\n'),
    );
  });

  it('gives the audit log a file, unless its output is named', async () => {
    expect(await run(['--prefix', '/kong'], HERE)).toContain(
      '--socket /kong/genesys-plugins.socket --state-dir /kong --stdout /kong/genesys-audit.log\n',
    );
    const named = await run(['--', '--stdout', '/proc/1/fd/1'], HERE);
    expect(named).toContain('--stdout /proc/1/fd/1\n');
    expect(named).not.toContain('genesys-audit.log');
  });

  it('has use kept in the prefix, unless it is said where, or what is kept goes with a container', async () => {
    expect(await run(['--', '--state-dir', '/var/lib/kong'], HERE)).not.toContain('--state-dir /usr/local/kong');
    expect(await run(['--', '--stdout=/proc/1/fd/1'], HERE)).not.toContain('--state-dir');
    expect(await run(['--format', 'env'], HERE)).not.toContain('--state-dir');
    expect(await run(['--plugins', 'genesys-login'], HERE)).not.toContain('--state-dir');
  });

  it('names the plugins of the process only where they are not all', async () => {
    expect(await run([], HERE)).not.toContain('--plugins');
  });

  it('gives a plugin a second name in Kong, and leaves out a phase', async () => {
    const plugins = 'genesys-pii-log,unbuffered=genesys-pii-log:without-bodies';
    const output = '--stdout /usr/local/kong/genesys-audit.log';
    expect(await run(['--plugins', plugins], HERE)).toContain(
      `--plugins ${plugins} ${output} --dump --plugin unbuffered\n`,
    );
    expect(await run(['--processes', 'each', '--plugins', plugins], HERE)).toContain(
      `/dist/bin/genesys-pii-log.js --socket /usr/local/kong/unbuffered.socket --name unbuffered --without-bodies ${output} --dump\n`,
    );
  });

  it('prints lines of kong.conf for one process a plugin', async () => {
    expect(await run(quotaAlone, HERE)).toBe(
      [
        'nginx_proxy_proxy_buffers = 176 64k',
        'nginx_location_proxy_buffers = 8 8k',
        'nginx_proxy_proxy_next_upstream = error',
        'nginx_http_lua_socket_read_timeout = 35s',
        'nginx_http_lua_socket_send_timeout = 35s',
        'plugins = bundled,genesys-quota',
        'pluginserver_names = genesys-quota',
        'pluginserver_genesys_quota_socket = /usr/local/kong/genesys-quota.socket',
        'pluginserver_genesys_quota_start_cmd = /usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-quota.js --socket /usr/local/kong/genesys-quota.socket --state-dir /usr/local/kong',
        'pluginserver_genesys_quota_query_cmd = /usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-quota.js --socket /usr/local/kong/genesys-quota.socket --state-dir /usr/local/kong --dump',
        '',
      ].join('\n'),
    );
  });

  it('prints lines without a start command for a process that Kong does not start, and its systemd unit', async () => {
    const outside = ['--processes', 'outside', '--plugins', 'genesys-quota,genesys-login'];
    const command =
      '/usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-plugins.js --socket /run/kong-genesys-cloud/genesys-plugins.socket --plugins genesys-quota,genesys-login';
    const state = '--state-dir /usr/local/kong';
    expect((await run(outside, HERE)).split('\n').slice(5)).toEqual([
      'plugins = bundled,genesys-quota,genesys-login',
      'pluginserver_names = genesys-quota,genesys-login',
      'pluginserver_genesys_quota_socket = /run/kong-genesys-cloud/genesys-plugins.socket',
      `pluginserver_genesys_quota_query_cmd = ${command} ${state} --dump --plugin genesys-quota`,
      'pluginserver_genesys_login_socket = /run/kong-genesys-cloud/genesys-plugins.socket',
      `pluginserver_genesys_login_query_cmd = ${command} ${state} --dump --plugin genesys-login`,
      '',
    ]);
    const unit = await run([...outside, '--format', 'systemd', '--', '--deadline', '100'], HERE);
    expect(unit).toContain(`\nExecStart=${command} --deadline 100 ${state}\n`);
    expect(unit).toContain('\nTimeoutStopSec=210\n');
    expect(unit).toContain('\nReadWritePaths=/usr/local/kong\n');
    const login = ['--processes', 'outside', '--plugins', 'genesys-login', '--format', 'systemd'];
    expect(await run(login, HERE)).not.toContain('ReadWritePaths');
    const flags = ['--stdout', '/var/log/a/audit.log', '--log-dir=/var/log/b'];
    const writing = await run(['--processes', 'outside', '--format', 'systemd', '--log', '/l', '--', ...flags], HERE);
    expect(writing).toContain('\nReadWritePaths=/var/log/a /var/log/b /usr/local/kong\n');
    expect(writing).toContain('\nStandardOutput=append:/l\n');
  });

  it(
    'prints a unit that systemd takes',
    unless(runs('systemd-analyze', '--version') ? undefined : 'no systemd-analyze'),
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'unit-'));
      const here = { node: process.execPath, packageFolder: ROOT };
      const unit = join(folder, 'kong-genesys-cloud.service');
      // Its user is not on this machine.
      const text = (await run(['--processes', 'outside', '--format', 'systemd'], here)).replace(
        'User=kong',
        'User=root',
      );
      writeFileSync(unit, text);
      expect(spawnSync('systemd-analyze', ['verify', unit]).stderr.toString()).toBe('');
      writeFileSync(unit, text.replace('Restart=always', 'Restart=often'));
      expect(spawnSync('systemd-analyze', ['verify', unit]).stderr.toString()).not.toBe('');
      rmSync(folder, { recursive: true });
    },
  );

  it('prints variables and Helm values, with further flags', async () => {
    const args = [...quotaAlone, '--prefix', '/kong', '--', '--secrets-dir', '/run/secrets'];
    const command = '/kong/genesys-quota.socket --secrets-dir /run/secrets';
    expect(await run(['--format', 'env', ...args], HERE)).toContain(`\nKONG_PLUGINSERVER_GENESYS_QUOTA_START_CMD=`);
    expect(await run(['--format', 'env', ...args], HERE)).toContain(`${command} --dump\n`);
    expect(await run(['--format', 'helm', ...args], HERE)).toMatch(
      /^env:\n(.*\n){5} {2}plugins: "bundled,genesys-quota"\n/,
    );
  });

  it('lets Kong wait longer than the deadline of its plugin servers', async () => {
    for (const flags of [['--deadline', '100'], ['--deadline=100']]) {
      expect(await run(['--', ...flags], HERE)).toContain('nginx_http_lua_socket_read_timeout = 105s\n');
    }
  });

  it('redirects what plugin servers print, and no dump', async () => {
    const lines = (await run([...quotaAlone, '--log', '/proc/1/fd/2'], HERE)).split('\n');
    const ends = (name: string): string | undefined => lines.find((line) => line.includes(name))?.slice(-25);
    expect(ends('_start_cmd')).toBe('kong >> /proc/1/fd/2 2>&1');
    expect(ends('_query_cmd')).toMatch(/ --dump$/);
  });

  it.each([
    [['--plugins', 'genesys-quotas'], '--plugins genesys-quotas'],
    [['--plugins', 'genesys-quota:without-all'], '--plugins genesys-quota:without-all: after the colon without-bodies'],
    [['--plugins', 'genesys-quota,genesys-quota:without-log'], 'genesys-quota is there twice'],
    [['--plugins', 'A=genesys-quota'], '--plugins A: small letters, digits, hyphens'],
    [['--processes', 'two'], '--processes two: one, each or outside'],
    [['--format', 'xml'], '--format xml'],
    [['--format', 'systemd'], '--format systemd needs --processes outside'],
    [['--sockets', 'relative'], '--sockets relative'],
    [['--prefix', 'relative'], '--prefix relative'],
    [['--node', '/usr/my node'], '--node /usr/my node'],
    [['--log', 'relative'], '--log relative'],
    [['--', '--deadline', 'soon'], '--deadline soon'],
  ])('refuses %j', async (args, message) => {
    await expect(run(args, HERE)).rejects.toThrow(message);
  });
});

describe('kong-genesys-cloud --ready', () => {
  const prefix = mkdtempSync(join(tmpdir(), 'ready-'));
  const args = ['--ready', '--processes', 'each', '--plugins', 'genesys-quota,genesys-login', '--prefix', prefix];
  const listen = async (plugin: string, onConnection: (socket: Socket) => void): Promise<Server> => {
    const server = createServer(onConnection);
    await new Promise<void>((resolve) => server.listen(join(prefix, `${plugin}.socket`), resolve));
    return server;
  };

  it('fails for whoever does not answer, and names it; that one is connected to proves nothing', async () => {
    const sockets: Socket[] = [];
    const silent = await listen('genesys-quota', (socket) => sockets.push(socket));
    const neither = `not ready: nobody answers on ${prefix}/genesys-quota.socket, ${prefix}/genesys-login.socket`;
    await expect(run(args, HERE)).rejects.toThrow(neither);
    const closing = await listen('genesys-login', (socket) => socket.destroy());
    await expect(run(args, HERE)).rejects.toThrow(neither);
    for (const socket of sockets) socket.destroy();
    for (const server of [silent, closing]) server.close();
    rmSync(prefix, { recursive: true });
  });
});

it('the plugins have the version of the package', () => {
  const { version } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(SUITE.map((plugin) => [plugin.name, plugin.version])).toEqual(PLUGIN_NAMES.map((name) => [name, version]));
});

it('the compose file has the decK that is tested', () => {
  const { services } = parse(readFileSync(resolve(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, { image: string }>;
  };
  expect(services.deck?.image).toBe(`kong/deck:v${DECK_VERSION}`);
});
