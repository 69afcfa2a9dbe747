import { expect, it } from 'vitest';
import type { PlainObject } from '../../plugins/shared/plain-object.js';
import { checkPlugin } from './plugin-check.js';
import { SUITE, suitePlugin } from './suite.js';

function check(name: string, config: PlainObject, rest: PlainObject = {}): string[] {
  const plugin = suitePlugin(name);
  if (typeof plugin === 'string') throw new Error(plugin);
  return checkPlugin(plugin, { name, config, ...rest }).map(({ path, message }) => `${path}: ${message}`);
}

const CLIENT = { client_id: '{vault://env/genesys-client-id}', client_secret: '{vault://env/genesys-client-secret}' };
const REDIS = { redis: { host: 'redis', password: '{vault://env/redis-password}' } };

it('a configuration whose secrets are references passes', () => {
  expect(check('genesys-token-manager', CLIENT)).toEqual([]);
  expect(check('genesys-token-manager', { client_id: 'file:/run/id', client_secret: 'file:/run/secret' })).toEqual([]);
});

it('a reference fits fields of any form: a key in base64, a URL, a user name', () => {
  const shared = { cache: 'redis', cache_encryption_key: '{vault://env/cache-key}', ...REDIS };
  expect(check('genesys-token-manager', { ...CLIENT, ...shared })).toEqual([]);
  expect(check('genesys-token-manager', { ...CLIENT, proxy_url: '{vault://env/proxy}' })).toEqual([]);
  const basic = { credential: 'basic', username: '{vault://env/user}', password: 'file:/run/password' };
  expect(check('genesys-token-manager', basic)).toEqual([]);
});

it('sinks pass whose files and streams only the gateway knows; what is wrong with them everywhere is a fault', () => {
  const sinks = [{ type: 'stdout' }, { type: 'file', path: '/var/log/nowhere/audit.log' }];
  expect(check('genesys-pii-log', { sinks })).toEqual([]);
  expect(check('genesys-pii-log', { sinks: [...sinks, { type: 'file', path: 'audit.log' }] })).toEqual([
    'config.sinks[2].path: is "audit.log", which is not an absolute path',
  ]);
});

it('no file is read', () => {
  expect(check('genesys-token-manager', { ...CLIENT, ca_file: '/nowhere/ca.pem' })).toEqual([]);
  expect(check('genesys-token-manager', { ...CLIENT, ca_file: 'ca.pem' })).toEqual([
    'config.ca_file: must be an absolute path',
  ]);
  expect(check('genesys-token-manager', { ...CLIENT, client_secret: 'file:secret' })).toEqual([
    'config.client_secret: must name a file by its absolute path',
  ]);
});

it('what the command line of the plugin server allows is not asked here', () => {
  const sinks = (...list: PlainObject[]) => check('genesys-pii-log', { sinks: list });
  expect(sinks({ type: 'stdout' }, { type: 'file', path: '/nowhere/audit.log' })).toEqual([]);
  expect(sinks({ type: 'file', path: 'audit.log' })).toEqual([
    'config.sinks[0].path: is "audit.log", which is not an absolute path',
  ]);
});

it('a scope may be written as a name alone, as decK writes it', () => {
  expect(check('genesys-quota', {}, { service: 'crm', route: { name: 'crm' } })).toEqual([]);
  expect(check('genesys-quota', {}, { service: 5 })).toEqual(['service: expected a record']);
});

it('a reference where Kong resolves none is a fault', () => {
  expect(check('genesys-quota', { policy: 'redis', redis: { host: '{vault://env/redis-host}' } })).toEqual([
    'config.redis.host: is a vault reference, which Kong does not resolve in this field',
  ]);
});

it('the same reference twice is the same value', () => {
  const clients = [1, 2].map(() => ({ client_id: '{vault://env/id}', client_secret: '{vault://env/secret}' }));
  expect(check('genesys-token-manager', { clients })).toEqual([
    'config.clients[1].client_id: is listed twice; see tokens_per_client',
  ]);
});

it('what decK fills in may be of any type', () => {
  const limit = { name: 'a', limit: `\${{ env "DECK_LIMIT" | toInt }}`, window: 'minute' };
  expect(check('genesys-quota', { limits: [limit] })).toEqual([]);
});

it("Kong's schema names every fault, with its path", () => {
  expect(
    check('genesys-quota', {
      limits: [
        { name: 'a', limit: 'many' },
        { limit: 1, by: 'moon' },
      ],
      surprise: 1,
    }),
  ).toEqual([
    'config.surprise: unknown field',
    'config.limits[0].limit: expected an integer',
    'config.limits[1].name: required field missing',
    expect.stringMatching(/^config\.limits\[1\]\.by: expected one of/),
  ]);
  expect(check('genesys-quota', {}, { protocols: ['tcp'], colour: 'red' })).toEqual([
    expect.stringMatching(/^protocols\[0\]: expected one of/),
    'colour: unknown field',
  ]);
});

it('what the plugin itself refuses is named for each element of a list', () => {
  const limits = [
    { name: 'ok', limit: 10 },
    { name: 'twice', limit: 1, cost: 5 },
    { name: 'ok', limit: 10 },
    { name: 'spike', limit: 2 },
  ];
  expect(check('genesys-quota', { limits }).sort()).toEqual([
    'config.limits[1].cost: must not be over the limit',
    'config.limits[2].name: is the name of another limit too',
    'config.limits[3].name: must not be spike',
  ]);
  expect(check('genesys-response-filter', { rules: [{ keep: ['$['] }] })).toEqual([
    expect.stringMatching(/^config\.rules\[0\]\.keep\[0\]: /),
  ]);
});

it('no message repeats a value', () => {
  const faults = check('genesys-token-manager', { ...CLIENT, header_name: 'my secret', client_secret: '' });
  expect(faults).toContain('config.header_name: invalid value');
  expect(faults.join()).not.toContain('my secret');
});

it('every plugin of the suite is known by its name, and by a longer one', () => {
  for (const plugin of SUITE) {
    expect(suitePlugin(plugin.name)).toBe(plugin);
    expect(suitePlugin(`${plugin.name}-light`)).toBe(plugin);
    expect(suitePlugin('other', new Map([['other', plugin.name]]))).toBe(plugin);
  }
  expect(suitePlugin('genesys-qouta')).toBe('unknown');
  expect(suitePlugin('key-auth')).toBe('foreign');
});
