/** What a configuration lets through, and that its document says of an answer what the filter really leaves of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../plugins/genesys-response-filter/config.js';
import { PAGING_FIELDS } from '../../../plugins/genesys-response-filter/rule/filter.js';
import { parsePath } from '../../../plugins/genesys-response-filter/rule/path.js';
import { refusals, runRoutes } from '../../../test/support/routes.js';
import { readState } from '../../config-check/documents.js';
import { ROOT } from '../../testbed/plugin-server.js';
import { shapeAnswer } from './answer.js';
import { type Api, type Operation, resolve, type Schema } from './api.js';
import { type Exposure, exposedBy } from './exposure.js';
import { fieldsOf, skeletonOf } from './keep.js';
import { toOpenApi } from './openapi.js';
import { readApi } from './source.js';

const folder = mkdtempSync(join(tmpdir(), 'openapi-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let sdk: Api;
beforeAll(async () => {
  sdk = await readApi(undefined, [ROOT]);
});
const operation = (id: string): Operation => {
  const found = sdk.operations.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
};

const MOST_LEVELS = 6;

/** Makes a document by a schema: each field once, a list with one element. */
function example(schema: Schema, models: Api['models'], level = 0): unknown {
  const { type, items, additionalProperties, ...rest } = resolve(schema, models);
  if (items !== undefined) return level > MOST_LEVELS ? [] : [example(items, models, level + 1)];
  const fields = Object.entries(fieldsOf(rest, models));
  if (fields.length > 0 || type === 'object') {
    if (level > MOST_LEVELS) return {};
    const more = typeof additionalProperties === 'object' ? [['a key', additionalProperties] as const] : [];
    return Object.fromEntries([...fields, ...more].map(([name, one]) => [name, example(one, models, level + 1)]));
  }
  return type === 'boolean' ? true : type === 'number' ? 1 : 'x';
}

/** What the filter leaves of an answer, and what the document says of it. */
async function bothOf(id: string, rule: Record<string, unknown>, collection = 'entities') {
  const { answer } = operation(id);
  if (answer === undefined || answer === 'none') throw new Error(`${id} has no answer`);
  const [read] = readConfig({ rules: [rule], collection }).rules;
  const filtered = await read?.filter(Buffer.from(JSON.stringify(example(answer, sdk.models))));
  const { schema, remarks } = shapeAnswer(answer, { rule, collection }, sdk.models, parsePath, new Set(PAGING_FIELDS));
  // Texts of a template are made of several.
  const left = JSON.parse(String(filtered), (_, value) => (typeof value === 'string' ? 'x' : value));
  return { left, said: example(schema ?? {}, sdk.models), remarks };
}

describe('an answer', () => {
  it.each<[string, Record<string, unknown>, string?]>([
    ['getUsers', { keep: ['id', 'name', 'division.id', 'addresses[*].type'] }],
    ['getUser', { keep: ['id', 'division', 'addresses[0].type', 'images[*]'] }],
    ['getUser', { keep: ['id', 'manager.manager.id', 'primaryContactInfo'] }],
    ['getUsers', { remove: ['email', 'manager', 'division.name'] }],
    ['getUser', { keep: ['division', 'name'], remove: ['division.name'] }],
    ['getUsers', { keep: ['id', 'name', 'email'], rename: [{ from: 'name', to: 'label' }] }],
    ['getUser', { keep: ['id'], template: '{"user": "{{ id }}", "n": 1, "of": {"text": "user {{ id }}"}}' }],
    ['getUsers', { template: '{"name": "{{ name }}", "types": "{{ addresses[*].type }}", "list": ["{{ id }}"]}' }],
    ['getUserDirectreports', { keep: ['id', 'name'] }],
    ['postUsersSearch', { keep: ['id', 'name'] }, 'results'],
    ['postUsersSearch', { keep: ['total', 'results[*].id'] }],
    ['getConversation', { keep: ['id', 'participants[*].calls[*].state', 'participants[*].attributes'] }],
    ['getConversation', { keep: ['$'] }],
  ])('of %s is what is left by %j', async (id, rule, collection) => {
    const { left, said, remarks } = await bothOf(id, rule, collection);
    expect(said).toEqual(left);
    expect(remarks).toEqual([]);
  });

  it('of each operation is what is left by the rule that the command makes', async () => {
    const safeFields = new Set(['id', 'state', 'type', 'startTime', ...PAGING_FIELDS]);
    const wrong: string[] = [];
    let tried = 0;
    for (const [index, one] of sdk.operations.entries()) {
      // Each tenth is enough.
      const skeleton = index % 10 === 0 ? skeletonOf(one, sdk.models, { mode: 'safe', safeFields }) : undefined;
      if (skeleton === undefined) continue;
      tried += 1;
      const { left, said } = await bothOf(one.id, { keep: skeleton.keep });
      if (!isDeepStrictEqual(left, said)) wrong.push(one.id);
    }
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(150);
  });

  it('says what it cannot follow', async () => {
    const { remarks } = await bothOf('getUser', { keep: ['id'], remove: ['$..email'] });
    expect(remarks).toEqual(['The filter has remove: $..email, which this schema does not follow.']);
  });
});

describe('a configuration', () => {
  const exposures = (text: string): Exposure[] => exposedBy(sdk, [readState(text, 'kong.yml')], refusals);
  const ways = (found: readonly Exposure[], id: string) =>
    found.filter((one) => one.operation.id === id).map(({ clientPath, route, groups }) => [clientPath, route, groups]);

  it('that ships lets through what its tests say', () => {
    const found = exposures(readFileSync(join(ROOT, 'kong/kong.yml'), 'utf8'));
    const isRefused = refusals([]);
    const refused = sdk.operations.filter(({ method, path }) => isRefused(method, path));
    expect(refused.map(({ id }) => id)).toContain('deleteTokensMe');
    expect(sdk.operations.filter((one) => !found.some((other) => other.operation === one))).toEqual(refused);
    expect(ways(found, 'getUsers')).toEqual(
      expect.arrayContaining([
        ['/directory', 'genesys-cloud-directory', ['readers']],
        ['/agents', 'genesys-cloud-agents', ['readers']],
        ['/api/v2/users', 'genesys-cloud-reads', ['readers']],
        ['/api/api/v2/users', 'genesys-cloud-reads', ['readers']],
      ]),
    );
    expect(ways(found, 'getUser')).toContainEqual(['/directory/{userId}', 'genesys-cloud-directory', ['readers']]);
    expect(ways(found, 'getUser')).toContainEqual([
      '/api/v2/users/{userId}',
      'genesys-cloud-named-reads',
      ['readers', 'named'],
    ]);
    expect(ways(found, 'postUsersSearch')).toEqual([['/api/v2/users/search', 'genesys-cloud-queries', ['readers']]]);
    expect(ways(found, 'deleteUser')).toContainEqual(['/api/v2/users/{userId}', 'genesys-cloud-writes', ['writers']]);
  });

  it('that the command makes lets through what was chosen', async () => {
    const ids = ['getUsers', 'getUser', 'getAuthorizationDivision', 'postUsersSearch', 'patchUser', 'getScimV2Users'];
    for (const form of ['separate', 'combined']) {
      const found = exposures((await runRoutes('--operations', ids.join(), '--form', form)).text);
      expect(found.map((one) => one.operation.id).sort()).toEqual([...ids].sort());
      expect(found.every(({ filter }) => typeof filter === 'object')).toBe(true);
    }
  });

  it('is read as Kong reads it: routes and plugins anywhere, the more specific first', () => {
    const found = exposures(`
_format_version: "3.0"
services:
  - name: a
    url: https://api.mypurecloud.com/api/v2
    plugins: [{ name: genesys-response-filter, config: { rules: [{ paths: [/api/v2/users], keep: [name] }] } }]
routes:
  - { name: all, service: { name: a }, paths: [/gc/], methods: [GET] }
  - { name: closed, service: a, paths: ["~/gc/users/[^/]+$"], methods: [GET], regex_priority: 1,
      plugins: [{ name: request-termination, config: { status_code: 404 } }] }
  - { name: skills, service: a, paths: ["~/skills(/|$)"], methods: [GET], strip_path: false }
plugins:
  - { name: acl, route: all, config: { allow: [team] } }
  - { name: genesys-response-filter, route: all, consumer: x, config: { rules: [{ keep: [id] }] } }
`);
    expect(ways(found, 'getUsers')).toEqual([['/gc/users', 'all', ['team']]]);
    expect(ways(found, 'getUser')).toEqual([]);
    const filterOf = (id: string) => found.find((one) => one.operation.id === id)?.filter;
    expect(filterOf('getUsers')).toMatchObject({ rule: { keep: ['name'] }, collection: 'entities' });
    expect(filterOf('getRoutingQueues')).toBe('blocked');
  });
});

describe('the document', () => {
  it('has what is let through, and each model that is referred to', async () => {
    const ids = 'getUsers,patchUser,postUsersSearch,getAnalyticsConversationsDetails,deleteUser';
    const { text } = await runRoutes('--operations', ids);
    const found = exposedBy(sdk, [readState(text, 'kong.yml')], refusals);
    const document = toOpenApi(sdk, found, { readPath: parsePath, pagingFields: new Set(PAGING_FIELDS) });
    const written = JSON.stringify(document);
    const { schemas } = document.components as { schemas: object };
    const references = [...written.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect([...new Set(references)].sort()).toEqual(Object.keys(schemas).sort());
    expect(Object.keys(document.paths as object)).toEqual([
      '/api/v2/analytics/conversations/details',
      '/api/v2/users',
      '/api/v2/users/search',
      '/api/v2/users/{userId}',
    ]);
    expect(document).toMatchObject({
      openapi: '3.0.3',
      paths: {
        '/api/v2/users': { get: { operationId: 'getUsers', security: [{ key: [] }] } },
        '/api/v2/users/{userId}': {
          patch: {
            requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/UpdateUser' } } } },
            parameters: [{ name: 'userId', in: 'path', required: true }],
          },
          delete: { responses: { 200: { description: 'Success, without a body' } } },
        },
      },
      components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'apikey' } } },
    });
    const [, templates] = [0, [...written.matchAll(/"(\/api[^"]*)":\{/g)].map(([, path = '']) => path)];
    for (const path of templates)
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) expect(written).toContain(`"name":"${name}","in":"path"`);
  });
});

describe('the command', () => {
  const file = join(folder, 'kong.yml');
  beforeAll(async () => {
    writeFileSync(file, (await runRoutes('--operations', 'getUsers,getUser,patchUser')).text);
  });

  it('says what differs, and that nothing does', async () => {
    expect(await runRoutes('--operations', 'getUsers,getRoutingQueues,patchUser', '--diff', file)).toEqual({
      text: [
        '+ getRoutingQueues  # GET /api/v2/routing/queues\n',
        '- getUser  # GET /api/v2/users/{userId}, route exposed-reads\n',
      ].join(''),
      notes: [],
      exitCode: 1,
    });
    expect(await runRoutes('--operations', 'getUsers,getUser,patchUser', '--diff', file)).toMatchObject({
      text: '',
      exitCode: 0,
    });
  });

  it('writes the document, without a choice', async () => {
    const { text } = await runRoutes('--openapi', file);
    expect(Object.keys((JSON.parse(text) as { paths: object }).paths)).toEqual([
      '/api/v2/users',
      '/api/v2/users/{userId}',
    ]);
    await expect(runRoutes('--openapi', '/nowhere.yml')).rejects.toThrow('/nowhere.yml: cannot be read');
  });
});
