import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'check-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function checkConfig(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const script = resolve(import.meta.dirname, '../dist/scripts/check-config.js');
  return new Promise((done) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('one line for each fault, with file and path, and exit code 1', async () => {
  const good = file(
    'good.yml',
    '_format_version: "3.0"\nplugins: [{ name: genesys-quota, config: { max_wait_ms: 5 } }]',
  );
  const bad = file(
    'bad.yml',
    'services:\n- { name: s, url: "http://localhost", plugins: [{ name: genesys-quota, config: { max_wait_ms: no } }] }',
  );
  expect(await checkConfig('--skip-rule', 'connection-guard', good, bad)).toEqual({
    code: 1,
    stdout: '',
    stderr: [
      `${bad}:2:82: services[s].plugins[genesys-quota].config.max_wait_ms: expected an integer\n`,
      `${bad}:2:3: services[s].read_timeout: is required: every service has a read timeout [service-read-timeout]\n`,
    ].join(''),
  });
  const lenient = await checkConfig('--skip-rule', 'service-read-timeout', good);
  expect(lenient).toEqual({ code: 0, stdout: `${good}: 1 plugin configuration checked, no fault\n`, stderr: '' });
});

it('JSON is taken too, and names that --name gave', async () => {
  const variant = file(
    'kong.json',
    '{"_format_version":"3.0","plugins":[{"name":"budget","config":{"max_wait_ms":-1}}]}',
  );
  expect((await checkConfig(variant)).code).toBe(0);
  const { code, stderr } = await checkConfig('--variant', 'budget=genesys-quota', variant);
  expect(stderr).toContain('plugins[budget].config.max_wait_ms: value should be between');
  expect(code).toBe(1);
});

it.each([
  ['no file', [], /^usage: /],
  ['a file that is not there', ['nowhere.yml'], /^nowhere\.yml: /],
  ['a patch of decK', [file('patch.yml', 'patches: []')], /is a patch of decK/],
  ['what is no YAML', [file('broken.yml', 'a: [')], /broken\.yml:1:5: YAML: /],
  ['a rule that is none', ['--skip-rule', 'gravity', 'x.yml'], /--skip-rule gravity: one of/],
])('%s: one line, exit code 1', async (_what, args, message) => {
  const { code, stderr } = await checkConfig(...args);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
});
