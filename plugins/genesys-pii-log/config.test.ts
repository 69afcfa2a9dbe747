/** Configuration: defaults, and what is refused, by the name of the field and without a secret. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { HASH_KEY, TEST_HOST, testConfig } from './testing/config.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pii-log-'));
});
afterAll(() => rm(dir, { recursive: true }));

it('has defaults for all but the sinks', () => {
  const config = testConfig();
  expect(config).toMatchObject({ sampleRate: 1, alwaysLogsErrors: true, format: 'native', logsRequestBody: true });
  expect(config.policy).toMatchObject({ maxBodyBytes: 16384, clientIp: 'truncate' });
  expect(config.policy.rules.kinds.size).toBe(6);
  expect(config.policy.rules.fields.ruleOf('Customer-Name')).toEqual({ kind: 'field', name: 'customer_name' });
});

it('takes an empty list as none', () => {
  const { rules, keptHeaders } = testConfig({
    fields: [],
    detectors: {},
    keep_headers: [],
    keep_query_params: [],
  }).policy;
  expect(rules.fields.ruleOf('ani')).toBeUndefined();
  expect(rules.kinds.size + keptHeaders.size + rules.keptParams.size).toBe(0);
  expect(rules.fields.ruleOf('password')).toEqual({ kind: 'credential' });
});

describe('refuses', () => {
  const sinks = [{ type: 'stdout' }];
  it.each<[Record<string, unknown>, string]>([
    [{}, 'config.sinks is required'],
    [{ sinks: [] }, 'config.sinks must not be empty'],
    [{ sinks: [{ type: 'file' }] }, 'config.sinks[0].path is required'],
    [{ sinks: [{ type: 'file', path: '/etc/passwd' }] }, 'config.sinks[0].path is "/etc/passwd", which cannot be used'],
    [{ sinks: [{ type: 'http' }] }, 'config.sinks[0].url is required'],
    [{ sinks: [{ type: 'http', url: 'http://logs.example.com/' }] }, 'config.sinks[0].url must be https'],
    [
      { sinks: [{ type: 'http', url: 'https://u:p@logs.example.com/' }] },
      'config.sinks[0].url must not hold credentials',
    ],
    [
      { sinks: [{ type: 'http', url: 'https://x.example/', headers: { Authorization: '' } }] },
      'config.sinks[0].headers.Authorization must not be empty',
    ],
    [
      { sinks: [{ type: 'http', url: 'https://x.example/', headers: { Authorization: '{vault://env/x}' } }] },
      'is a vault reference that was not resolved',
    ],
    [
      { sinks: [{ type: 'http', url: 'https://x.example/', headers: { Host: 'x' } }] },
      'config.sinks[0].headers.Host is set by the plugin',
    ],
    [{ sinks: [{ type: 'http', url: 'https://x.example/', spill_path: '/tmp/x' }] }, 'config.sinks[0].spill_path'],
    [{ sinks: [{ type: 'syslog' }] }, 'config.sinks[0].host is required'],
    [
      { sinks: [{ type: 'syslog', host: 'x', ca_file: '/nowhere' }] },
      'config.sinks[0].ca_file is "/nowhere", which cannot be used: the plugin server was started without',
    ],
    [{ sinks, mask: 'hash' }, 'config.hash_key is required for hashes'],
    [{ sinks, client_ip: 'hash' }, 'config.hash_key is required for hashes'],
    [{ sinks, mask: 'hash', hash_key: 'c2hvcnQ=' }, 'config.hash_key must be at least 16 bytes'],
    [{ sinks, paths: ['a', 'a..b'] }, 'config.paths[1] is no path'],
    [{ sinks, paths: ['$.a[?(@.b)]'] }, 'config.paths[0] is a JSONPath with a script or filter'],
    [{ sinks, paths: ['$..a..b'] }, 'config.paths[0] is a JSONPath with more than one ..'],
    [
      { sinks, patterns: [{ name: 'a', regex: '(a+)+$' }] },
      'config.patterns[0].regex has a repetition within a repetition',
    ],
    [{ sinks, patterns: [{ name: 'a', regex: '[' }] }, 'config.patterns[0].regex'],
    [{ sinks, patterns: [{ name: 'a', regex: 'x*' }] }, 'config.patterns[0].regex matches the empty text'],
    [{ sinks, detectors: ['names'] }, 'config.detectors[0] must be one of'],
  ])('%j', (raw, message) => {
    expect(() => readConfig(raw, TEST_HOST)).toThrow(message);
  });

  it('standard output that the command line does not name', () => {
    expect(() => testConfig({}, { ...TEST_HOST, stdoutPath: undefined })).toThrow('config.sinks[0] cannot be used');
  });
});

it('shares what leads to the same place, and nothing else', () => {
  const host = { ...TEST_HOST, logDirs: [dir] };
  const keyOf = (sink: object, extra: object = {}): string | undefined =>
    readConfig({ sinks: [sink], ...extra, __plugin_id: Math.random() }, host).sinks[0]?.key;
  const file = { type: 'file', path: join(dir, 'a.log') };
  expect(keyOf(file)).toBe(keyOf({ ...file }));
  expect(keyOf(file)).not.toBe(keyOf({ type: 'file', path: join(dir, 'b.log') }));
  expect(keyOf(file)).not.toBe(keyOf(file, { queue_entries: 5 }));
  const http = { type: 'http', url: 'https://x.example/', headers: { Authorization: 'a' } };
  expect(keyOf(http)).not.toBe(keyOf({ ...http, headers: { Authorization: 'b' } }));
});

it('hashes with a key that has a name', () => {
  const mask = (extra: object): string =>
    testConfig({ mask: 'hash', hash_key: HASH_KEY, ...extra }).policy.rules.mask.of('x', 'text');
  expect(mask({ hash_key_id: '2026' })).toMatch(/^\*\*\*HASH:2026:text:[0-9a-f]{32}\*\*\*$/);
  expect(mask({})).toMatch(/^\*\*\*HASH:[0-9a-f]{8}:text:[0-9a-f]{32}\*\*\*$/);
});
