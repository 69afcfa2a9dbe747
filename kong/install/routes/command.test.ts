/** The command: what it prints, the same each time, and what `check` says of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DESCRIPTION } from '../../../test/support/api-description.js';
import { runRoutes } from '../../../test/support/routes.js';
import { check } from '../../config-check/command.js';
import { ROOT } from '../../testbed/plugin-server.js';
import { renderCommand } from '../render/command.js';
import { readApi } from './source.js';

const folder = mkdtempSync(join(tmpdir(), 'routes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = runRoutes;
const written = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const api = written('api.json', JSON.stringify(DESCRIPTION));

interface Made {
  services: {
    name: string;
    read_timeout: number;
    retries: number;
    routes: { name: string; hosts?: string[]; plugins: { name: string; config: Record<string, unknown> }[] }[];
  }[];
}

async function made(...args: string[]): Promise<Made> {
  return parse((await run(...args)).text, { merge: true }) as Made;
}

function pluginsOf(config: Made, route: string) {
  const found = config.services.flatMap((service) => service.routes).find(({ name }) => name === route);
  return new Map(found?.plugins.map(({ name, config: settings }) => [name, settings]));
}

describe('a file', () => {
  it.each([
    ['of some operations', ['--operations', 'getUsers,getUser,postUsersSearch,patchUser,deleteUser']],
    [
      'with a region, a stage and one plugin a route',
      ['--tag', 'Routing', '--region', 'eu_central_1', '--form', 'combined'],
    ],
    ['of a description', ['--api', api, '--tag', 'Users,Routing,ExternalContacts', '--host', 'api.example.com']],
    ['without a filter', ['--tag', 'Architect', '--keep', 'none', '--name', 'flows']],
    ['for tools that log in', ['--tag', 'Users,Analytics', '--operations', 'getAuthorizationDivision', '--login']],
    [
      'for tools that log in, of bulk data alone',
      ['--operations', 'getAnalyticsConversationsDetails', '--login', '--form', 'combined'],
    ],
    ['with whole models', ['--tag', 'Conversations', '--keep', 'model']],
  ])('%s passes the check', async (_, args) => {
    const file = written('kong.yml', (await run(...args)).text);
    expect(check([file])).toMatchObject({ errors: '', exitCode: 0 });
  });

  it('is the same, in whatever order the description has its operations', async () => {
    const { paths, definitions } = DESCRIPTION;
    const reversed = (record: object): object => Object.fromEntries(Object.entries(record).reverse());
    const other = { ...DESCRIPTION, paths: reversed(paths), definitions: reversed(definitions) };
    const args = ['--tag', 'Users,Routing,External Contacts', '--api'];
    const [one, two] = [await run(...args, api), await run(...args, written('other.json', JSON.stringify(other)))];
    const withoutCommand = (text: string): string => text.replace(/^.*\n/, '');
    expect(withoutCommand(two.text)).toBe(withoutCommand(one.text));
  });

  it('names what the OAuth client needs, and no more', async () => {
    const { text } = await run('--api', api, '--operations', 'getUser,patchUser,getQueueMembers');
    expect(text).toContain('# The OAuth client needs these permissions: directory:user:view, routing:queue:view\n');
    expect(text).toContain('# and one of: directory:user:edit, directory:userProfile:edit\n');
    expect(text).toMatch(/# Scopes, .*: routing:readonly, users\n/);
  });

  it('names operations that genesys-token-manager refuses', async () => {
    expect((await run('--tag', 'Tokens', '--keep', 'none')).text).toMatch(
      /# genesys-token-manager refuses these.*\n?.*deleteTokensMe/,
    );
    expect((await run('--operations', 'getUsers')).text).not.toContain('refuses these');
  });

  it('says what is not known without a description', async () => {
    expect((await run('--operations', 'getUsers')).text).toContain('# Unknown without --api: which permissions');
  });

  it('waits longer for queries and bulk data, and repeats no write', async () => {
    const { services } = await made(
      '--operations',
      'getUsers,patchUser,postUsersSearch,getAnalyticsConversationDetails',
    );
    expect(services.map(({ name, read_timeout, retries }) => [name, read_timeout, retries])).toEqual([
      ['exposed-reads', 10_000, 3],
      ['exposed-writes', 10_000, 0],
      ['exposed-slow', 30_000, 0],
    ]);
  });

  it('lets readers read and writers write', async () => {
    const config = await made('--operations', 'getUsers,patchUser,postUsersSearch');
    const groups = ['reads', 'patches', 'queries'].map(
      (name) => pluginsOf(config, `exposed-${name}`).get('acl')?.allow,
    );
    expect(groups).toEqual([['readers'], ['writers'], ['readers']]);
  });

  it('counts pages by their size, and analytics only where there are some', async () => {
    const limits = async (...ids: string[]) => {
      const config = await made('--operations', ids.join());
      const quota = pluginsOf(config, config.services[0]?.routes[0]?.name ?? '').get('genesys-quota');
      return quota?.limits as { name: string; cost_by_query?: object }[];
    };
    const users = await limits('getUsers');
    expect(users.map(({ name }) => name)).toEqual(['organisation', 'consumer', 'writes', 'pages']);
    expect(users.at(-1)?.cost_by_query).toEqual({ name: 'pageSize', per: 25 });
    const details = await limits('getAnalyticsConversationDetails');
    expect(details.map(({ name }) => name)).toEqual(['organisation', 'consumer', 'writes', 'analytics']);
  });

  it('keeps what is harmless of each answer, and names what it leaves out', async () => {
    const args = ['--api', api, '--operations', 'getUsers,getUser,getName'];
    const { text } = await run(...args);
    expect(pluginsOf(parse(text, { merge: true }) as Made, 'exposed-reads').get('genesys-response-filter')).toEqual({
      rules: [
        { paths: ['/api/v2/users'], keep: ['id', 'state', 'active', 'division.id', 'manager.id'] },
        { paths: ['/api/v2/users/{userId}'], keep: ['id', 'state', 'active', 'division.id', 'manager.id'] },
      ],
    });
    expect(text).toContain('# Left out: name, division, addresses, attributes, manager\n');
    expect(text).toContain('so they are blocked: getName\n');
    const whole = pluginsOf(await made(...args, '--keep', 'model'), 'exposed-reads').get('genesys-response-filter');
    expect(whole).toMatchObject({ rules: [{ keep: expect.arrayContaining(['name', 'addresses']) }, {}] });
    expect(pluginsOf(await made(...args, '--keep', 'none'), 'exposed-reads').has('genesys-response-filter')).toBe(
      false,
    );
  });

  it('has what ships around it', async () => {
    const shipped = parse(renderCommand([], ROOT).text, { merge: true }) as Record<string, unknown>;
    const own = parse((await run('--operations', 'getUsers', '--login')).text, { merge: true });
    for (const kind of ['upstreams', 'plugins', 'consumers', 'ca_certificates']) {
      expect(own[kind], kind).toEqual(shipped[kind]);
    }
  });

  it('lets tools log in if it is asked to, and has each route for their tokens too', async () => {
    const { services } = await made('--operations', 'getUsers,getAuthorizationDivision', '--login');
    expect(services.map(({ name }) => name)).toEqual(['exposed-reads', 'genesys-login']);
    expect(services[0]?.routes.map(({ name }) => name)).toEqual([
      'exposed-reads',
      'exposed-reads-bearer',
      'exposed-closed-gets-1',
      'exposed-closed-gets-1-bearer',
      'exposed-logout-bearer',
    ]);
    const without = await made('--operations', 'getUsers');
    expect(JSON.stringify(without)).not.toMatch(/login|bearer/);
  });

  it('may be for some hosts only', async () => {
    const { services } = await made('--operations', 'getUsers', '--host', 'api.example.com,b.example.com');
    expect(services[0]?.routes[0]?.hosts).toEqual(['api.example.com', 'b.example.com']);
  });
});

it('lists what is chosen, in lines that it takes again', async () => {
  const { text } = await run('--api', api, '--tag', 'Users', '--list');
  expect(text.split('\n')[0]).toBe('getUsers  # read: GET /api/v2/users');
  const list = written('operations.txt', `# ours\n${text}\nGET /api/v2/external/names/{n}\n`);
  const again = await run('--api', api, '--operations', `@${list}`, '--list', '--output', join(folder, 'list.txt'));
  expect(again.text).toBe('');
  expect(readFileSync(join(folder, 'list.txt'), 'utf8')).toBe(
    `getName  # read: GET /api/v2/external/names/{name}\n${text}`,
  );
});

describe('is refused', () => {
  it.each([
    [[], /^usage: kong-genesys-cloud routes/],
    [['--operations', 'getUsers', '--keep', 'all'], '--keep all: safe, model or none'],
    [['--operations', 'getUsers', '--name', 'a b'], '--name a b'],
    [['--operations', 'getUsers', '--shape', 'x'], '--shape x: NAME=SHAPE'],
    [['--operations', 'getUsers', '--region', 'mars'], '--region mars: one of'],
    [['--permission', 'a:b:c'], '--permission: the SDK purecloud-platform-client-v2'],
    [['--tag', 'Users', '--api', '/nowhere'], '/nowhere: cannot be read (ENOENT)'],
    [['--operations', '@/nowhere'], '/nowhere: cannot be read (ENOENT)'],
  ])('%j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
  });

  it('where there is neither a description nor an SDK', async () => {
    await expect(readApi(undefined, [folder])).rejects.toThrow(/--api FILE .*npm install purecloud-platform-client-v2/);
  });
});
