/**
 * `kong-genesys-cloud routes` on a gateway: the chosen operations of Genesys' API pass, and every other one that its SDK
 * knows is 404, however its path is written.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Api, Operation } from '../../kong/install/routes/api.js';
import { readApi } from '../../kong/install/routes/source.js';
import { developmentConfig, developmentEnv, type KongConfig } from '../../kong/testbed/development-config.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { createRefusals, isRefused } from '../../plugins/genesys-token-manager/own-token.js';
import { rawRequest } from '../support/raw-request.js';
import { runRoutes } from '../support/routes.js';
import { type Gateway, startGateway } from './gateway.js';
import { KEY } from './genesys-gateway.js';

const AT_ONCE = 16;
const ID = '0b5d6a7e-1000-4000-8000-000000000001';

let api: Api;
let genesys: GenesysCloud;
let gateway: Gateway;

/** Makes a configuration by the command, for the simulator; without what counts, when thousands of requests are sent. */
async function made(args: readonly string[], isSwept = true): Promise<KongConfig> {
  const { text } = await runRoutes(...args);
  const destination = { kind: 'simulator', url: genesys.url, tokenUrl: genesys.tokenUrl } as const;
  const config = developmentConfig(destination, undefined, parse(text, { merge: true }) as KongConfig);
  const leftOut = ['genesys-pii-log', ...(isSwept ? ['genesys-quota'] : [])];
  for (const route of config.services.flatMap((service) => service.routes)) {
    route.plugins = route.plugins.filter(({ name }) => !leftOut.some((one) => name.startsWith(one)));
  }
  if (isSwept) for (const consumer of config.consumers ?? []) delete consumer.plugins;
  return config;
}

const TAGS = ['Routing', 'Users', 'Analytics', 'Architect', 'External Contacts', 'Authorization'];
const sweep = ['--keep', 'none', '--tag', TAGS.join(',')];

beforeAll(async () => {
  api = await readApi(undefined, [ROOT]);
  genesys = await startGenesysCloud({ rateLimitPerMinute: 0 });
  genesys.control.stub({ path: '/api/v2/*', body: Buffer.from('{}') });
  gateway = await startGateway({
    config: await made(sweep),
    plugins: PLUGINS,
    env: {
      ...developmentEnv(),
      GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
      GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
    },
  });
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await genesys?.close();
});

/** Sends each, and returns their statuses. */
async function statusesOf(targets: readonly { method: string; path: string }[]): Promise<Map<string, number>> {
  const left = [...targets];
  const statuses = new Map<string, number>();
  const send = async (): Promise<void> => {
    for (let target = left.pop(); target !== undefined; target = left.pop()) {
      const { method, path } = target;
      const body = ['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method) ? {} : { body: '{}' };
      const headers = { ...KEY, 'Content-Type': 'application/json' };
      const response = await fetch(`${gateway.url}${path}`, { method, headers, ...body });
      await response.arrayBuffer();
      statuses.set(`${method} ${path}`, response.status);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  return statuses;
}

/** An operation with ids in its path that look like Genesys'. */
function concrete({ method, path, parameters }: Operation, text = 'some.thing'): { method: string; path: string } {
  const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const { schema, description = '' } = parameters.find((one) => one.name === name) ?? {};
    if (schema?.type === 'number') return '7';
    if (/yyyy-MM-dd/.test(description)) return '2026-11-28';
    return /Id$/.test(name) ? ID : text;
  });
  return { method, path: filled };
}

const plain = (text: string): string => text.replace(/\W/g, '').toLowerCase();
const isChosen = ({ tags }: Operation): boolean => tags.some((tag) => TAGS.some((one) => plain(one) === plain(tag)));
/** What genesys-token-manager refuses whoever asks: it acts on the token that all share. */
const refusals = createRefusals([]);
const isOwn = ({ method, path }: Operation): boolean => isRefused(refusals.on(path), method);

/** Returns what is not as expected. */
async function unexpected(operations: readonly Operation[], expected: (one: Operation) => number) {
  const targets = operations.map((operation) => ({ ...concrete(operation), operation }));
  const statuses = await statusesOf(targets);
  return targets.flatMap(({ method, path, operation }) => {
    const status = statuses.get(`${method} ${path}`);
    const right = isOwn(operation) && expected(operation) === 200 ? 403 : expected(operation);
    return status === right ? [] : [`${method} ${path}: ${status}, not ${right} (${operation.id})`];
  });
}

it('what is chosen passes, and every other operation is 404', async () => {
  expect(api.operations.length).toBeGreaterThan(3000);
  expect(api.operations.filter(isChosen).length).toBeGreaterThan(700);
  genesys.control.reset();
  expect(await unexpected(api.operations, (operation) => (isChosen(operation) ? 200 : 404))).toEqual([]);
  const chosen = api.operations.filter((one) => isChosen(one) && !isOwn(one));
  expect(genesys.control.counts().apiRequests).toBe(chosen.length);
}, 240_000);

it('no spelling of a path leads to what is not chosen', async () => {
  genesys.control.reset();
  const tricks = [
    '/api/v2/users/../oauth/clients',
    `/api/v2/users/${ID}/../../oauth/clients`,
    '/api/v2/users/%2e%2e/oauth/clients',
    '/api/v2/users/%2E%2E/oauth/clients',
    '/api/v2/users/..%2foauth/clients',
    '/api/v2/users/..;/oauth/clients',
    `/api/v2/users/${ID}%2f..%2f..%2foauth%2fclients`,
    `/api/v2/users/${ID};/../../oauth/clients`,
    '/api/v2/users/..%5coauth/clients',
    '/api/v2/users\\..\\oauth\\clients',
    '/api/v2/users/..%252foauth/clients',
    '/api/v2/architect/prompts/..%2f..%2foauth%2fclients',
    '/api/v2/architect/prompts/%2e%2e%2f%2e%2e%2foauth',
    '/api/v2/architect/prompts/a%00',
    '/api/v2/architect/prompts/a%0a',
    '/api/v2/users%0a',
    '/api/v2/users%20',
    '/api/v2/users/',
    '/api/v2//oauth/clients',
    '/api/v2/Users',
    '/API/v2/users',
    '/api/v2/usersx',
    '/x/api/v2/users',
    '/api/api/v2/users',
    '/api/v2',
    '/',
    '/oauth/token',
    '/directory',
    `/api/v2/users/${ID}x`,
    `/api/v2/users/${ID}/x`,
    '/api/v2/users/self',
  ];
  for (const path of tricks) {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status } = await rawRequest(`${gateway.url}${path}`, { method, headers: { ...KEY, Host: 'gateway' } });
      expect([400, 404], `${method} ${path}: ${status}`).toContain(status);
    }
  }
  for (const method of ['OPTIONS', 'TRACE', 'FOO']) {
    const { status } = await rawRequest(`${gateway.url}/api/v2/users`, { method, headers: KEY });
    expect([400, 404, 405], `${method}: ${status}`).toContain(status);
  }
  expect(genesys.control.requests({ kind: 'api' })).toEqual([]);
});

it('a path that is written otherwise, and means a chosen operation, is that one', async () => {
  genesys.control.reset();
  for (const path of ['/api/v2/%75sers', '/api/./v2/users', '/api/v2/oauth/../users', '/api//v2/users']) {
    expect((await rawRequest(`${gateway.url}${path}`, { headers: KEY })).status, path).toBe(200);
  }
  const received = genesys.control.requests({ kind: 'api' }).map(({ path }) => path);
  expect([...new Set(received)]).toEqual(['/api/v2/users']);
});

it('names and codes in a path may hold what Genesys takes', async () => {
  for (const name of ['hold%20music', 'a%40b.example', 'x.y', 'caf%C3%A9', 'a:b', 'A%3AB']) {
    const { status } = await rawRequest(`${gateway.url}/api/v2/architect/prompts/${name}`, { headers: KEY });
    expect(status, name).toBe(200);
  }
});

describe('one operation alone', () => {
  it('with a name in its path leaves the words next to it closed', async () => {
    await gateway.reconfigure(
      await made(['--keep', 'none', '--operations', 'getAuthorizationDivision,getUserPresence']),
    );
    const words = ['home', 'limit', 'deleted', 'query'];
    const paths = [
      ...words.map((word) => `/api/v2/authorization/divisions/${word}`),
      `/api/v2/users/${ID}/presences/purecloud`,
    ];
    const open = [`/api/v2/authorization/divisions/${ID}`, `/api/v2/users/${ID}/presences/other`];
    const statuses = await statusesOf([...paths, ...open].map((path) => ({ method: 'GET', path })));
    expect(paths.map((path) => statuses.get(`GET ${path}`))).toEqual(paths.map(() => 404));
    expect(open.map((path) => statuses.get(`GET ${path}`))).toEqual([200, 200]);
  });

  it('is for readers if it reads, and for writers if it does not', async () => {
    const config = await made(['--keep', 'none', '--operations', 'postUsersSearch,postUsers,getUsers']);
    config.consumers?.push({
      username: 'reader',
      acls: [{ group: 'readers' }],
      keyauth_credentials: [{ key: 'reader-key' }],
    });
    await gateway.reconfigure(config);
    const status = async (method: string, path: string): Promise<number> =>
      (await rawRequest(`${gateway.url}${path}`, { method, headers: { apikey: 'reader-key' } })).status;
    expect(await status('POST', '/api/v2/users/search')).toBe(200);
    expect(await status('GET', '/api/v2/users')).toBe(200);
    expect(await status('HEAD', '/api/v2/users')).toBe(200);
    expect(await status('POST', '/api/v2/users')).toBe(403);
  });
});

describe('a tool that logs in at the gateway', () => {
  it('reaches what is chosen, and its logout is its own', async () => {
    await gateway.reconfigure(
      await made(['--keep', 'none', '--login', '--operations', 'getUsers,postUsers,getAuthorizationDivision']),
    );
    const login = await fetch(`${gateway.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
      headers: { Authorization: `Basic ${btoa('demo-client:demo-secret')}` },
    });
    const { access_token: token } = (await login.json()) as { access_token: string };
    const status = async (method: string, path: string, authorization = `Bearer ${token}`): Promise<number> =>
      (await rawRequest(`${gateway.url}${path}`, { method, headers: { Authorization: authorization } })).status;
    expect(await status('GET', '/api/v2/users')).toBe(200);
    expect(await status('POST', '/api/v2/users')).toBe(200);
    expect(await status('GET', `/api/v2/authorization/divisions/${ID}`)).toBe(200);
    genesys.control.reset();
    expect(await status('GET', '/api/v2/authorization/divisions/home')).toBe(404);
    expect(await status('GET', `/api/v2/users/${ID}`)).toBe(404);
    expect(await status('GET', '/api/v2/tokens/me')).toBe(404);
    expect(await status('GET', '/api/v2/users', 'Bearer eyJhbGciOiJub25lIn0.e30.')).toBe(401);
    expect(await status('DELETE', '/api/v2/tokens/me')).toBeLessThan(300);
    expect(await status('GET', '/api/v2/users')).toBe(401);
    expect(genesys.control.requests({ kind: 'api' })).toEqual([]);
  });
});

it('all operations at once are taken, and each passes', async () => {
  await gateway.reconfigure(await made(['--keep', 'none', '--operations', api.operations.map(({ id }) => id).join()]));
  expect(await unexpected(api.operations, () => 200)).toEqual([]);
}, 240_000);

it('what the filter leaves of a page is what the file says, and large pages cost more', async () => {
  genesys.control.clearStubs();
  await gateway.reconfigure(await made(['--operations', 'getUsers,getUser'], false));
  const response = await fetch(`${gateway.url}/api/v2/users?pageSize=2`, { headers: KEY });
  const page = (await response.json()) as { entities: Record<string, unknown>[]; pageSize: number };
  expect(response.status).toBe(200);
  expect(page.pageSize).toBe(2);
  expect(page.entities).toHaveLength(2);
  expect(page.entities[0]).toHaveProperty('id');
  expect(page.entities[0]).toHaveProperty('state');
  for (const name of ['name', 'email', 'department', 'username']) expect(page.entities[0]).not.toHaveProperty(name);
  // 560 a minute, and 100 users cost four.
  const statuses: number[] = [];
  for (let sent = 0; sent < 3; sent += 1) {
    const answer = await fetch(`${gateway.url}/api/v2/users?pageSize=20000`, { headers: KEY });
    await answer.arrayBuffer();
    statuses.push(answer.status);
  }
  expect(statuses.at(-1)).toBe(429);
});

it('nobody passes without a key', async () => {
  expect((await rawRequest(`${gateway.url}/api/v2/users`)).status).toBe(401);
});
