/**
 * The response filter end to end: what leaves the gateway of a page, of a single object, of what is compressed, large,
 * broken or no JSON; what the client gets when the plugin server dies in between; and configurations that are refused.
 * Everything that must not leave holds `SECRET`, so that one look tells.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import type { Stub } from '../../kong/testbed/genesys-cloud/index.js';
import { call, login } from '../../kong/testbed/genesys-cloud/testing.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type RawRequest, type RawResponse, rawRequest } from '../support/raw-request.js';
import { fieldOf, GATEWAY_KIND, KONG_ONLY, leftOut } from './gateway.js';
import { addToApi, type GenesysGateway, KEY, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

const FILTER = 'genesys-response-filter';
const SECRET = 'not-for-the-client';
const OTHER = { apikey: 'other-key' };
const PATH = '/api/v2/things/1';

let setup: GenesysGateway;
let uses = 0;

beforeAll(async () => {
  setup = await startGenesysGateway();
});
afterAll(() => setup?.close());
beforeEach(() => {
  const { control } = setup.genesys;
  control.clearFaults();
  control.clearStubs();
  control.reset();
});

type Plugins = KongConfig['services'][number]['routes'][number]['plugins'];

/** Puts the filter on the shipped route, and beside the development consumer a second one. */
async function useFilter(
  filter: Record<string, unknown>,
  edit: (config: KongConfig, plugins: Plugins) => void = () => {},
): Promise<void> {
  uses += 1;
  await setup.reconfigure((config) => {
    // A token of its own for each: what the token manager remembers of a 429 is of the token.
    tokenManagerConfig(config).scope = `use-${uses}`;
    const plugins = config.services[0]?.routes[0]?.plugins ?? [];
    addToApi(config, { name: FILTER, config: filter });
    const acls = [{ group: 'readers' }, { group: 'writers' }];
    config.consumers?.push({ username: 'svc-other', acls, keyauth_credentials: [{ key: OTHER.apikey }] });
    edit(config, plugins);
  });
}

const send = (path: string, { headers, ...request }: RawRequest = {}): Promise<RawResponse> =>
  rawRequest(`${setup.gateway.url}${path}`, { ...request, headers: { ...KEY, ...headers } });

const text = ({ body }: RawResponse): string => body.toString();

/** The service answers with this, to every request below the API's path or the one that the stub names. */
function serve(body: string | Buffer, stub: Partial<Stub> = {}): void {
  setup.genesys.control.stub({ path: '/api/v2/*', body: Buffer.from(body as string), ...stub });
}

const USER = `{"id":1,"name":"Ada","email":"${SECRET}"}`;
const KEEP_ID = { rules: [{ keep: ['id'] }] };

it('in report mode each answer is the one that it is without the filter', async () => {
  const exchanges: [path: string, stub: Partial<Stub>, body: string | Buffer][] = [
    ['/api/v2/things/1', {}, USER],
    ['/api/v2/things/2', { headers: { 'Content-Encoding': 'gzip' } }, gzipSync(USER)],
    ['/api/v2/things/3', {}, '{"broken":'],
    ['/api/v2/things/4', { status: 500 }, '{"message":"no","secret":1}'],
    ['/api/v2/things/5', { headers: { 'Content-Type': 'text/plain' } }, 'no JSON'],
    ['/api/v2/things/6', {}, `{"id":1,"long":"${'x'.repeat(3_000_000)}"}`],
    ['/api/v2/things/7', { status: 204 }, ''],
  ];
  const seen = async () => {
    const answers = [];
    for (const [path, stub, body] of exchanges) {
      setup.genesys.control.clearStubs();
      serve(body, { path, ...stub });
      const { status, headers, body: received } = await send(path);
      // Kong itself takes the type away from a buffered answer without a body.
      const type = body.length === 0 ? [] : ['content-type'];
      const names = [...type, 'content-encoding', 'x-gateway-response', 'cache-control', 'retry-after'];
      answers.push({ status, headers: names.map((name) => headers[name]), body: received.toString('base64') });
    }
    return answers;
  };
  await useFilter({ rules: [{ keep: ['id'] }] }, (config) => {
    for (const route of config.services.flatMap(({ routes }) => routes)) {
      route.plugins = route.plugins.filter(({ name }) => name !== FILTER);
    }
  });
  const without = await seen();
  await useFilter({ mode: 'report', ...KEEP_ID });
  expect(await seen()).toEqual(without);
});

/** How many lines of the gateway's log say this. */
const logged = (what: string): number => setup.gateway.log().split(what).length - 1;

/** Waits until the log says why a response was withheld, since `before`. */
const expectReason = (reason: string, before: number): Promise<true> =>
  waitFor(`the log to say "${reason}"`, () => logged(reason) > before && true);

function expectBlocked(response: RawResponse, status: number): void {
  expect(response.status).toBe(status);
  expect(response.headers).toMatchObject({
    'x-gateway-response': 'blocked',
    'cache-control': 'no-store',
    'content-type': 'application/json; charset=utf-8',
  });
  expect(JSON.parse(text(response))).toEqual({
    message: expect.any(String),
    code: 'gateway.response.blocked',
    status,
    contextId: response.headers['x-kong-request-id'],
    details: [],
    errors: [],
  });
}

interface Page {
  entities: Record<string, unknown>[];
}

/** The simulator's own page, as it would leave without the gateway. */
async function servicePage(path: string): Promise<string> {
  const response = await call(setup.genesys, await login(setup.genesys), path);
  return response.text();
}

describe('a page of users', () => {
  const path = '/api/v2/users?pageSize=50&pageNumber=2';
  const rules = [{ methods: ['GET'], paths: ['/api/v2/users'], keep: ['id', 'name', 'email'] }];

  it('leaves with id, name and email of each user and where the page lies, byte for byte as Genesys sent them', async () => {
    await useFilter({ rules });
    const source = await servicePage(path);
    const page = JSON.parse(source) as Page;
    // The simulator writes with JSON.stringify, so that what is left of the parsed page has the bytes of the source.
    const kept = page.entities.map((user) =>
      Object.fromEntries(Object.entries(user).filter(([key]) => ['id', 'name', 'email'].includes(key))),
    );
    const response = await send(path);
    expect(response.status).toBe(200);
    expect(text(response)).toBe(JSON.stringify({ ...page, entities: kept }));
    expect(kept).toHaveLength(50);
    expect(page).toMatchObject({ pageNumber: 2, total: 1000 });
    expect(response.headers['content-length']).toBe(String(response.body.length));
    expect(response.body.length).toBeLessThan(source.length / 4);
  });

  it('takes the form of a template, with types kept and null for what is not there', async () => {
    const template = {
      user: '{{ id }}',
      label: '{{ name }} <{{ email }}>',
      version: '{{ version }}',
      gone: '{{ no }}',
    };
    await useFilter({ rules: [{ template: JSON.stringify(template) }] });
    const page = JSON.parse(await servicePage(path)) as Page;
    const { entities } = JSON.parse(text(await send(path))) as Page;
    expect(entities).toEqual(
      page.entities.map(({ id, name, email, version }) => ({
        user: id,
        label: `${String(name)} <${String(email)}>`,
        version,
        gone: null,
      })),
    );
  });

  it('has other fields for a consumer who has the plugin too', async () => {
    await useFilter({ rules }, (config) => {
      const other = { rules: [{ keep: ['id', 'title'] }] };
      config.plugins = [{ name: FILTER, consumer: 'svc-other', route: 'genesys-cloud-reads', config: other }];
    });
    const keysFor = async (headers: Record<string, string>): Promise<string[]> => {
      const { entities } = JSON.parse(text(await send(path, { headers }))) as Page;
      return [...new Set(entities.flatMap((user) => Object.keys(user)))];
    };
    expect(await keysFor(KEY)).toEqual(['id', 'name', 'email']);
    expect(await keysFor(OTHER)).toEqual(['id', 'title']);
    expect(await keysFor(KEY)).toEqual(['id', 'name', 'email']);
  });

  it('leaves the directory that ships with id, name and email, and nothing else leaves there', async () => {
    await setup.reconfigure(() => {});
    const page = JSON.parse(await servicePage('/api/v2/users?pageSize=3')) as Page;
    const users = page.entities.map(({ id, name, email }) => ({ id, name, email }));
    expect(JSON.parse(text(await send('/directory?pageSize=3')))).toEqual({
      // Links stay on the route.
      ...JSON.parse(JSON.stringify(page).replaceAll('"/api/v2/users?', '"/directory?')),
      entities: users,
    });
    expect(JSON.parse(text(await send(`/directory/${String(users[0]?.id)}`)))).toEqual(users[0]);
    serve(USER);
    expectBlocked(await send('/directory/1/queues'), 502);
    expect((await send('/directory', { method: 'POST', body: '{}' })).status).toBe(404);
  });

  it("is read by Genesys' own SDK without error, page after page", async () => {
    await useFilter({
      rules: [{ paths: ['/api/v2/users', '/api/v2/users/{id}'], keep: ['id', 'name', 'email'] }],
    });
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's CommonJS entry has other types than what it exports.
    const sdk = createRequire(import.meta.url)('purecloud-platform-client-v2') as any;
    const { hostname, port } = new URL(setup.gateway.url);
    const client = sdk.ApiClient.instance;
    client.setGateway({ host: hostname, protocol: 'http', port: Number(port) });
    Object.assign(client.defaultHeaders ?? {}, KEY);
    client.setAccessToken('the gateway replaces this');
    const users = new sdk.UsersApi();
    const ids = new Set<string>();
    for (let pageNumber = 1; pageNumber <= 10; pageNumber += 1) {
      const page = await users.getUsers({ pageSize: 100, pageNumber });
      expect(page).toMatchObject({ pageNumber, total: 1000 });
      for (const user of page.entities) {
        expect(Object.keys(user)).toEqual(['id', 'name', 'email']);
        ids.add(user.id);
      }
    }
    expect(ids.size).toBe(1000);
    const [id] = ids;
    const user = await users.getUser(id);
    expect(user).toEqual({ id, name: expect.any(String), email: expect.any(String) });
    const failure = await users.getUser('no-such-user').catch((error: unknown) => error);
    expect(failure).toMatchObject({ status: 404, code: 'not.found', errors: [] });
  });
});

describe('a body', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('that the service compressed with %s leaves filtered and plain', async (encoding, compress) => {
    await useFilter(KEEP_ID);
    for (const users of [1, 2000]) {
      serve(compress(`{"entities":[${Array(users).fill(USER).join(',')}]}`), {
        headers: { 'Content-Encoding': encoding },
      });
      const response = await send(PATH, { headers: { 'Accept-Encoding': encoding } });
      expect(response.headers).not.toHaveProperty('content-encoding');
      expect(text(response)).toBe(`{"entities":[${Array(users).fill('{"id":1}').join(',')}]}`);
    }
  });

  it.each(['zstd2', 'compress', 'gzip, br'])('in the encoding %s does not leave', async (encoding) => {
    await useFilter(KEEP_ID);
    serve(USER, { headers: { 'Content-Encoding': encoding } });
    const response = await send(PATH);
    expectBlocked(response, 502);
    expect(response.headers).not.toHaveProperty('content-encoding');
  });

  it('of 10 MB leaves filtered, and of one byte more does not', async () => {
    await useFilter({ rules: [{ keep: ['id', 'name', 'email'] }] });
    const bytes = 10 * 1024 * 1024;
    const path = '/api/v2/large';
    setup.genesys.control.stub({ path, bodyBytes: bytes });
    const source = JSON.parse(await servicePage(path)) as Page;
    const filtered = JSON.parse(text(await send(path))) as Page;
    expect(Object.keys(filtered)).toEqual(['entities']);
    expect(filtered.entities).toEqual(source.entities.map(({ id, name, email }) => ({ id, name, email })));
    expect(filtered.entities.length).toBeGreaterThan(9000);
    setup.genesys.control.stub({ path, bodyBytes: bytes + 1 });
    const before = logged('its body is of more than 10485760 bytes');
    expectBlocked(await send(path), 502);
    await expectReason('its body is of more than 10485760 bytes', before);
  });

  it('of 10 MB is never on a disk, and leaves filtered when none can be written', unless(KONG_ONLY), async () => {
    await useFilter({ rules: [{ keep: ['id'] }] });
    setup.genesys.control.stub({ path: PATH, bodyBytes: 10 * 1024 * 1024 });
    const [temporary, aside] = ['proxy_temp', 'aside'].map((name) => join(setup.gateway.folder ?? '', name));
    if (temporary === undefined || aside === undefined) throw new Error('Kong has no folder here');
    renameSync(temporary, aside);
    // In the place of the folder, so that no file can be made there: nginx sees an error, as on a full disk.
    writeFileSync(temporary, '');
    try {
      const { entities } = JSON.parse(text(await send(PATH))) as Page;
      expect(entities.length).toBeGreaterThan(9000);
      expect(logged('temporary file') + logged(temporary)).toBe(0);
    } finally {
      rmSync(temporary);
      renameSync(aside, temporary);
    }
  });

  it('keeps its numbers digit for digit, its escapes and the order of its keys', async () => {
    await useFilter({ rules: [{ remove: ['email'] }] });
    const values = [
      '"big":9223372036854775807',
      '"id":9007199254740993',
      '"price":1.10',
      '"tiny":1E-400',
      '"name":"\\u0041da \\/ \\ud83d\\ude00 Zoë"',
    ];
    serve(`{ "email": "${SECRET}", ${values.join(' ,\n')} }`);
    const body = text(await send(PATH));
    const positions = values.map((value) => body.indexOf(value));
    expect(positions).not.toContain(-1);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(body).not.toContain(SECRET);
  });

  it('that changes loses the headers that described it, and one that does not change keeps them', async () => {
    const headers = {
      ETag: '"1"',
      'Content-MD5': 'eA==',
      Digest: 'sha-256=eA==',
      'Accept-Ranges': 'bytes',
      'X-Of': 'service',
    };
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    await useFilter({
      rules: [
        { paths: ['/api/v2/whole'], keep: ['$'] },
        { keep: ['id'], remove_headers: ['x-of'] },
      ],
    });
    serve(USER, { headers });
    expect(Object.keys((await send('/api/v2/whole')).headers)).toEqual(expect.arrayContaining(names));
    const response = await send(PATH);
    expect(text(response)).toBe('{"id":1}');
    expect(Object.keys(response.headers).filter((name) => names.includes(name))).toEqual([]);
    expect(response.headers['content-length']).toBe('8');
  });

  it('that is empty passes: of HEAD, 204 and 304', async () => {
    await useFilter(KEEP_ID);
    serve(USER, { headers: { ETag: '"1"' } });
    const head = await send(PATH, { method: 'HEAD' });
    expect([head.status, head.body.length, head.headers['x-gateway-response']]).toEqual([200, 0, undefined]);
    for (const status of [204, 304]) {
      setup.genesys.control.stub({ path: '/api/v2/*', status, headers: { ETag: '"1"' } });
      const response = await send(PATH, { headers: { 'If-None-Match': '"1"' } });
      expect([response.status, response.body.length, response.headers.etag]).toEqual([status, 0, '"1"']);
    }
  });
});

describe('what cannot be filtered', () => {
  const BROKEN = `{"id":1,"email":"${SECRET}"`;

  it.each<[string, string | Buffer, Record<string, string>, string]>([
    ['that breaks off', BROKEN, {}, 'its body is not JSON'],
    ['with something behind it', `${USER}${USER}`, {}, 'its body is not JSON'],
    ['that is not UTF-8', Buffer.from(`{"id":1,"name":"\xff${SECRET}"}`, 'latin1'), {}, 'its body is not UTF-8'],
    [
      'whose gzip is cut',
      gzipSync(USER).subarray(0, -9),
      { 'Content-Encoding': 'gzip' },
      'its body is not decompressed',
    ],
    ['that is no JSON', SECRET, { 'Content-Type': 'text/plain' }, 'its type is not JSON'],
    ['that is a part', USER, { 'Content-Type': 'application/json' }, 'its body is a part'],
  ])('a body %s: 502, nothing of it in the answer or the log', async (what, body, headers, reason) => {
    await useFilter(KEEP_ID);
    serve(body, { headers: { ETag: `"${SECRET}"`, ...headers }, status: what === 'that is a part' ? 206 : 200 });
    const before = logged(`a response is blocked: ${reason}`);
    const response = await send(PATH);
    expectBlocked(response, 502);
    expect(JSON.stringify(response.headers)).not.toContain(SECRET);
    await expectReason(`a response is blocked: ${reason}`, before);
    expect(setup.gateway.log()).not.toContain(SECRET);
  });

  it('of a write keeps the status of the service, since the service has acted', async () => {
    await useFilter(KEEP_ID);
    for (const [method, status] of [
      ['POST', 201],
      ['PUT', 200],
      ['PATCH', 202],
      ['DELETE', 200],
    ] as const) {
      serve(BROKEN, { status });
      expectBlocked(await send(PATH, { method, body: '{}' }), status);
    }
  });

  it('of an error keeps its status', async () => {
    await useFilter(KEEP_ID);
    serve(`<html>${SECRET}</html>`, { status: 503, headers: { 'Content-Type': 'text/html', 'Retry-After': '7' } });
    const response = await send(PATH);
    expectBlocked(response, 503);
    expect(response.headers['retry-after']).toBe('7');
  });

  it('breaks off on the way from the service: the client gets words of Kong in its place', async () => {
    await useFilter(KEEP_ID);
    setup.genesys.control.setFault('api', { dropMidBody: true });
    for (const [method, status] of [
      ['GET', 200],
      ['POST', 201],
    ] as const) {
      serve(USER.padEnd(100_000), { status });
      const response = await send(PATH, { method });
      expect([response.status, text(response).split('\n')[0]]).toEqual([
        status,
        `The upstream server responded with ${status}`,
      ]);
      expect(text(response)).not.toContain(SECRET);
    }
  });

  it("comes from no service: Kong's own error leaves as it is", async () => {
    await useFilter(KEEP_ID, (config) => {
      for (const service of config.services) service.url = 'http://127.0.0.1:9';
    });
    const response = await send(PATH, { headers: { Accept: 'application/json' } });
    expect(response.status).toBe(502);
    expect(JSON.parse(text(response))).toMatchObject({ message: expect.stringContaining('An invalid response') });
  });

  it('has no rule', async () => {
    await useFilter({ rules: [{ paths: ['/api/v2/users'], keep: ['id'] }] });
    serve(USER);
    const before = logged('no rule matches it');
    expectBlocked(await send(PATH), 502);
    await expectReason('no rule matches it', before);
    await useFilter({ on_no_match: 'pass', rules: [{ paths: ['/api/v2/users'], keep: ['id'] }] });
    expect(text(await send(PATH))).toBe(USER);
    expect(text(await send('/api/v2/users'))).toBe('{"id":1}');
  });
});

describe('an error of the service', () => {
  it.each([400, 404, 409, 429, 500, 503])("%i leaves with the fields of Genesys' error body alone", async (status) => {
    await useFilter(KEEP_ID);
    const error = { message: 'No.', code: 'not.found', status, contextId: 'c', details: [], errors: [] };
    const detail = { errorCode: 'a', fieldName: 'b', entityId: 'c', entityName: SECRET };
    serve(JSON.stringify({ ...error, details: [detail], user: { email: SECRET }, messageParams: { name: SECRET } }), {
      status,
      headers: { 'Retry-After': '3' },
    });
    const response = await send(PATH);
    expect([response.status, response.headers['retry-after']]).toEqual([status, '3']);
    const { entityName: _, ...kept } = detail;
    expect(JSON.parse(text(response))).toEqual({ ...error, details: [kept] });
  });
});

describe('a rule for a path', () => {
  it('holds however the path is written', async () => {
    await useFilter({ rules: [{ paths: ['/api/v2/users/*'], keep: ['id'] }, { keep: ['$'] }] }, (config) => {
      const [service] = config.services;
      const route = structuredClone(service?.routes[0]);
      if (route === undefined) throw new Error('no route');
      service?.routes.push({ ...route, name: 'second', paths: ['/second'], strip_path: true } as typeof route);
    });
    serve(USER);
    expect(text(await send('/api/v2/groups/1'))).toBe(USER);
    for (const path of [
      '/users/1',
      '//users/1',
      '/users//1/',
      '/%75sers/1',
      '/%75%73%65%72%73/1?x=/api/v2/groups',
      '/./users/1',
      '/groups/../users/1',
      '/groups/%2e%2e/users/1',
      '/users/1/%2e',
      '/users/1%3Fx',
    ]) {
      for (const prefix of ['/api/v2', '/second']) {
        expect([prefix, path, text(await send(`${prefix}${path}`))]).toEqual([prefix, path, '{"id":1}']);
      }
    }
    for (const path of ['/groups%2F..%2Fusers/1', '/users%2F1', '/groups/..;/users/1']) {
      for (const prefix of ['/api/v2', '/second']) {
        expect([prefix, path, (await send(`${prefix}${path}`)).status]).toEqual([prefix, path, 400]);
      }
    }
  });
});

describe('a rule for a method', () => {
  const rules = [{ methods: ['GET', 'HEAD'], keep: ['id'] }, { keep: ['id', 'name'] }];
  /** The routes that ship name their methods: there, no other reaches a plugin. */
  const anyMethod = (config: KongConfig): void => {
    for (const route of config.services.slice(0, 1).flatMap(({ routes }) => routes)) delete route.methods;
  };

  it.each(['FOO', 'GETX', 'BIND', 'QUERY', 'M-SEARCH'])(
    'GET holds for %s, which Kong sends to the service as GET',
    async (method) => {
      await useFilter({ rules }, anyMethod);
      serve(USER);
      const response = await send(PATH, { method });
      expect([response.status, text(response)]).toEqual([200, '{"id":1}']);
      expect(setup.genesys.control.requests({ kind: 'api' })).toMatchObject([{ method: 'GET' }]);
    },
  );

  it.each(['PROPFIND', 'POST', 'OPTIONS'])('GET does not hold for %s', async (method) => {
    await useFilter({ rules }, anyMethod);
    serve(USER);
    expect(text(await send(PATH, { method }))).toBe('{"id":1,"name":"Ada"}');
    expect(setup.genesys.control.requests({ kind: 'api' })).toMatchObject([{ method }]);
  });

  it('is not asked for TRACE, which nginx refuses', async () => {
    await useFilter({ rules });
    serve(USER);
    expect((await send(PATH, { method: 'TRACE' })).status).toBe(405);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  });
});

describe('a request for another protocol', () => {
  const upgrades: Record<string, string>[] = [
    { Upgrade: 'websocket' },
    { Upgrade: 'WebSocket', Connection: 'keep-alive, Upgrade' },
    { Upgrade: 'websocket', Connection: 'close' },
  ];

  async function expectRefused(): Promise<void> {
    for (const headers of upgrades) {
      const response = await send(PATH, { headers });
      expect(response.status).toBe(400);
      expect(JSON.parse(text(response))).toMatchObject({ code: 'gateway.response.blocked', status: 400 });
    }
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  }

  it('is refused before it reaches the service, since Kong would not buffer its answer', async () => {
    await useFilter(KEEP_ID);
    serve(USER);
    await expectRefused();
  });

  it.each(['h2c', 'TLS/1.0, HTTP/1.1'])('that Kong does not take up (%s) is answered filtered', async (protocol) => {
    await useFilter(KEEP_ID);
    serve(USER);
    expect(text(await send(PATH, { headers: { Upgrade: protocol } }))).toBe('{"id":1}');
  });

  it(
    'is refused with proxy-cache on the route too, whose hits are filtered',
    unless(leftOut('proxy-cache')),
    async () => {
      await useFilter(KEEP_ID, (_config, plugins) => {
        plugins.push({ name: 'proxy-cache', config: { strategy: 'memory', content_type: ['application/json'] } });
      });
      serve(USER);
      await expectRefused();
      for (const cached of ['Miss', 'Hit', 'Hit']) {
        const response = await send(PATH);
        expect([response.headers['x-cache-status'], text(response)]).toEqual([cached, '{"id":1}']);
        await rawRequest(`${setup.gateway.url}${PATH}`, { headers: { ...KEY, Upgrade: 'websocket' } });
      }
    },
  );
});

describe(
  'the plugin server',
  unless(GATEWAY_KIND === 'docker' ? 'signals do not reach into a container' : undefined),
  () => {
    const pid = (): number => {
      const found = setup.gateway.pluginServerPid(FILTER);
      if (found === undefined) throw new Error('no plugin server runs');
      return found;
    };

    /** A request that is at the service, which does not answer before the faults are cleared. */
    async function requestInFlight(
      method = 'GET',
    ): Promise<{ answer: Promise<RawResponse>; isAnswered: () => boolean }> {
      serve(USER);
      await waitFor('a filtered answer', async () => {
        const response = await send(PATH);
        return response.status === 200 && text(response) === '{"id":1}';
      });
      setup.genesys.control.reset();
      setup.genesys.control.setFault('api', { hang: true });
      let answered = false;
      const answer = send(PATH, { method, onHead: () => (answered = true) });
      await setup.genesys.control.waitFor(({ apiRequests }) => apiRequests === 1, 5000);
      return { answer, isAnswered: () => answered };
    }

    const serviceHasAnswered = () => setup.genesys.control.waitFor(({ inFlight }) => inFlight === 0, 5000);

    /** Kong starts the server again within a second, so that the answer may be the filtered one. */
    function expectNothingUnfiltered(response: RawResponse): void {
      expect([200, 500]).toContain(response.status);
      if (response.status === 200) expect(text(response)).toBe('{"id":1}');
      else expect(text(response)).toContain('An unexpected error occurred');
      expect(JSON.stringify(response.headers) + text(response)).not.toContain(SECRET);
    }

    it.each(['GET', 'POST'])(
      'killed between access and response of a %s: nothing unfiltered leaves',
      async (method) => {
        await useFilter(KEEP_ID);
        for (let run = 0; run < 3; run += 1) {
          const { answer } = await requestInFlight(method);
          process.kill(pid(), 'SIGKILL');
          setup.genesys.control.clearFaults();
          expectNothingUnfiltered(await answer);
        }
      },
    );

    it('stopped between access and response: the client waits, and gets the filtered body when it goes on', async () => {
      await useFilter(KEEP_ID);
      const { answer, isAnswered } = await requestInFlight();
      const stopped = pid();
      process.kill(stopped, 'SIGSTOP');
      try {
        setup.genesys.control.clearFaults();
        await serviceHasAnswered();
        // A gateway that lets it through would do so at once.
        await expect(waitFor('an answer', isAnswered, 1000)).rejects.toThrow('in vain');
      } finally {
        process.kill(stopped, 'SIGCONT');
      }
      expect(await answer).toMatchObject({ status: 200, body: Buffer.from('{"id":1}') });
    });

    it('stopped and then killed: nothing unfiltered leaves', async () => {
      await useFilter(KEEP_ID);
      const { answer } = await requestInFlight();
      const stopped = pid();
      process.kill(stopped, 'SIGSTOP');
      try {
        setup.genesys.control.clearFaults();
        await serviceHasAnswered();
      } finally {
        process.kill(stopped, 'SIGKILL');
      }
      expectNothingUnfiltered(await answer);
    });

    it('killed under load of 16 connections lets no unfiltered byte out, and is back by itself', async () => {
      await useFilter(KEEP_ID);
      serve(`{"entities":[${Array(500).fill(USER).join(',')}]}`);
      const filtered = `{"entities":[${Array(500).fill('{"id":1}').join(',')}]}`;
      const seen = { filtered: 0, failed: 0, other: [] as string[] };
      let stop = false;
      const load = Array.from({ length: 16 }, async () => {
        while (!stop) {
          const response = await send(PATH);
          const body = text(response);
          if (response.status === 200 && body === filtered) seen.filtered += 1;
          else if (response.status === 500 && body.includes('An unexpected error occurred')) seen.failed += 1;
          else seen.other.push(`${response.status} ${body.slice(0, 300)}`);
        }
      });
      const moreAnswers = (): Promise<boolean> => {
        const enough = seen.filtered + 200;
        return waitFor('200 filtered answers', () => seen.filtered > enough, 20_000);
      };
      try {
        for (let kill = 0; kill < 3; kill += 1) {
          await moreAnswers();
          process.kill(pid(), 'SIGKILL');
        }
        await moreAnswers();
      } finally {
        stop = true;
        await Promise.all(load);
      }
      expect(seen.other).toEqual([]);
      expect(seen.failed).toBeGreaterThan(0);
    }, 120_000);
  },
);

describe('a configuration', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['without rules', {}, /rules[\s\S]*required/],
    ['of no rule', { rules: [] }, /rules[\s\S]*length/],
    ['with an empty keep', { rules: [{ keep: [] }] }, /keep[\s\S]*length/],
    ['with a method that is none', { rules: [{ methods: ['get'], keep: ['id'] }] }, /methods[\s\S]*expected one of/],
    ['with a path without a slash', { rules: [{ paths: ['users'], keep: ['id'] }] }, /paths[\s\S]*should start with/],
    ['with a status out of range', { rules: [{ statuses: [99], keep: ['id'] }] }, /statuses[\s\S]*between/],
    ['with a rename to nothing', { rules: [{ rename: [{ from: 'a' }] }] }, /to[\s\S]*required/],
    ['with on_error: maybe', { ...KEEP_ID, on_error: 'maybe' }, /on_error[\s\S]*expected one of/],
    ['with a limit of 10 bytes', { ...KEEP_ID, max_body_bytes: 10 }, /max_body_bytes[\s\S]*between/],
    ['with an unknown field', { rules: [{ keep: ['id'], keeps: ['name'] }] }, /keeps[\s\S]*unknown field/],
  ])('%s is refused when it is written', async (_what, filter, reason) => {
    await expect(useFilter(filter)).rejects.toThrow(reason);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a rule that says nothing', { rules: [{ methods: ['GET'] }] }, 'rules[0] needs keep'],
    ['a path that is none', { rules: [{ keep: ['id', 'a..b'] }] }, 'rules[0].keep[1]'],
    ['code in a JSONPath', { rules: [{ keep: ['$[?(@.a)]'] }] }, 'rules[0].keep[0]'],
    ['a template that is no JSON', { rules: [KEEP_ID.rules[0], { template: '{' }] }, 'rules[1].template'],
    [
      'a rename beside a template',
      { rules: [{ rename: [{ from: 'a', to: 'b' }], template: '{}' }] },
      'rules[0].rename',
    ],
    ['a collection of elements', { ...KEEP_ID, collection: 'a[0]' }, 'collection'],
    [
      'a header that the client needs',
      { rules: [{ keep: ['id'], remove_headers: ['Content-Type'] }] },
      'rules[0].remove_headers[0]',
    ],
  ])('with %s fails closed when an instance starts, with the field in the log', async (_what, filter, path) => {
    const field = fieldOf('response_filter', path);
    await useFilter(filter);
    serve(USER);
    const before = logged(field);
    const response = await send(PATH);
    expect(response.status).toBe(500);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    await expectReason(field, before);
  });
});
