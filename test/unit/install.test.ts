/** What Kong is told: for this machine and for a container. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { render } from '../../kong/install/command-line.js';
import { PLUGIN_NAMES } from '../../kong/plugin-list.js';
import { SUITE } from '../../scripts/config-check/suite.js';

const ROOT = resolve(import.meta.dirname, '../..');
const HERE = { node: '/usr/bin/node', packageFolder: '/usr/local/lib/kong-genesys-cloud' };

describe('kong-genesys-cloud', () => {
  it('prints lines of kong.conf', () => {
    expect(render(['--plugins', 'genesys-quota'], HERE)).toBe(
      [
        'plugins = bundled,genesys-quota',
        'pluginserver_names = genesys-quota',
        'pluginserver_genesys_quota_socket = /usr/local/kong/genesys-quota.socket',
        'pluginserver_genesys_quota_start_cmd = /usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-quota.js --socket /usr/local/kong/genesys-quota.socket',
        'pluginserver_genesys_quota_query_cmd = /usr/bin/node --max-semi-space-size=2 /usr/local/lib/kong-genesys-cloud/dist/bin/genesys-quota.js --socket /usr/local/kong/genesys-quota.socket --dump',
        '',
      ].join('\n'),
    );
  });

  it('prints variables and Helm values, with further flags', () => {
    const args = ['--plugins', 'genesys-quota', '--prefix', '/kong', '--', '--secrets-dir', '/run/secrets'];
    const command = '/kong/genesys-quota.socket --secrets-dir /run/secrets';
    expect(render(['--format', 'env', ...args], HERE)).toContain(`\nKONG_PLUGINSERVER_GENESYS_QUOTA_START_CMD=`);
    expect(render(['--format', 'env', ...args], HERE)).toContain(`${command} --dump\n`);
    expect(render(['--format', 'helm', ...args], HERE)).toMatch(/^env:\n {2}plugins: "bundled,genesys-quota"\n/);
  });

  it.each([
    [['--plugins', 'genesys-quotas'], '--plugins genesys-quotas'],
    [['--format', 'xml'], '--format xml'],
    [['--prefix', 'relative'], '--prefix relative'],
    [['--node', '/usr/my node'], '--node /usr/my node'],
  ])('refuses %j', (args, message) => {
    expect(() => render(args, HERE)).toThrow(message);
  });
});

it('the plugins have the version of the package', () => {
  const { version } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(SUITE.map((plugin) => [plugin.name, plugin.version])).toEqual(PLUGIN_NAMES.map((name) => [name, version]));
});

it('the Helm values hold the settings of the image, for its paths', () => {
  const values = parse(readFileSync(resolve(ROOT, 'kong/kubernetes/values.yaml'), 'utf8')) as { env: object };
  const args = ['--format', 'helm', '--node', '/usr/local/bin/node', '--', '--secrets-dir', '/etc/genesys'];
  const { env } = parse(render(args, HERE)) as { env: object };
  expect(values.env).toMatchObject(env);
});
