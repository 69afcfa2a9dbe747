/** What `check --kong 3.14` says beside what it says for 3.9. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { check } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'newer-kong-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'kong.yml');

/** Checks a file, and gives its lines without their places. */
function linesOf(text: string, ...args: string[]): string[] {
  writeFileSync(file, `_format_version: "3.0"\n${text}`);
  const { errors, text: printed } = check([
    '--skip-rule',
    'connection-guard',
    '--skip-rule',
    'tls-verify',
    ...args,
    file,
  ]);
  return `${errors}${printed}`
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^.*?kong\.yml:(\d+:\d+:)? /, ''));
}

const STATE = `
services:
  - name: s
    url: https://api.example.com
    read_timeout: 1000
    tls_verify: false
    routes:
      - { name: bare, paths: [/a] }
      - { name: named, paths: [/b], protocols: [http, https] }
    plugins:
      - { name: key-auth }
      - { name: basic-auth, config: { hide_credentials: false } }
      - { name: http-log, config: { http_endpoint: "https://log.example", ssl_verify: false } }
      - { name: pre-function, config: { access: ["local http = require('resty.http')"] } }
      - { name: rate-limiting-advanced, config: { limit: [5], window_size: [60] } }
`;

it('a changed default is warned of where the value is not named; what 3.14 refuses is a fault', () => {
  const lines = linesOf(STATE, '--kong', '3.14');
  expect(lines.map((line) => line.replace(/^(\S+): (warning)?.*?(\[[a-z-]+\])?$/, '$1 $2 $3').trim())).toEqual([
    'services[s].tls_verify',
    'services[s].plugins[http-log].config.ssl_verify',
    'services[s].routes[bare].protocols: warning [changed-default]'.replace(':', ''),
    'services[s].plugins[key-auth].config.hide_credentials warning [changed-default]',
    'services[s].plugins[pre-function].config.access[0] warning [changed-default]',
  ]);
  expect(lines[0]).toContain('tls_certificate_verify = off');
  expect(lines[2]).toContain('https alone');
});

it.each([[], ['--kong', '3.9.3'], ['--kong', '3.13']])('an older Kong keeps its defaults: %j', (...args) => {
  expect(linesOf(STATE, ...args).join('\n')).not.toMatch(/changed-default|tls_certificate_verify/);
});

it("from 3.10 on, what is Enterprise's is no surprise; from 3.11 on, there are no Wasm filters", () => {
  const text = 'filter_chains: [{ name: f, filters: [{ name: x }] }]\nconsumer_groups: [{ name: gold }]\n';
  expect(linesOf(text).join('\n')).toContain('[enterprise-only]');
  expect(linesOf(text, '--kong', '3.10').join('\n')).not.toMatch(/enterprise-only|Wasm/);
  expect(linesOf(text, '--kong', '3.11')).toContainEqual(expect.stringContaining('no Wasm filters since 3.11'));
});

it.each([
  ['3.8.1', '--kong 3.8.1: the plugins need Kong 3.9.3 or newer, or Kong Enterprise 3.10 or newer'],
  ['4.0', '--kong 4.0: the plugins need'],
  ['latest', '--kong latest: a version such as 3.14'],
])('--kong %s is refused', (version, reason) => {
  expect(() => check(['--kong', version, file])).toThrow(reason);
});

it('the shipped configuration means the same on 3.14', () => {
  const shipped = resolve(import.meta.dirname, '../kong.yml');
  const { text, errors, exitCode } = check(['--kong', '3.14', shipped]);
  expect(errors).toBe('');
  expect(text).toContain('no fault');
  expect(exitCode).toBe(0);
});
