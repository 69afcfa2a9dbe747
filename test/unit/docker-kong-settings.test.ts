/** What Kong is told in a container. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { containerSettings, dockerfileArguments, NOT_IN_A_CONTAINER } from '../../kong/testbed/docker-kong-settings.js';
import { type ExternalPlugin, PLUGINS } from '../../kong/testbed/plugin-servers.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PORTS = { proxy: 1001, admin: 1002, status: 1003 };
const QUOTA = { name: 'genesys-quota', script: 'bin/genesys-quota.js' };
const PROBE = { name: 'probe', script: 'test/support/probe-server.js' };

const settings = (plugins: readonly ExternalPlugin[]) =>
  containerSettings({ config: {}, plugins, env: { SECRET: 's' }, workers: 3 }, PORTS, '501:20');

describe('the settings of a container', () => {
  it.each([
    ['all plugins as they ship', PLUGINS],
    ['some of them', [QUOTA]],
    ['none', []],
  ])('leave plugin servers, user and prefix to the image for %s', (_, plugins) => {
    const { environment, ...rest } = settings(plugins);
    expect(rest).toEqual({ folders: [] });
    expect(environment).toMatchObject({
      SECRET: 's',
      KONG_DATABASE: 'off',
      KONG_PROXY_LISTEN: '127.0.0.1:1001 backlog=16384',
      KONG_ADMIN_LISTEN: '127.0.0.1:1002',
      KONG_STATUS_LISTEN: '127.0.0.1:1003',
      KONG_NGINX_WORKER_PROCESSES: '3',
    });
    expect(Object.keys(environment).filter((name) => /PLUGIN|PREFIX/.test(name))).toEqual([]);
  });

  it("start plugin servers with a test's own arguments by the image's paths, as the user of the test", () => {
    const folder = mkdtempSync(join(tmpdir(), 'audit-'));
    const args = ['--log-dir', folder, '--metrics', '127.0.0.1:1', '--stdout', '/proc/1/fd/1'];
    const { environment, user, folders } = settings([QUOTA, { ...QUOTA, name: 'genesys-quota-b', args }]);
    rmSync(folder, { recursive: true });
    const node = '/usr/local/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin';
    const first = `${node}/genesys-plugins.js --socket /tmp/genesys-plugins.socket --plugins genesys-quota`;
    const second = `${node}/genesys-quota.js --socket /tmp/genesys-quota-b.socket ${args.join(' ')}`;
    expect({ user, folders }).toEqual({ user: '501:20', folders: [folder] });
    expect(environment).toMatchObject({
      KONG_PREFIX: '/tmp/kong',
      KONG_PLUGINS: 'bundled,genesys-quota,genesys-quota-b',
      KONG_PLUGINSERVER_NAMES: 'genesys-quota,genesys-quota-b',
      KONG_PLUGINSERVER_GENESYS_QUOTA_QUERY_CMD: `${first} --dump --plugin genesys-quota`,
      KONG_PLUGINSERVER_GENESYS_QUOTA_B_SOCKET: '/tmp/genesys-quota-b.socket',
      KONG_PLUGINSERVER_GENESYS_QUOTA_B_QUERY_CMD: `${second} --dump`,
    });
  });

  it("run a test's own plugin server from the machine's folders, with the image's Node", () => {
    const { environment, folders } = settings([...PLUGINS, PROBE]);
    const dist = join(ROOT, 'dist');
    expect(folders).toEqual([dist, join(ROOT, 'node_modules')]);
    expect(environment.KONG_PLUGINSERVER_PROBE_START_CMD).toBe(
      `/usr/local/bin/node --max-semi-space-size=2 ${dist}/test/support/probe-server.js --socket /tmp/probe.socket >> /proc/1/fd/2 2>&1`,
    );
    expect(Object.keys(environment).filter((name) => name.endsWith('_START_CMD'))).toHaveLength(1);
    expect(environment.KONG_PLUGINSERVER_GENESYS_QUOTA_QUERY_CMD).toContain('/usr/local/lib/kong-genesys-cloud/dist/');
  });

  it('refuse what Node does not run', () => {
    const foreign = { ...PROBE, commands: () => ({ socket: '/s', queryCommand: 'python3' }) };
    expect(() => settings([foreign])).toThrow('the plugin server probe is not in the image');
  });
});

it('the files that are left out exist, and the paths of the image are those of its Dockerfile', () => {
  for (const file of Object.keys(NOT_IN_A_CONTAINER)) expect(existsSync(join(ROOT, 'test/e2e', file)), file).toBe(true);
  const dockerfile = readFileSync(join(ROOT, 'kong/Dockerfile'), 'utf8');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(dockerfile).toContain('COPY --from=build /usr/local/bin/node /usr/local/bin/node\n');
  expect(dockerfile).toContain('COPY --from=package /package /usr/local/lib/kong-genesys-cloud\n');
  expect(dockerfileArguments(dockerfile)).toEqual({
    KONG_IMAGE: expect.stringMatching(/^kong:3\.9\./),
    NODE_IMAGE: expect.stringMatching(/^node:24-/),
    VERSION: version,
  });
  // A base image may have no shell.
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last).not.toMatch(/^(RUN|SHELL) |\b(CMD|ENTRYPOINT) [^[]/m);
});
