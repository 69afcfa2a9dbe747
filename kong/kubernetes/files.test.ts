/** The files of this folder agree with each other, with what they are made of, and with what the plugins take. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { kubernetesFiles } from '../../scripts/docs/kubernetes.js';
import { readPodValues } from '../../test/support/pod.js';
import { run } from '../install/command-line.js';
import { ROOT } from '../testbed/plugin-server.js';

interface Resource {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  plugin: string;
  config: Record<string, unknown>;
  credentials?: string[];
}

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8');
const RESOURCES = ['base.yaml', 'example.yaml'].flatMap((file) =>
  parseAllDocuments(read(file)).map((one) => one.toJS() as Resource),
);
const namesOf = (...kinds: string[]): string[] =>
  RESOURCES.filter(({ kind }) => kinds.includes(kind)).map(({ metadata }) => metadata.name);

it.each(Object.entries(kubernetesFiles(ROOT)))('%s is as `npm run docs` makes it', (file, text) => {
  expect(read(file)).toBe(text);
});

it('the values for kong/ingress are those for kong/kong, below gateway', () => {
  expect(parse(read('values-ingress.yaml'))).toEqual({ gateway: parse(read('values.yaml')) });
});

describe('values.yaml', () => {
  const values = readPodValues();
  const [plugins] = values.deployment.initContainers;

  it('has the settings that kong-genesys-cloud prints for plugin servers that Kong does not start', async () => {
    const here = { node: '/usr/local/bin/node', packageFolder: '/usr/local/lib/kong-genesys-cloud' };
    const args = ['--format', 'helm', '--processes', 'outside', '--', '--stdout', '/dev/stdout'];
    const { env } = parse(await run(args, here)) as { env: Record<string, string> };
    expect(values.env).toMatchObject(env);
    const ofServers = Object.keys(values.env).filter((name) => /^pluginserver|_start_cmd$/.test(name));
    expect(ofServers.filter((name) => env[name] === undefined)).toEqual([]);
    expect(read('values.yaml')).toContain(`kong-genesys-cloud ${args.join(' ')}\n`);
  });

  it('runs the same process in the container of the plugins, from the same image', () => {
    const query = values.env.pluginserver_genesys_quota_query_cmd?.split(' ') ?? [];
    expect(query.slice(0, plugins.command.length)).toEqual(plugins.command);
    expect(plugins.args).toContain(`--socket=${values.env.pluginserver_genesys_quota_socket}`);
    expect(plugins.image).toBe(`${values.image.repository}:${values.image.tag}`);
  });
});

it('the examples name what is there', () => {
  const annotations = RESOURCES.flatMap(({ metadata }) => Object.entries(metadata.annotations ?? {}));
  const named = (key: string): string[] =>
    annotations.flatMap(([name, value]) => (name === key ? value.split(',') : []));
  expect(namesOf('KongPlugin', 'KongClusterPlugin')).toEqual(expect.arrayContaining(named('konghq.com/plugins')));
  expect(namesOf('ConfigMap').sort()).toEqual(named('konghq.com/ca-certificates-configmaps').sort());
  const credentials = RESOURCES.flatMap(({ credentials: names = [] }) => names);
  // Made by kubectl, as it is secret.
  expect(credentials.filter((name) => !namesOf('Secret').includes(name))).toEqual(['svc-crm-key']);
  expect(read('README.md')).toContain('create secret generic svc-crm-key');
});
