/**
 * What documents name is there: metrics, commands with their options, error codes, routes, environment variables of
 * commands. A name that has changed in the code is found where it was not changed in a document.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { SUITE } from '../../kong/config-check/suite.js';
import { EVENT_DURATION } from '../../kong/plugin-server/durations.js';
import { OTLP_METRICS } from '../../kong/plugin-server/otlp/index.js';
import { codeBlocks, readDocuments } from '../../kong/testbed/markdown.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';

const run = promisify(execFile);
const SCRIPTS = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

const DOCUMENTS = readDocuments();
/** Of a changelog, what it says of versions before may name what is gone. */
const CURRENT = DOCUMENTS.filter(({ file }) => file !== 'CHANGELOG.md');

/** Spans of code, and lines of blocks, each with its file. A line that goes on is one. */
const CODE = CURRENT.flatMap(({ file, text }) => [
  ...[...text.replace(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => ({ file, code })),
  ...codeBlocks(text).flatMap(({ text: block }) =>
    block
      .replace(/\\\n\s*/g, ' ')
      .split('\n')
      .map((code) => ({ file, code: code.replace(/\s# .*/, '') })),
  ),
]);

it('metrics', () => {
  const names = [EVENT_DURATION, ...OTLP_METRICS, ...SUITE.flatMap(({ metrics }) => metrics)].map(({ name }) => name);
  const known = new Set(names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
  const named = CODE.flatMap(({ file, code }) =>
    [...code.matchAll(/\b(?:genesys_[a-z]\w*|kong_plugin_\w+)/g)].map(([name]) => ({ file, name })),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ name }) => /_(total|seconds|bytes|count|bucket|sum)$/.test(name) && !known.has(name))).toEqual(
    [],
  );
});

it('error codes', () => {
  const sources = ['plugins', 'kong'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|yml)$/.test(file) && !file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(ROOT, folder, file), 'utf8')),
  );
  const named = CODE.flatMap(({ file, code }) =>
    [...code.matchAll(/\bgateway\.(?!example\b|internal\b)[a-z_]+\.[a-z_.]*[a-z](?!\.internal)/g)].map(([name]) => ({
      file,
      name,
    })),
  );
  expect(named.length).toBeGreaterThan(10);
  const isThere = ({ name }: { name: string }) => sources.some((text) => text.includes(name));
  expect(named.filter((one) => !isThere(one))).toEqual([]);
});

it('routes and services of kong.yml', () => {
  const known =
    readFileSync(join(ROOT, 'kong/kong.yml'), 'utf8') +
    CURRENT.map(({ text }) =>
      codeBlocks(text)
        .filter(({ language }) => language === 'yaml')
        .map(({ text: block }) => block)
        .join('\n'),
    ).join('\n');
  const named = CODE.flatMap(({ file, code }) =>
    [...code.matchAll(/(?<![\w/-])genesys-cloud-[a-z][a-z-]*[a-z](?![\w/.-])/g)].map(([name]) => ({ file, name })),
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(({ name }) => !known.includes(`name: ${name}`))).toEqual([]);
});

/** A command with its options, as a document writes it. */
interface Written {
  file: string;
  command: string;
  options: string[];
}

const optionsIn = (text: string): string[] => [...text.matchAll(/(?<=^|\s)--[a-z][\w-]*/g)].map(([option]) => option);

/** The commands in a line: `kong-genesys-cloud render --region x | less` is one, with one option. */
function commandsIn(file: string, code: string): Written[] {
  return code.split(/&&|[|;>]/).flatMap((part) => {
    const own = /\bkong-genesys-cloud(?: ([a-z]+)\b)?(.*)$/.exec(part);
    if (own !== null && !/[/@:=-]kong-genesys-cloud|kong-genesys-cloud[-.:]/.test(part)) {
      const [, command = '', rest = ''] = own;
      const [before = '', server = ''] = rest.split(/ -- (.*)/);
      return [
        { file, command: `kong-genesys-cloud ${command}`.trim(), options: optionsIn(before) },
        { file, command: 'genesys-plugins', options: optionsIn(server) },
      ];
    }
    const npm = /\bnpm (?:run ([a-z][\w:-]*)|(start)\b)(?:.*? -- (.*))?$/.exec(part);
    if (npm === null) return [];
    const [, script, start, rest = ''] = npm;
    return [{ file, command: `npm ${script ?? start}`, options: optionsIn(rest.split(/ -- /)[0] ?? '') }];
  });
}

const WRITTEN = CODE.flatMap(({ file, code }) => commandsIn(file, code));

/** What a command prints for `--help`; undefined if there is no such command, or none that answers it. */
async function usageOf(command: string): Promise<string | undefined> {
  const [name, sub] = command.split(' ');
  if (name !== 'npm') {
    const { stdout } = await run(process.execPath, [
      join(ROOT, `dist/bin/${name}.js`),
      ...(sub ? [sub] : []),
      '--help',
    ]);
    return stdout;
  }
  const script = /node (dist\/scripts\/\S+)/.exec(SCRIPTS[sub ?? ''] ?? '')?.[1];
  return script && (await run(process.execPath, [join(ROOT, script), '--help'])).stdout;
}

it('finds commands', () => {
  expect(commandsIn('a.md', 'x && kong-genesys-cloud check --a b > c')).toMatchObject([
    { command: 'kong-genesys-cloud check', options: ['--a'] },
    { command: 'genesys-plugins', options: [] },
  ]);
  expect(commandsIn('a.md', 'kong-genesys-cloud --b -- --c d')).toMatchObject([
    { command: 'kong-genesys-cloud', options: ['--b'] },
    { command: 'genesys-plugins', options: ['--c'] },
  ]);
  expect(commandsIn('a.md', 'npm run deck:sync -- --mode x')).toMatchObject([
    { command: 'npm deck:sync', options: ['--mode'] },
  ]);
});

it('scripts of npm', () => {
  const names = WRITTEN.filter(({ command }) => command.startsWith('npm ')).map(({ command, file }) => ({
    name: command.slice(4),
    file,
  }));
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter(({ name }) => !(name in SCRIPTS))).toEqual([]);
});

const WITH_OPTIONS = [...new Set(WRITTEN.filter(({ options }) => options.length > 0).map(({ command }) => command))];

it.each(WITH_OPTIONS)('options of %s', async (command) => {
  const usage = await usageOf(command);
  // What is no command of ours, such as `npm run test:unit`, has the options of what it starts.
  if (usage === undefined) return;
  const known = new Set(optionsIn(usage.replace(/[[\]|,=]/g, ' ')).concat('--help'));
  const unknown = WRITTEN.filter((one) => one.command === command).flatMap(({ file, options }) =>
    options.filter((option) => !known.has(option)).map((option) => ({ file, option })),
  );
  expect(unknown).toEqual([]);
});
