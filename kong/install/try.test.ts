/** `kong-genesys-cloud try audit`: which configuration counts on a route, and what is printed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryAudit } from '../../plugins/genesys-pii-log/try-audit.js';
import { tryFilter } from '../../plugins/genesys-response-filter/try-filter.js';
import { configOf, runTry } from './try.js';

const audit = (mark: string, more: object = {}) => ({ name: 'genesys-pii-log', config: { mark }, ...more });

it.each([
  ['of the route', { plugins: [audit('global')] }, [audit('route')], [audit('service')], 'route'],
  ['of the service', { plugins: [audit('global')] }, [], [audit('service')], 'service'],
  ['that is global', { plugins: [audit('global')] }, [], [], 'global'],
  ['that names the route', { plugins: [audit('global'), audit('named', { route: 'r' })] }, [], [audit('s')], 'named'],
  [
    'that names the service',
    { plugins: [audit('global'), audit('named', { service: { name: 's' } })] },
    [],
    [],
    'named',
  ],
  ['but none of a consumer', { plugins: [audit('consumer', { consumer: 'c' }), audit('global')] }, [], [], 'global'],
  ['of a variant', {}, [{ name: 'genesys-pii-log-unbuffered', config: { mark: 'variant' } }], [], 'variant'],
  ['within genesys-gateway', {}, [{ name: 'genesys-gateway', config: { pii_log: { mark: 'part' } } }], [], 'part'],
])('takes the configuration %s', (_, document, ofRoute, ofService, expected) => {
  const services = [{ name: 's', plugins: ofService, routes: [{ name: 'r', plugins: ofRoute }] }];
  expect(configOf({ ...document, services }, 'r', 'audit')).toEqual({ mark: expected });
  const apart = {
    services: [{ name: 's', plugins: ofService }],
    routes: [{ name: 'r', service: 's', plugins: ofRoute }],
  };
  expect(configOf({ ...document, ...apart }, 'r', 'audit')).toEqual({ mark: expected });
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'try-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KONG_YML = `
services:
  - name: s
    plugins: [{ name: genesys-pii-log, config: { mask: hash, hash_key: "{vault://env/key}", sinks: [{ type: stdout }] } }]
    routes: [{ name: r, plugins: [{ name: genesys-response-filter, config: { rules: [
      { paths: [/a], keep: [id, name], remove: [name] }, { paths: [/t], template: '{"key":"{{ id }}"}' }] } }] }]
`;

function run(body: string, ...args: string[]): Promise<string> {
  return runOf('audit', body, ...args);
}

function runOf(what: string, body: string, ...args: string[]): Promise<string> {
  const file = join(folder, 'kong.yml');
  writeFileSync(file, KONG_YML);
  return runTry([what, '--config', file, ...args], Readable.from([body]), { tryAudit, tryFilter });
}

it('prints what is logged, and why', async () => {
  const printed = await run('{"state":"active","text":"I am Jane","n":17,"type":"a@b.de"}', '--route', 'r');
  expect(printed).toMatch(/^\{"state":"active","text":"\*\*\*HASH:/);
  expect(printed).not.toMatch(/Jane|a@b/);
  expect(printed.split('\n').filter((line) => /^(?:shown|masked) /.test(line))).toEqual([
    'shown   /state  in keep_fields',
    'masked  /text   not in keep_fields',
    'shown   /n      a number of fewer than seven digits',
    'masked  /type   in keep_fields, but found in it: detector:email',
  ]);
});

it('says that a text is not logged', async () => {
  expect(await run('Jane', '--route', 'r', '--content-type', 'text/plain')).toMatch(/^\(no content: free_text/);
});

it.each([
  [['--route', 'x'], '--route x: there is no such route'],
  [[], '--route NAME'],
])('refuses %j', async (args, message) => {
  await expect(run('{}', ...args)).rejects.toThrow(message);
});

it('prints what leaves, and why', async () => {
  const body = '{"entities":[{"id":1.50,"name":"Jane","email":"a@b.de"}],"pageSize":25,"extra":true}';
  const printed = await runOf('filter', body, '--route', 'r', '--path', '/a');
  expect(printed.split('\n')).toEqual([
    '{"entities":[{"id":1.50}],"pageSize":25}',
    '',
    'leaves  /entities/0/id     in keep',
    'stays   /entities/0/name   in remove',
    'stays   /entities/0/email  not in keep',
    'leaves  /pageSize          a field of a page',
    'stays   /extra             no field of a page',
    '',
    '2 of 5 values leave',
    '',
  ]);
  const ofTemplate = await runOf('filter', body, '--route', 'r', '--path', '/t');
  expect(ofTemplate).toMatch(/^\{"entities":\[\{"key":1.50\}\],"pageSize":25\}$/m);
  expect(ofTemplate).toMatch(/^leaves {2}\/entities\/0\/id +in template$/m);
  expect(await runOf('filter', body, '--route', 'r', '--path', '/b')).toBe('blocked: no rule matches it\n');
});
