/**
 * The package as it is installed where Kong runs: what is in it and what is not, that its commands run with nothing
 * around them but its own dependencies, and under which licences those come.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGIN_NAMES } from '../../kong/plugin-list.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { DESCRIPTION } from '../support/api-description.js';

/** Of licences that Apache-2.0 software may be delivered with, without conditions on its own source. */
const ALLOWED_LICENCES = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Unlicense',
]);

/** How the text of MIT and its like begins, after whose it is. */
const PERMISSION = /Permission is hereby granted, free of charge/;

interface Manifest {
  name: string;
  version: string;
  license?: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, unknown>;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const manifest = readJson(join(ROOT, 'package.json')) as Manifest;
const lock = readJson(join(ROOT, 'package-lock.json')) as {
  packages: Record<string, { version?: string; license?: string; dev?: boolean; optional?: boolean }>;
};
/** Folders of what is installed without the development dependencies. */
const PRODUCTION = Object.entries(lock.packages).flatMap(([path, { dev }]) => (path === '' || dev ? [] : [path]));

/** What `kong-genesys-cloud render` and the page on the operator's port read. */
const CONFIGURATION = ['kong/config', 'kong/failover.yml', 'kong/page', 'kong/stages'];

/** What people read. The rest of what README.md names needs a checkout. */
const DOCUMENTS = [
  'CHANGELOG.md',
  'docs',
  'examples',
  'kong/kong.conf',
  'kong/kong.yml',
  'kong/kubernetes',
  'kong/observability',
];
const NEEDS_A_CHECKOUT = ['kong/Dockerfile', 'CONTRIBUTING.md'];

const folder = mkdtempSync(join(tmpdir(), 'package-'));
const installed = join(folder, 'lib/node_modules', manifest.name);
let files: string[];

beforeAll(() => {
  // Built anew, elsewhere: dist may hold what was deleted since, and other tests run from it.
  const stage = join(folder, 'stage');
  mkdirSync(stage);
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(stage, 'dist')], {
    cwd: ROOT,
  });
  for (const name of ['package.json', 'README.md', 'LICENSE']) copyFileSync(join(ROOT, name), join(stage, name));
  const notOfSite = (path: string): boolean => !path.endsWith('docs/site');
  for (const name of [...CONFIGURATION, ...DOCUMENTS]) {
    cpSync(join(ROOT, name), join(stage, name), { recursive: true, filter: notOfSite });
  }
  for (const name of PLUGIN_NAMES) {
    const page = `plugins/${name}/README.md`;
    cpSync(join(ROOT, page), join(stage, page));
  }
  for (const path of PRODUCTION.filter((name) => name.lastIndexOf('node_modules/') === 0)) {
    cpSync(join(ROOT, path), join(stage, path), { recursive: true });
  }
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: stage,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(output.toString()) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error('npm packed nothing');
  files = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('node_modules/'));
  // As the README has it, with no registry and nothing in a cache: what it needs comes with it.
  const install = ['install', '--global', '--offline', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const where = ['--prefix', folder, '--cache', join(folder, 'cache')];
  execFileSync('npm', [...install, ...where, join(folder, packed.filename)], { stdio: 'ignore' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a module of the package imports, as it is written. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(installed, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*'([^']+)'/g)].map(
    ([, specifier]) => specifier ?? '',
  );
}

describe('the package', () => {
  it('holds the commands, the plugins and the plugin server, and nothing else', () => {
    const sources = [
      ...['bin', 'plugins', 'kong/pdk', 'kong/plugin-server', 'kong/install', 'kong/config-check'],
      ...['kong/local-gateway/bundled', 'kong/local-gateway/config'],
    ].flatMap((below) =>
      readdirSync(join(ROOT, below), { encoding: 'utf8', recursive: true })
        .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('/testing/'))
        // What runs Kong's plugins: only their schemas are needed.
        .filter((path) => below !== 'kong/local-gateway/bundled' || !['index.ts', 'jwt.ts'].includes(path))
        .map((path) => `dist/${below}/${path.replace(/\.ts$/, '.js')}`),
    );
    const ofGateway = ['headers', 'kong-errors', 'request-body', 'router', 'uri'].map(
      (name) => `local-gateway/${name}`,
    );
    const ofKong = [
      'kong-version',
      'node-version',
      'plugin-list',
      'plugin-server-commands',
      'stages',
      'kong-side/connect',
      'kong-side/protobuf',
    ];
    const single = [...ofKong, ...ofGateway].map((name) => `dist/kong/${name}.js`);
    const configuration = ['authorities', 'consumers', 'gateway'].map((name) => `kong/config/${name}.yml`);
    const stages = ['dev', 'prod', 'staging'].map((name) => `kong/stages/${name}.yml`);
    const page = ['dom', 'page', 'panels', 'requests', 'rules'].map((name) => `kong/page/${name}.js`);
    const looks = ['icon.svg', 'index.html', 'page.css'].map((name) => `kong/page/${name}`);
    const other = ['kong/failover.yml', 'LICENSE', 'README.md', 'package.json'];
    const below = (name: string): string[] =>
      statSync(join(ROOT, name)).isFile()
        ? [name]
        : readdirSync(join(ROOT, name))
            .filter((file) => file !== 'site')
            .flatMap((file) => below(`${name}/${file}`));
    const pages = [...PLUGIN_NAMES.map((name) => `plugins/${name}`), 'kong/page'].map((each) => `${each}/README.md`);
    const documents = [...DOCUMENTS.flatMap(below).filter((file) => !file.endsWith('.ts')), ...pages];
    const expected = [...sources, ...single, ...configuration, ...stages, ...page, ...looks, ...documents, ...other];
    expect([...files].sort()).toEqual(expected.sort());
  });

  it('holds what its README links to, but what needs a checkout', () => {
    const readme = readFileSync(join(installed, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\(([^):#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter((link) => !files.includes(link) && !NEEDS_A_CHECKOUT.includes(link))).toEqual([]);
  });

  it('holds no module that no command leads to, but types', () => {
    const seen = new Set<string>();
    const follow = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const specifier of importsOf(file).filter((text) => text.startsWith('.'))) {
        follow(relative(installed, resolve(installed, dirname(file), specifier)));
      }
    };
    for (const path of Object.values(manifest.bin)) follow(path);
    // A browser loads the page's.
    const unused = files.filter((file) => /^dist\/.*\.js$/.test(file) && !seen.has(file));
    const withCode = unused.filter((file) => {
      const code = readFileSync(join(installed, file), 'utf8').replace(/\/\*.*?\*\//gs, '');
      return code.replace(/export \{\s*\};?/, '').trim() !== '';
    });
    expect(withCode).toEqual([]);
  });

  it('imports nothing but itself, Node and its dependencies, and needs each of those', () => {
    const external = new Set(
      files
        .filter((file) => file.endsWith('.js'))
        .flatMap(importsOf)
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .map((specifier) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
    );
    expect([...external].filter((name) => builtinModules.includes(name))).toEqual([]);
    // The optional ones are for commands of operators: no gateway needs them.
    const { dependencies, peerDependenciesMeta } = manifest;
    expect([...external].sort()).toEqual(Object.keys({ ...dependencies, ...peerDependenciesMeta }).sort());
  });
});

describe('an installed command', () => {
  const commands = Object.entries(manifest.bin);
  /** The environment that Kong gives it. */
  const run = (path: string, ...args: string[]): string =>
    execFileSync(process.execPath, [path, ...args], { env: { PWD: '/' }, cwd: '/' }).toString();

  it.each(commands)('%s has a line that says what runs it', (_name, path) => {
    expect(readFileSync(join(installed, path), 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
  });

  it.each(PLUGIN_NAMES)('%s describes its plugin, as the process for all plugins does', (name) => {
    const described = run(join(folder, 'bin', name), '--dump');
    expect(JSON.parse(described)).toMatchObject({ Protocol: 'ProtoBuf:1', Plugins: [{ Name: name }] });
    expect(run(join(folder, 'bin/genesys-plugins'), '--dump', '--plugin', name)).toBe(described);
  });

  it('kong-genesys-cloud renders a configuration, combines it and checks it', () => {
    const file = join(folder, 'kong.yml');
    const command = join(folder, 'bin/kong-genesys-cloud');
    run(command, 'render', '--region', 'mypurecloud.de', '--output', file);
    expect(readFileSync(file, 'utf8')).toContain('host: genesys-eu-central-1');
    expect(run(command, 'combine', file)).toContain('name: genesys-gateway');
    expect(run(command, 'check', file)).toContain('no fault');
  });

  it("kong-genesys-cloud makes routes from Genesys' description, and says what it needs without one", () => {
    const command = join(folder, 'bin/kong-genesys-cloud');
    const api = join(folder, 'api.json');
    writeFileSync(api, JSON.stringify(DESCRIPTION));
    const file = join(folder, 'routes.yml');
    run(command, 'routes', '--api', api, '--operations', 'getUsers', '--output', file);
    expect(run(command, 'check', file)).toContain('no fault');
    expect(run(command, 'routes', '--api', api, '--openapi', file)).toContain('"/api/v2/users"');
    expect(() => run(command, 'routes', '--operations', 'getUsers')).toThrow(/description nor its SDK .* --api FILE/);
  });

  it('kong-genesys-cloud prints settings with the paths of where it is installed', () => {
    const one = run(join(folder, 'bin/kong-genesys-cloud'));
    expect(one.split('\n').filter((line) => line.includes('_start_cmd = '))).toHaveLength(1);
    expect(one).toContain(join(installed, 'dist/bin/genesys-plugins.js'));
    const printed = run(join(folder, 'bin/kong-genesys-cloud'), '--processes', 'each');
    for (const [name, path] of commands.filter(([other]) => PLUGIN_NAMES.some((plugin) => plugin === other))) {
      expect(printed).toContain(`pluginserver_${name.replaceAll('-', '_')}_start_cmd = `);
      expect(printed).toContain(join(installed, path));
    }
  });
});

describe('what is installed with it', () => {
  it.each(PRODUCTION)('%s has a licence that may be delivered with Apache-2.0', (path) => {
    const { license, version } = readJson(join(ROOT, path, 'package.json')) as Manifest;
    expect(lock.packages[path]).toMatchObject({ license, version });
    expect(ALLOWED_LICENCES).toContain(license);
  });

  it('brings the text of its licence', () => {
    const withoutText = PRODUCTION.filter((path) => {
      const names = readdirSync(join(installed, path));
      if (names.some((name) => /^(licen[cs]e|copying)\b/i.test(name))) return false;
      const readme = names.find((name) => /^readme\b/i.test(name));
      return readme === undefined || !PERMISSION.test(readFileSync(join(installed, path, readme), 'utf8'));
    });
    expect(withoutText).toEqual([]);
  });

  it('is what the lock file names, and nothing else', () => {
    const found = readdirSync(join(installed, 'node_modules'), { encoding: 'utf8', recursive: true })
      .filter((path) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
      .map((path): [string, unknown] => [
        `node_modules/${dirname(path)}`,
        (readJson(join(installed, 'node_modules', path)) as Manifest).version,
      ]);
    const locked = PRODUCTION.map((path) => [path, lock.packages[path]?.version]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(locked));
  });
});
