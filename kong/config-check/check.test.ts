import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDocuments } from './check.js';
import { RULES } from './rules.js';

const OPTIONS = { variants: new Map<string, string>(), stage: undefined, skipRules: new Set(Object.keys(RULES)) };

function check(...texts: string[]): string[] {
  const documents = texts.map((text, index) => ({ file: `${index}.yml`, value: parse(text) }));
  return checkDocuments(documents, OPTIONS).faults.map(({ file, path, message }) => `${file}: ${path}: ${message}`);
}

const BAD = '{ name: genesys-quota, config: { on_redis_error: pray } }';

it('a plugin is found wherever it stands', () => {
  const faults = check(`
plugins: [${BAD}]
services:
  - name: s
    host: example.com
    plugins: [${BAD}]
    routes:
      - name: r
        paths: [/r]
        plugins: [{ name: key-auth }, ${BAD}]
routes:
  - paths: [/x]
    plugins: [${BAD}]
consumers:
  - username: c
    plugins: [${BAD}]
consumer_groups:
  - name: g
    plugins: [${BAD}]
`);
  const at = (path: string): unknown =>
    expect.stringContaining(`0.yml: ${path}.config.on_redis_error: expected one of`);
  expect(faults).toEqual([
    at('plugins[genesys-quota]'),
    at('services[s].plugins[genesys-quota]'),
    at('services[s].routes[r].plugins[genesys-quota]'),
    at('routes[0].plugins[genesys-quota]'),
    at('consumers[c].plugins[genesys-quota]'),
    at('consumer_groups[g].plugins[genesys-quota]'),
  ]);
});

it('each fault names the file that it is in', () => {
  expect(check(`plugins: [${BAD}]`, 'plugins: [{ name: genesys-qouta }]')).toEqual([
    expect.stringMatching(/^0\.yml: /),
    '1.yml: plugins[genesys-qouta].name: is no plugin of this suite; did you mean "genesys-quota"?',
  ]);
});

it("decK's shared configurations are looked into", () => {
  const shared = '_plugin_configs: { common: { max_wait_ms: -1 } }';
  expect(check(shared, 'plugins: [{ name: genesys-quota, _config: common }]')).toEqual([
    expect.stringContaining('1.yml: plugins[genesys-quota].config.max_wait_ms: value should be between'),
  ]);
});

describe('a configuration without a guard in front', () => {
  const service = { name: 's', host: 'example.com' };
  const guard = (changes: object) => ({
    name: 'pre-function',
    config: { rewrite: ['if ngx.var.http_connection then end'] },
    ...changes,
  });
  const warnings = (plugins: object[]) =>
    checkDocuments([{ file: 'kong.yml', value: { services: [service], plugins } }], {
      ...OPTIONS,
      skipRules: new Set(),
    }).warnings.map(({ path }) => path);

  it.each<[string, object[], string[]]>([
    ['it is missing', [], ['services[s]']],
    ['it is on a route only', [guard({ route: 'r' })], ['services[s]']],
    ['it is off', [guard({ enabled: false })], ['services[s]']],
    ['it looks at something else', [guard({ config: { rewrite: ['return'] } })], ['services[s]']],
    ['it is there', [guard({})], []],
  ])('is warned of if %s', (_, plugins, paths) => {
    expect(warnings(plugins)).toEqual(paths);
  });
});
