/** What a check prints: places, aliases, decK's own notation, and the formats for people and for code hosts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { check } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** Checks the text of a file, and gives its lines without the file's name. */
function linesOf(text: string, ...args: string[]): string[] {
  files += 1;
  const file = join(folder, `${files}.yml`);
  writeFileSync(file, text);
  const { errors, text: printed } = check(['--skip-rule', 'connection-guard', ...args, file]);
  return `${errors}${printed}`.replaceAll(`${file}:`, '').trimEnd().split('\n');
}

const SERVICE = `_format_version: "3.0"
services:
  - name: s
    host: example.com
    read_timeout: 1000
    routes:
`;

it('a fault of an anchor is told once, at the anchor, with the lines that use it', () => {
  const text = `${SERVICE}      - name: a
        paths: [/a]
        plugins:
          - &auth
            name: key-auth
            config:
              key_name: [k]
      - name: b
        paths: [/b]
        plugins: [*auth]
      - name: c
        paths: [/c]
        plugins:
          - *auth
`;
  expect(linesOf(text)).toEqual([
    '13:15: services[s].routes[a].plugins[key-auth].config.key_name: unknown field; did you mean "key_names"? (used in lines 16, 20)',
  ]);
});

it('a fault of a merged map is told at the map', () => {
  const text = `_format_version: "3.0"
services:
  - <<: &base
      host: example.com
      read_timeout: 0
    name: a
  - <<: *base
    name: b
`;
  expect(linesOf(text)).toEqual([
    expect.stringMatching(/^5:7: services\[a\]\.read_timeout: value should be between .* \(used in line 7\)$/),
  ]);
});

it("decK's notation is read: variables in quotes and without, its own keys, and Enterprise's fields", () => {
  const text = `_format_version: "3.0"
_info: { select_tags: [team], defaults: {} }
_konnect: { control_plane_name: cp }
partials:
  - { id: 1, type: redis-ee, name: p, config: { host: r } }
consumer_groups:
  - name: gold
    plugins: [{ name: rate-limiting-advanced, config: { limit: [5] } }]
consumers:
  - username: c
    groups: [{ name: gold }]
    keyauth_credentials:
      - key: "\${{ env "DECK_KEY" }}"
      - key: \${{ env "DECK_OTHER_KEY" }}
      - key: '\${{ env "DECK_THIRD_KEY" }}'
plugins:
  - name: rate-limiting
    instance_name: all
    ordering: { before: { access: [key-auth] } }
    condition: 'http.path == "/x"'
    partials: [{ id: 1 }]
    config: { minute: \${{ env "DECK_MINUTE" }} }
`;
  const elsewhere = ['--skip-rule', 'deck-only', '--skip-rule', 'enterprise-only'];
  expect(linesOf(text, '--rules', 'fail', ...elsewhere)).toEqual([expect.stringContaining('no fault')]);
  // Kong's open source, by itself, takes none of it.
  const warnings = linesOf(text).slice(0, -1);
  expect(warnings.map((line) => /^\d+:\d+: (\S+): warning: .*\[(\w+-only)\]$/.exec(line)?.slice(1).join(' '))).toEqual([
    ...['_info deck-only', '_konnect deck-only', 'consumer_groups enterprise-only', 'partials enterprise-only'],
    'consumer_groups[gold].plugins[rate-limiting-advanced].name enterprise-only',
    'consumers[c].groups enterprise-only',
    ...['ordering', 'condition', 'partials'].map((field) => `plugins[rate-limiting].${field} enterprise-only`),
  ]);
});

it('a reference by tags to what is in another file is none of this one', () => {
  const plugin = 'plugins: [{ name: rate-limiting, service: elsewhere, config: { minute: 5 } }]\n';
  expect(linesOf(`_format_version: "3.0"\n${plugin}`)[0]).toContain('there is no such service');
  const lookup = '_info: { default_lookup_tags: { services: [shared] } }\n';
  expect(linesOf(`_format_version: "3.0"\n${lookup}${plugin}`).at(-1)).toContain('no fault');
});

it('what is no YAML is a fault as any other', () => {
  const text = '_format_version: "3.0"\nservices:\n\t- name: a\n';
  expect(linesOf(text)[0]).toMatch(/^3:1: YAML: /);
  expect(JSON.parse(linesOf(text, '--format', 'json').join('\n'))).toMatchObject([{ severity: 'error', line: 3 }]);
});

it('names the plugins that it does not look into', () => {
  const text = '_format_version: "3.0"\nplugins: [{ name: cors }, { name: key-auth }]\n';
  expect(linesOf(text)).toEqual([expect.stringMatching(/checked \(of cors only the names\), no fault$/)]);
});

it('several files are one configuration', () => {
  const [one, other] = ['one.yml', 'other.yml'].map((name) => join(folder, name));
  writeFileSync(one ?? '', SERVICE.replace('    routes:\n', ''));
  writeFileSync(other ?? '', 'plugins: [{ name: rate-limiting, service: s, config: { minute: 5 } }]\n');
  expect(check(['--skip-rule', 'connection-guard', one ?? '', other ?? '']).exitCode).toBe(0);
  expect(check(['--skip-rule', 'connection-guard', other ?? '']).exitCode).toBe(1);
});

it('a rule of ours is a warning, unless it is to hold', () => {
  const text = SERVICE.replace('    read_timeout: 1000\n    routes:\n', '');
  const line = /services\[s\]\.read_timeout: (warning: )?is required.* \[service-read-timeout\]$/;
  const [warning, summary] = linesOf(text);
  expect([warning, summary]).toEqual([expect.stringMatching(line), expect.stringContaining('no fault')]);
  expect(warning).toContain('warning');
  expect(linesOf(text, '--rules', 'fail')).toEqual([expect.stringMatching(line)]);
});

it('no value is repeated: it may be a secret', () => {
  const text = `_format_version: "3.0"
consumers:
  - username: c
    keyauth_credentials: [{ key: [s3cret-value] }]
plugins:
  - name: key-auth
    config: { key_names: [s3cret-value with spaces], realm: { s3cret-value: 1 } }
`;
  const lines = linesOf(text);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join('\n')).not.toMatch(/s3cret-value(?!: unknown field)/);
});

it('JSON and SARIF have the same findings, with file, line and column', () => {
  const text = SERVICE.replace('read_timeout: 1000', 'read_timout: 1000').replace('    routes:\n', '');
  const [finding] = JSON.parse(linesOf(text, '--format', 'json').join('\n'));
  expect(finding).toMatchObject({ severity: 'error', line: 5, column: 5, path: 'services[s].read_timout' });
  const sarif = JSON.parse(linesOf(text, '--format', 'sarif').join('\n'));
  expect(sarif.version).toBe('2.1.0');
  const [result] = sarif.runs[0].results;
  expect(result).toMatchObject({ ruleId: 'refused', level: 'error' });
  expect(result.locations[0].physicalLocation.region).toEqual({ startLine: 5, startColumn: 5 });
  const ids = sarif.runs[0].tool.driver.rules.map(({ id }: { id: string }) => id);
  for (const { ruleId } of sarif.runs[0].results) expect(ids).toContain(ruleId);
});
