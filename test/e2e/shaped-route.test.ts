/** A route that shows a part of Genesys Cloud under a path of its own: its pages, their links, and pages of nothing. */
import platformClient from 'purecloud-platform-client-v2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

interface Page {
  entities?: Record<string, unknown>[];
  [field: string]: unknown;
}

let setup: GenesysGateway;

beforeAll(async () => {
  setup = await startGenesysGateway({ users: 45 });
});
afterAll(() => setup?.close());
beforeEach(() => {
  setup.genesys.control.clearStubs();
  setup.genesys.control.reset();
});

async function page(path: string): Promise<Page> {
  const response = await setup.get(path);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

describe('/directory', () => {
  it("is paged by Genesys' JavaScript SDK, which follows its links and never leaves it", async () => {
    const client = platformClient.ApiClient.instance;
    const { hostname, port } = new URL(setup.gateway.url);
    client.setGateway({ host: hostname, protocol: 'http', port: Number(port), username: 'any', password: 'any' });
    // The type of a header is wrong in the SDK: it takes texts.
    const headers = KEY as unknown as Record<string, object>;
    const call = (path: string): Promise<Page> =>
      client.callApi(path, 'GET', {}, {}, headers, {}, null, [], ['application/json'], ['application/json']);
    const seen: Record<string, unknown>[] = [];
    let uri: unknown = '/directory?pageSize=20';
    while (typeof uri === 'string') {
      expect(uri).toMatch(/^\/directory\?/);
      const { entities = [], nextUri } = await call(uri);
      seen.push(...entities);
      uri = nextUri;
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(45);
    expect(new Set(seen.flatMap((user) => Object.keys(user)))).toEqual(new Set(['id', 'name', 'email']));
  });

  it('has no link that leads elsewhere', async () => {
    const body = await page('/directory?pageSize=2&pageNumber=2');
    const links = Object.entries(body).filter(([name]) => name.endsWith('Uri'));
    expect(links.length).toBeGreaterThan(3);
    for (const [, link] of links) expect(link).toMatch(/^\/directory\?/);
    expect(JSON.stringify(body)).not.toContain('/api/v2');
    for (const [, link] of links) expect(Object.keys((await page(String(link))).entities?.[0] ?? {})).toHaveLength(3);
  });

  it('takes absolute links for what they are, and leaves out those of others', async () => {
    setup.genesys.control.stub({
      path: '/api/v2/users',
      body: {
        entities: [{ id: '1', name: 'n', email: 'e' }],
        total: 9,
        nextUri: 'https://api.mypurecloud.com/api/v2/users?cursor=abc',
        previousUri: 'https://api.mypurecloud.com/api/v2/organizations/me',
        selfUri: '/api/v2/users?x',
        lastUri: '/api/v2/users/../routing/queues',
      },
    });
    expect(await page('/directory')).toEqual({
      entities: [{ id: '1', name: 'n', email: 'e' }],
      total: 9,
      nextUri: '/directory?cursor=abc',
      selfUri: '/directory?x',
    });
  });

  it.each([
    [
      { entities: null, total: 0, pageSize: 25 },
      { entities: [], total: 0, pageSize: 25 },
    ],
    [
      { total: 0, pageNumber: 1 },
      { total: 0, pageNumber: 1 },
    ],
  ])('shows an empty page as one: %j', async (body, expected) => {
    setup.genesys.control.stub({ path: '/api/v2/users', body });
    expect(await page('/directory')).toEqual(expected);
  });

  it('keeps the limit of a 429', async () => {
    const limit = { key: 'users.max', namespace: 'directory', value: 3 };
    setup.genesys.control.stub({
      path: '/api/v2/users/7',
      status: 429,
      body: { status: 429, limit, secret: 1 },
      times: 1,
    });
    const response = await setup.get('/directory/7');
    expect(await response.json()).toEqual({ status: 429, limit });
  });
});

it('the links of the API itself stay as Genesys writes them', async () => {
  expect((await page('/api/v2/users?pageSize=2')).nextUri).toMatch(/^\/api\/v2\/users\?/);
});
