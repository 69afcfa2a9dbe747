/** The configuration that ships: which route takes what, who may, how often Kong tries, and how it is with certificates. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { openAuditLog } from '../support/audit-log.js';
import { rawRequest } from '../support/raw-request.js';
import { leftOut } from './gateway.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const KEYED = { headers: { apikey: 'demo-key' } };
const READER = { headers: { apikey: 'reader-key' } };
const ID = '7826bf0d-ba6f-4929-bf63-187095bdb631';

let setup: GenesysGateway;
let token: string;

beforeAll(async () => {
  setup = await startGenesysGateway({
    edit: (config) => {
      config.consumers?.push({
        username: 'svc-reader',
        acls: [{ group: 'readers' }],
        keyauth_credentials: [{ key: 'reader-key' }],
      });
      const lookup = config.consumers?.find(({ username }) => username === 'svc-lookup');
      if (lookup !== undefined) lookup.keyauth_credentials = [{ key: 'named-key' }];
    },
  });
  const login = await fetch(`${setup.gateway.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    headers: { Authorization: `Basic ${Buffer.from('demo-client:demo-secret').toString('base64')}` },
  });
  token = ((await login.json()) as { access_token: string }).access_token;
});
afterAll(() => setup?.close());

/** The path at Genesys of a request, and the status that it got. */
async function sent(path: string, init: RequestInit = {}): Promise<[number, string | undefined]> {
  setup.genesys.control.reset();
  const response = await setup.get(path, init);
  await response.arrayBuffer();
  const received = setup.genesys.control.requests({ kind: 'api' }).at(-1);
  return [response.status, received?.path];
}

describe('a request', () => {
  it.each([
    ['/api/v2/tokens/me', '/api/v2/tokens/me'],
    ['/api/api/v2/tokens/me', '/api/v2/tokens/me'],
    [`/directory/${ID}`, `/api/v2/users/${ID}`],
    ['/agents?pageNumber=2', '/api/v2/users'],
  ])('to %s goes to %s, with a key or a token', async (path, at) => {
    expect((await sent(path))[1]).toBe(at);
  });

  it.each(['/api/v2/tokens/me', '/api/api/v2/tokens/me'])(
    'to %s goes there with a token of the gateway too',
    async (path) => {
      setup.genesys.control.reset();
      const response = await fetch(`${setup.gateway.url}${path}`, { headers: { Authorization: `Bearer ${token}` } });
      await response.arrayBuffer();
      expect(response.status).toBe(200);
      expect(setup.genesys.control.requests({ kind: 'api' })).toHaveLength(1);
    },
  );

  it.each(['/api/v2', '/api/api/v2'])('below %s keeps the escapes of its path on the way', async (base) => {
    const rest = '/analytics/reporting/a%20b%C3%A9+c%3Fe(1)';
    setup.genesys.control.reset();
    await rawRequest(`${setup.gateway.url}${base}${rest}?x=%20y&z=a%2Fb`, KEYED);
    const [received] = setup.genesys.control.requests({ kind: 'api' });
    expect([received?.path, received?.query]).toEqual([
      `/api/v2${rest}`,
      expect.stringMatching(/^x=(%20|\+)y&z=a%2Fb$/),
    ]);
  });

  it('for analytics goes whole to its own route, which waits longer', async () => {
    const post = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
    const [, path] = await sent('/api/v2/analytics/conversations/details/query', post);
    expect(path).toBe('/api/v2/analytics/conversations/details/query');
    // LONG=1: longer than the other routes wait.
    if (!process.env.LONG) return;
    setup.genesys.control.setFault('api', { latencyMs: 11_000, times: 1 });
    expect((await sent('/api/v2/analytics/conversations/details/query', post))[0]).toBeLessThan(500);
  });

  it('to a shaped resource asks for five, whatever the client asks for, and passes the page on', async () => {
    setup.genesys.control.reset();
    const response = await setup.get('/agents?pageNumber=3&pageSize=100&state=deleted');
    const page = (await response.json()) as { entities: object[]; pageNumber: number };
    expect(page.pageNumber).toBe(3);
    expect(page.entities).toHaveLength(5);
    expect(page.entities.flatMap(Object.keys).filter((key) => !['id', 'name', 'email'].includes(key))).toEqual([]);
  });
});

describe('a consumer', () => {
  it('who may read may not write', async () => {
    expect((await sent('/api/v2/tokens/me', READER))[0]).toBe(200);
    const post = { method: 'POST', body: '{}', headers: { ...READER.headers, 'Content-Type': 'application/json' } };
    expect(await sent('/api/v2/users', post)).toEqual([403, undefined]);
    expect(await sent('/api/v2/users/1', { method: 'DELETE', ...READER })).toEqual([403, undefined]);
  });

  it('of no group may nothing, and nobody without a key', async () => {
    const response = await fetch(`${setup.gateway.url}/api/v2/tokens/me`, { headers: { apikey: 'wrong' } });
    await response.arrayBuffer();
    expect(response.status).toBe(401);
  });
});

describe('a consumer of named paths', () => {
  const named = async (path: string, host: string, method = 'GET') => {
    const headers = { apikey: 'named-key', Host: host };
    return (await rawRequest(`${setup.gateway.url}${path}`, { method, headers })).status;
  };

  it.each(['gateway', 'named.gateway.internal', 'NAMED.GATEWAY.INTERNAL', 'gateway.', 'gateway:', 'a@gateway'])(
    'reaches what is named, and nothing else, as host %s too',
    async (host) => {
      setup.genesys.control.stub({ path: '/api/v2/*', body: Buffer.from('{}') });
      const statuses = [await named(`/api/v2/users/${ID}`, host), await named('/api/v2/routing/queues', host)];
      // Some spellings of a host nginx refuses itself.
      expect([
        [200, 200],
        [400, 400],
      ]).toContainEqual(statuses);
      setup.genesys.control.reset();
      for (const path of [
        '/api/v2/users',
        '/api/v2/users/1',
        `/api/v2/users/${ID}/queues`,
        '/api/v2/tokens/me',
        '/api/v2/analytics/x',
        '/api/v2/routing/skills',
        '/directory',
        '/agents',
      ]) {
        expect([
          [path, 403],
          [path, 400],
        ]).toContainEqual([path, await named(path, host)]);
      }
      expect([403, 400]).toContain(await named(`/api/v2/users/${ID}`, host, 'DELETE'));
      expect(setup.genesys.control.requests({ kind: 'api' })).toEqual([]);
      setup.genesys.control.clearStubs();
    },
  );
});

describe('a prefix', () => {
  it('ends at a segment', async () => {
    const post = { method: 'POST', body: '{}', headers: { ...READER.headers, 'Content-Type': 'application/json' } };
    expect(await sent('/api/v2/analyticsx', post)).toEqual([403, undefined]);
    for (const path of ['/api/v2x', '/api/v2x/users', '/api/api/v2x', '/directoryx']) {
      expect([path, await sent(path)]).toEqual([path, [404, undefined]]);
    }
    expect((await sent('/directory'))[1]).toBe('/api/v2/users');
  });
});

it('a header with an underscore in its name does not reach Genesys', unless(leftOut('pre-function')), async () => {
  setup.genesys.control.reset();
  const headers = {
    apikey: 'demo-key',
    X_HTTP_Method_Override: 'DELETE',
    X_Consumer_Username: 'admin',
    x_api_key: 'k',
    _: 'x',
    'X-Kept': '1',
  };
  expect((await rawRequest(`${setup.gateway.url}/api/v2/tokens/me`, { headers })).status).toBe(200);
  const [received] = setup.genesys.control.requests({ kind: 'api' });
  expect(Object.keys(received?.headers ?? {}).filter((name) => name.includes('_'))).toEqual([]);
  expect(received?.headers).toMatchObject({ 'x-kept': '1' });
});

describe('a service that breaks the connection', () => {
  it('is asked again for a read, and once for a write', async () => {
    setup.genesys.control.setFault('api', { drop: true, times: 2 });
    expect((await sentKept('/api/v2/tokens/me')).status).toBe(200);
    setup.genesys.control.setFault('api', { drop: true, times: 2 });
    const post = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
    expect((await sentKept('/api/v2/users', post)).status).toBe(502);
    setup.genesys.control.clearFaults();
  });

  const sentKept = async (path: string, init: RequestInit = {}) => {
    const response = await setup.get(path, init);
    await response.arrayBuffer();
    return response;
  };
});

it(
  'programs are let through, those of Genesys too, and crawlers are not',
  unless(leftOut('bot-detection')),
  async () => {
    const statusAs = async (agent: string) => {
      const headers = { apikey: 'demo-key', 'User-Agent': agent };
      return (await rawRequest(`${setup.gateway.url}/api/v2/tokens/me`, { headers })).status;
    };
    const programs = ['axios/1.12.2', 'Go-http-client/1.1', 'PureCloud SDK/java', 'okhttp/4.9', 'curl/8.5', 'node'];
    for (const agent of programs) expect([agent, await statusAs(agent)]).toEqual([agent, 200]);
    expect(await statusAs('Mozilla/5.0 (compatible; Googlebot/2.1)')).toBe(403);
  },
);

it('reference data is kept apart for each consumer', unless(leftOut('proxy-cache')), async () => {
  setup.genesys.control.stub({ path: '/api/v2/routing/skills', body: Buffer.from('{"entities":[]}') });
  const statusOf = async (init: RequestInit = {}): Promise<string | null> => {
    const response = await setup.get('/api/v2/routing/skills', init);
    await response.arrayBuffer();
    return response.headers.get('x-cache-status');
  };
  expect([await statusOf(), await statusOf(), await statusOf(READER), await statusOf(READER)]).toEqual([
    'Miss',
    'Hit',
    'Miss',
    'Hit',
  ]);
});

describe('the audit log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shipped-'));
  const audit = openAuditLog(join(folder, 'stdout'));
  let logged: GenesysGateway;

  beforeAll(async () => {
    writeFileSync(audit.path, '');
    const args = ['--stdout', audit.path];
    logged = await startGenesysGateway({
      withAudit: true,
      plugins: PLUGINS.map((plugin) => (/pii-log|gateway/.test(plugin.name) ? { ...plugin, args } : plugin)),
    });
  });
  afterAll(async () => {
    await logged?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('holds an entry for each request to a route, refused ones and those of bulk routes too', async () => {
    const post = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
    const statuses = [];
    for (const [path, init] of [
      ['/api/v2/tokens/me', {}],
      ['/api/v2/analytics/conversations/details/query', post],
      ['/api/v2/tokens/me', { headers: { apikey: 'wrong' } }],
      ['/nothing', {}],
    ] as const) {
      const response = await logged.get(path, init);
      await response.arrayBuffer();
      statuses.push(response.status);
    }
    // Genesys finds the query empty.
    expect(statuses).toEqual([200, 400, 401, 404]);
    // No plugin of a route runs where there is none.
    const entries = await audit.waitForEntries(statuses.length - 1);
    // Kong logs after the answer, each request by itself: they may overtake one another.
    const routes = entries.map(({ status, route }) => [status, route?.name] as const);
    expect(routes.toSorted(([one], [other]) => Number(one) - Number(other))).toEqual([
      [200, 'genesys-cloud-reads'],
      [400, 'genesys-cloud-queries'],
      [401, 'genesys-cloud-reads'],
    ]);
    // Bulk answers are not held, so nobody sees them.
    const bodies = entries.map(({ status, response }) => [status, response.body !== undefined] as const);
    expect(Object.fromEntries(bodies)).toMatchObject({ 200: true, 400: false });
  });

  it('is on every route', () => {
    const routes = logged.configuration(() => {}).services.flatMap((service) => service.routes);
    const without = routes.filter(({ plugins }) => !plugins.some(({ name }) => name.startsWith('genesys-pii-log')));
    expect(without).toEqual([]);
  });
});
