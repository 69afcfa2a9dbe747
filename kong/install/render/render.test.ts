/** What is rendered is what the files say, for a region, a stage and limits, and the shipped kong.yml is that. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REGIONS, regionApiUrl } from '../../../plugins/shared/regions.js';
import { applyDeckPatches } from '../../../test/support/deck-patch.js';
import { renderCommand } from './command.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const SHIPPED = readFileSync(join(ROOT, 'kong/kong.yml'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'render-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Config {
  services: { name: string; host?: string; routes: { name: string; plugins: Entry[] }[] }[];
  upstreams: { name: string; targets: { target: string }[]; healthchecks: { active: { https_sni: string } } }[];
  consumers: { username: string }[];
}
interface Entry {
  name: string;
  config: Record<string, unknown>;
}

const read = (text: string): Config => parse(text, { merge: true }) as Config;
const render = (...args: string[]): Config => read(renderCommand(args, ROOT).text);
/** The configurations of a plugin, each once. */
const configsOf = (config: Config, plugin: string): Record<string, unknown>[] => {
  const entries = config.services.flatMap(({ routes }) => routes).flatMap(({ plugins }) => plugins);
  const texts = entries.filter(({ name }) => name === plugin).map((entry) => JSON.stringify(entry.config));
  return [...new Set(texts)].map((text) => JSON.parse(text));
};

it('the shipped kong.yml is what `npm run render` makes', () => {
  expect(renderCommand([], ROOT).text).toBe(SHIPPED);
});

it('a file is written on request, and says how it was made', () => {
  const file = join(folder, 'kong.yml');
  expect(renderCommand(['--region', 'eu_west_2', '--output', file], ROOT).text).toBe('');
  expect(readFileSync(file, 'utf8')).toMatch(/^# Made by `kong-genesys-cloud render --region eu_west_2`:/);
});

describe('a region', () => {
  it.each(REGIONS)('%s has an upstream, a name for TLS and tokens of its own, and nothing of another one', (region) => {
    const config = render('--region', region);
    const host = new URL(regionApiUrl(region)).hostname;
    const name = `genesys-${region.replaceAll('_', '-')}`;
    expect(config.upstreams.map((upstream) => upstream.name)).toEqual([name]);
    expect(config.upstreams[0]?.targets).toMatchObject([{ target: `${host}:443` }]);
    expect(config.upstreams[0]?.healthchecks.active.https_sni).toBe(host);
    const hosts = config.services.flatMap((service) => service.host ?? []);
    expect(new Set(hosts)).toEqual(new Set([name]));
    expect(configsOf(config, 'genesys-token-manager')).toMatchObject([{ region }]);
    if (region !== 'us_east_1') expect(JSON.stringify(config)).not.toMatch(/us.east.1|mypurecloud\.com"/);
  });

  it('may be named by its domain', () => {
    expect(render('--region', 'mypurecloud.de')).toEqual(render('--region', 'eu_central_1'));
  });

  it('and a second one are what decK makes of failover.yml, in any two regions', () => {
    const patched = read(SHIPPED);
    applyDeckPatches(patched, join(ROOT, 'kong/failover.yml'));
    expect(render('--failover-region', 'us_west_2')).toEqual(patched);
    const { upstreams, ...config } = render('--region', 'us_west_2', '--failover-region', 'us_east_1');
    expect(upstreams.map(({ name, targets }) => [name, targets[0]?.target])).toEqual([
      ['genesys-us-west-2', 'api.usw2.pure.cloud:443'],
      ['genesys-us-east-1', 'api.mypurecloud.com:443'],
    ]);
    expect(configsOf({ upstreams, ...config }, 'genesys-token-manager')).toMatchObject([
      { regions: [{ region: 'us_west_2' }, { region: 'us_east_1' }] },
    ]);
  });
});

describe('a stage', () => {
  it.each(['dev', 'staging', 'prod'])('%s is what decK makes of its patches', (stage) => {
    const patched = read(SHIPPED);
    applyDeckPatches(patched, join(ROOT, `kong/stages/${stage}.yml`));
    expect(render('--stage', stage)).toEqual(patched);
  });

  it('gives its name to the secrets of both regions', () => {
    const text = JSON.stringify(render('--stage', 'prod', '--failover-region', 'eu_west_1'));
    expect(text).toContain('{vault://env/prod-genesys-client-id}');
    expect(text).toContain('{vault://env/prod-genesys-eu-west-1-client-secret}');
    expect(text).not.toMatch(/env\/genesys-(?!login)/);
  });

  it('may have patches of its own after it, which see what aliases and merge keys repeat', () => {
    const file = join(folder, 'patch.yml');
    const selectors = ["$..plugins[?(@.name=='genesys-quota')].config", '$.services[?(@.retries > 0)]'];
    writeFileSync(
      file,
      JSON.stringify({
        patches: [
          { selectors: selectors.slice(0, 1), values: { policy: 'redis', redis: { host: 'r' } } },
          { selectors: selectors.slice(1), values: { retries: 2 }, remove: ['path'] },
        ],
      }),
    );
    const patched = read(SHIPPED);
    applyDeckPatches(patched, file);
    const path = (config: Config): unknown[] => config.services.map((service) => ({ ...service, path: undefined }));
    const rendered = render('--patch', file);
    expect(path(rendered)).toEqual(path(patched));
    expect(configsOf(rendered, 'genesys-quota').map(({ policy }) => policy)).toEqual(['redis', 'redis']);
  });
});

it('limits keep their share of the limit of the organisation', () => {
  const limitsOf = (config: Config) =>
    configsOf(config, 'genesys-quota').map(({ limits }) => (limits as { limit: number }[]).map(({ limit }) => limit));
  expect(limitsOf(render())).toEqual([[280, 140, 60, 200], [120]]);
  expect(limitsOf(render('--organisation-limit', '3000'))).toEqual([[3000, 1500, 642, 2142], [120]]);
});

it('consumers of a file stand in the place of the shipped ones, next to those that routes need', () => {
  const file = join(folder, 'consumers.yml');
  writeFileSync(file, '{"consumers": [{"username": "ours", "acls": [{"group": "readers"}]}]}');
  const { consumers, ...others } = render('--consumers', file);
  expect(consumers.map(({ username }) => username)).toEqual(['login-refused', 'ours']);
  expect(others).toEqual({ ...read(SHIPPED), consumers: undefined });
});

it('the combined form has one entry for each route, but where another plugin runs between', () => {
  const routes = render('--form', 'combined').services.flatMap((service) => service.routes);
  const entries = routes
    .filter((route) => route.name.startsWith('genesys-cloud-'))
    .map((route) => [route.name, route.plugins.filter(({ name }) => name.startsWith('genesys-')).length]);
  expect(entries.filter(([, count]) => count !== 1)).toEqual([['genesys-cloud-agents', 2]]);
});

it.each([
  [['--region', 'eu-central-9'], '--region eu-central-9: one of us_east_1'],
  [['--failover-region', 'us-east-1'], '--failover-region us_east_1: is the first region'],
  [['--stage', 'test'], '--stage test: one of dev, staging, prod'],
  [['--form', 'both'], '--form both: separate or combined'],
  [['--organisation-limit', '0'], '--organisation-limit 0: a whole number, above 0'],
  [['--consumers', '/none.yml'], '/none.yml: cannot be read (ENOENT)'],
])('%j is refused in one line', (args, message) => {
  expect(() => renderCommand(args, ROOT)).toThrow(message);
});

it('the check finds no fault in any of it', () => {
  for (const args of [
    ['--region', 'eu_central_1', '--stage', 'prod', '--organisation-limit', '3000'],
    ['--form', 'combined', '--failover-region', 'eu_west_1'],
  ]) {
    const file = join(folder, 'checked.yml');
    renderCommand([...args, '--output', file], ROOT);
    const check = join(ROOT, 'dist/scripts/check-config.js');
    expect(execFileSync(process.execPath, [check, file], { encoding: 'utf8' })).toMatch(/no fault$/m);
  }
});
