/** The module as plugin servers see it: its contract, its two variants, and that instances share what belongs to the process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCommandLine } from '../../kong/plugin-server/command-line.js';
import { describePlugin } from '../../kong/plugin-server/dump.js';
import { guarded } from '../../test/support/guarded.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginModule } from '../shared/plugin.js';
import { VERSION } from '../shared/version.js';
import * as plugin from './index.js';
import { kongEntry } from './testing/entry.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pii-log-'));
});
afterAll(() => rm(dir, { recursive: true }));

it('fulfils the contract', () => {
  const module: PluginModule = plugin;
  expect(module).toMatchObject({ Name: 'genesys-pii-log', Version: VERSION, Priority: 905 });
  expect(JSON.parse(JSON.stringify([plugin.Schema, plugin.PluginSchema]))).toEqual([
    plugin.Schema,
    plugin.PluginSchema,
  ]);
});

it('has a response phase, which makes Kong buffer, only in the variant that logs bodies', () => {
  const phases = (Plugin: PluginModule['Plugin']): unknown =>
    (describePlugin({ ...plugin, Plugin }, 'n', '/s') as { Plugins: { Phases: string[] }[] }).Plugins[0]?.Phases;
  expect(phases(plugin.Plugin)).toEqual(['access', 'response', 'log']);
  expect(phases(plugin.variants['without-bodies'] ?? expect.fail('no such variant'))).toEqual(['access', 'log']);
});

it('refuses a bad configuration when it starts', () => {
  expect(() => new plugin.Plugin({})).toThrow('config.sinks is required');
});

it('takes its flags from the command line', () => {
  const parse = (...args: string[]) => parseCommandLine(['--socket', '/s', ...args], 'genesys-pii-log');
  expect(parse()).toMatchObject({
    logDirs: [],
    stdoutPath: undefined,
    plugins: [{ variant: undefined }],
  });
  expect(parse('--log-dir', '/a', '--log-dir', '/b', '--stdout', '/proc/1/fd/1', '--without-bodies')).toMatchObject({
    logDirs: ['/a', '/b'],
    stdoutPath: '/proc/1/fd/1',
    plugins: [{ variant: 'without-bodies' }],
  });
  expect(() => parse('--log-dir', '/')).toThrow('--log-dir /: the absolute path of a folder, not the root');
  expect(() => parse('--stdout', 'out')).toThrow('--stdout out: an absolute path');
});

it('writes the entries of all instances to one file, and what is left when the process ends', async () => {
  const path = join(dir, 'audit.log');
  const host = { secretsDirs: [], logDirs: [dir], stdoutPath: undefined };
  const instances = Array.from({ length: 3 }, () => new plugin.Plugin({ sinks: [{ type: 'file', path }] }, host));
  const shared = new Map<string, unknown>();
  for (const instance of instances) {
    const kong = {
      ctx: {
        shared: {
          set: async (key: string, value: unknown) => void shared.set(key, value),
          get: async (key: string) => shared.get(key),
        },
      },
      nginx: { getVar: guarded(async () => '') },
      request: { getHeader: async () => undefined },
      response: { getSource: async () => 'exit' },
      log: { serialize: async () => JSON.stringify(kongEntry()) },
      client: { getCredential: async () => undefined },
    };
    await instance.access?.(kong as unknown as Kong);
    await instance.log?.(kong as unknown as Kong);
  }
  const { shutdown, operations } = plugin.start();
  await shutdown?.(AbortSignal.abort());
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(['request', 'request', 'request']);
  const { body } = (await operations?.[0]?.run(new URLSearchParams())) ?? {};
  expect(body).toMatchObject({
    requests: { access_events: 3, log_events: 3, lost_log_events: 0, waiting: 0 },
    sinks: [{ received: 3, sent: 3, dropped: 0, waiting: 0 }],
  });
});
