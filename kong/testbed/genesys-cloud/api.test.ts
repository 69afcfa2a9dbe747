/**
 * The API host over real HTTP: authentication, rate limit, errors, and every resource.
 */
import type { Models } from 'purecloud-platform-client-v2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from './index.js';
import { basic, call, login, postToken, read } from './testing.js';

describe('API', () => {
  let cloud: GenesysCloud;
  let token: string;

  beforeEach(async () => {
    cloud = await startGenesysCloud({ users: 120 });
    token = await login(cloud);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await cloud.close();
  });

  const get = <Shape>(path: string): Promise<Shape> => read<Shape>(call(cloud, token, path));
  const send = (method: string, path: string, body?: unknown): Promise<Response> =>
    call(cloud, token, path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });

  it.each([
    ['without a token', undefined, 'authentication.required'],
    ['with a made-up token', 'Bearer nonsense', 'bad.credentials'],
    ['with Basic', 'Basic eDp5', 'authentication.required'],
  ])('answers 401 %s, before anything else', async (_, authorization, code) => {
    for (const path of ['/api/v2/users', '/api/v2/nothing']) {
      const response = await fetch(cloud.url + path, { headers: authorization === undefined ? {} : { authorization } });
      expect(response.status).toBe(401);
      const contextId = response.headers.get('inin-correlation-id');
      expect(contextId).toMatch(/^[0-9a-f-]{36}$/);
      const body = await read(response);
      expect(body).toEqual({ message: expect.any(String), code, status: 401, contextId, details: [], errors: [] });
    }
    expect(cloud.control.counts().unauthorized).toBe(2);
  });

  it('answers unknown resources and methods in the shape of Genesys', async () => {
    const unknown = await call(cloud, token, '/api/v2/nothing');
    expect(unknown.status).toBe(404);
    expect(await read(unknown)).toMatchObject({ code: 'not.found', status: 404, errors: [] });
    const method = await send('PUT', '/api/v2/users', {});
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toBe('GET, POST');
    expect(cloud.control.counts().byPath).toMatchObject({ 'GET (unknown)': 1, 'PUT /api/v2/users': 1 });
  });

  it('tells the use of a token in headers only if asked to, as older organisations do', async () => {
    const silent = await call(cloud, token, '/api/v2/tokens/me');
    expect([...silent.headers.keys()].filter((name) => name.startsWith('inin-ratelimit'))).toEqual([]);
    cloud.control.setRateLimitHeaders(true);
    const telling = await call(cloud, token, '/api/v2/tokens/me');
    expect(telling.headers.get('inin-ratelimit-count')).toBe('2');
    expect(telling.headers.get('inin-ratelimit-allowed')).toBe('300');
  });

  it('limits routes for each token or for the whole organisation, and names the limit', async () => {
    cloud.control.setRouteLimits([
      { path: '/api/v2/routing/queues', perMinute: 2, per: 'organization', key: 'queues.max', namespace: 'routing' },
      { path: '/api/v2/users', method: 'GET', perMinute: 1, per: 'token' },
    ]);
    const other = await login(cloud);
    const statusOf = async (bearer: string, path: string) => (await call(cloud, bearer, path)).status;
    expect([await statusOf(token, '/api/v2/routing/queues'), await statusOf(other, '/api/v2/routing/queues')]).toEqual([
      200, 200,
    ]);
    const over = await call(cloud, other, '/api/v2/routing/queues');
    expect(over.status).toBe(429);
    expect(await read(over)).toMatchObject({ limit: { key: 'queues.max', namespace: 'routing', value: 2 } });
    expect([await statusOf(token, '/api/v2/users'), await statusOf(token, '/api/v2/users')]).toEqual([200, 429]);
    expect(await statusOf(other, '/api/v2/users')).toBe(200);
  });

  it("reports use by client a day late, after the query has run, in the shapes of Genesys' SDK", async () => {
    const day = (ago: number): string => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    const entry = { clientId: DEFAULT_CLIENT.clientId, templateUri: '/api/v2/users', httpMethod: 'GET' };
    cloud.control.addUsage({ ...entry, day: day(2), status: 200, requests: 40 });
    cloud.control.addUsage({ ...entry, day: day(1), status: 200, requests: 5 });
    cloud.control.addUsage({ ...entry, day: day(1), status: 429, requests: 2 });
    cloud.control.addUsage({ ...entry, day: day(1), clientId: 'another', status: 200, requests: 1 });
    await get('/api/v2/users');
    const query: Models.ApiUsageOrganizationQuery = {
      interval: `${day(5)}T00:00:00/${day(-1)}T00:00:00`,
      granularity: 'Day',
      metrics: ['Requests', 'Status429'],
      groupBy: ['OAuthClientId'],
    };
    const report = async () => {
      const { resultsUri = '' } = await read<Models.UsageExecutionResult>(send('POST', '/api/v2/usage/query', query));
      expect(await get<Models.ApiUsageQueryResult>(resultsUri)).toEqual({ queryStatus: 'Running' });
      const { queryStatus, results = [] } = await get<Models.ApiUsageQueryResult>(resultsUri);
      expect(queryStatus).toBe('Complete');
      return results;
    };
    const own = { clientId: DEFAULT_CLIENT.clientId, clientName: `Client ${DEFAULT_CLIENT.clientId}` };
    const date = (ago: number): string => `${day(ago)}T00:00:00.000Z`;
    expect(await report()).toEqual([
      { ...own, date: date(2), requests: 40, status429: 0 },
      { ...own, date: date(1), requests: 7, status429: 2 },
      { clientId: 'another', clientName: '', date: date(1), requests: 1, status429: 0 },
    ]);
    cloud.control.setUsageLag(0);
    expect((await report()).find((row) => row.date === date(0))).toMatchObject({ ...own, requests: 6 });
    const wrong = await send('POST', '/api/v2/usage/query', { ...query, groupBy: ['Consumer'] });
    expect(wrong.status).toBe(400);
  });

  it('lets a token die that idles, and no other', async () => {
    cloud.control.setIdleTimeout(300);
    vi.useFakeTimers({ toFake: ['Date'] });
    const idle = await login(cloud);
    vi.setSystemTime(Date.now() + 200_000);
    expect((await call(cloud, token, '/api/v2/tokens/me')).status).toBe(200);
    vi.setSystemTime(Date.now() + 100_000);
    expect((await call(cloud, token, '/api/v2/tokens/me')).status).toBe(200);
    expect((await call(cloud, idle, '/api/v2/tokens/me')).status).toBe(401);
    expect(await read(call(cloud, token, '/api/v2/tokens/timeout'))).toMatchObject({ idleTokenTimeoutSeconds: 300 });
  });

  it('limits each token to its requests a minute', async () => {
    cloud.control.setRateLimit(2);
    cloud.control.setRateLimitHeaders(true);
    vi.useFakeTimers({ toFake: ['Date'] });
    const first = await call(cloud, token, '/api/v2/tokens/me');
    expect(first.headers.get('inin-ratelimit-count')).toBe('1');
    expect(first.headers.get('inin-ratelimit-allowed')).toBe('2');
    expect(first.headers.get('inin-ratelimit-reset')).toBe('60');
    vi.setSystemTime(Date.now() + 18_000);
    await call(cloud, token, '/api/v2/tokens/me');
    const over = await call(cloud, token, '/api/v2/tokens/me');
    expect(over.status).toBe(429);
    expect(over.headers.get('retry-after')).toBe('42');
    expect(await read(over)).toEqual({
      message: 'Rate limit exceeded the maximum. Retry the request in [42] seconds',
      code: 'too.many.requests.retry.after',
      status: 429,
      contextId: over.headers.get('inin-correlation-id'),
      details: [],
      errors: [],
      limit: { key: 'client.credentials.token.rate.per.minute', namespace: 'platform.api', value: 2 },
    });
    const other = await login(cloud);
    expect((await call(cloud, other, '/api/v2/tokens/me')).status).toBe(200);
    vi.setSystemTime(Date.now() + 42_000);
    expect((await call(cloud, token, '/api/v2/tokens/me')).status).toBe(200);
    expect(cloud.control.counts().rateLimited).toBe(1);
  });

  it('allows 300 requests a minute by default', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 310 }, async () => {
        const response = await call(cloud, token, '/api/v2/tokens/me');
        await response.arrayBuffer();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(300);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
  });

  it('answers what CX as Code asks for when it configures, creates, reads and deletes a queue and a user', async () => {
    expect(await get('/api/v2/authorization/products')).toMatchObject({ entities: [{ id: 'cloudCX3' }] });
    const { id: divisionId } = (await get('/api/v2/authorization/divisions/home')) as { id: string };
    const queue = (await read(send('POST', '/api/v2/routing/queues', { name: 'q' }))) as { id: string };
    const codes = `/api/v2/routing/queues/${queue.id}/wrapupcodes`;
    expect(await get(codes)).toMatchObject({ entities: [], total: 0 });
    await send('POST', codes, [{ id: 'code-1' }]);
    expect(await get(codes)).toMatchObject({ entities: [{ id: 'code-1' }] });
    expect((await send('DELETE', `${codes}/code-1`)).status).toBe(204);
    await send('PUT', `/api/v2/routing/queues/${queue.id}`, { name: 'q', description: 'changed' });
    expect(await get(`/api/v2/routing/queues/${queue.id}`)).toMatchObject({ description: 'changed' });

    const body = { name: 'n', email: 'cx@staff.example.com', divisionId };
    const user = (await read(send('POST', '/api/v2/users', body))) as { id: string };
    const search = { query: [{ fields: ['email'], type: 'EXACT', value: body.email }] };
    expect(await read(send('POST', '/api/v2/users/search', search))).toMatchObject({ results: [{ id: user.id }] });
    await send('PATCH', `/api/v2/users/${user.id}/routingskills/bulk`, [{ id: 'skill-1', proficiency: 3 }]);
    expect(await get(`/api/v2/users/${user.id}/routingskills`)).toMatchObject({ entities: [{ proficiency: 3 }] });
    expect(await get(`/api/v2/users/${user.id}/routinglanguages`)).toMatchObject({ entities: [] });
    expect(await get(`/api/v2/routing/users/${user.id}/utilization`)).toMatchObject({ level: 'Organization' });
    await send('PATCH', `/api/v2/voicemail/userpolicies/${user.id}`, { alertTimeoutSeconds: 60 });
    expect(await get(`/api/v2/voicemail/userpolicies/${user.id}`)).toMatchObject({ alertTimeoutSeconds: 60 });
    expect((await send('PUT', `/api/v2/users/${user.id}/profileskills`, ['a'])).status).toBe(200);
    expect((await send('POST', `/api/v2/users/${user.id}/password`, { newPassword: 'x' })).status).toBe(204);
    expect((await send('DELETE', `/api/v2/users/${user.id}`)).status).toBe(200);
    expect((await send('DELETE', `/api/v2/routing/queues/${queue.id}`)).status).toBe(204);
  });

  it('pages through users, each once', async () => {
    const ids = new Set<string>();
    let uri: string | undefined = '/api/v2/users?pageSize=50&sortOrder=ASC';
    const pages: Models.UserEntityListing[] = [];
    while (uri !== undefined) {
      const page: Models.UserEntityListing = await get(uri);
      pages.push(page);
      for (const user of page.entities ?? []) ids.add(user.id ?? '');
      uri = page.nextUri;
    }
    expect(ids.size).toBe(120);
    expect(pages.map((page) => page.entities?.length)).toEqual([50, 50, 20]);
    expect(pages[0]).toMatchObject({
      pageSize: 50,
      pageNumber: 1,
      total: 120,
      pageCount: 3,
      firstUri: '/api/v2/users?pageSize=50&pageNumber=1&sortOrder=ASC',
      selfUri: '/api/v2/users?pageSize=50&pageNumber=1&sortOrder=ASC',
      nextUri: '/api/v2/users?pageSize=50&pageNumber=2&sortOrder=ASC',
      lastUri: '/api/v2/users?pageSize=50&pageNumber=3&sortOrder=ASC',
    });
    expect(pages[0]).not.toHaveProperty('previousUri');
    expect(pages[2]).not.toHaveProperty('nextUri');
    expect(pages[2]?.previousUri).toBe('/api/v2/users?pageSize=50&pageNumber=2&sortOrder=ASC');
  });

  it('lists 25 users unless asked, sorted, expanded on demand', async () => {
    const page = await get<Models.UserEntityListing>('/api/v2/users');
    const names = page.entities?.map((user) => user.name ?? '') ?? [];
    expect(names).toHaveLength(25);
    expect(names).toEqual([...names].sort());
    const last = await get<Models.UserEntityListing>('/api/v2/users?sortOrder=DESC&pageSize=120');
    expect(last.entities?.at(-1)?.name).toBe(names[0]);
    expect(page.entities?.[0]).not.toHaveProperty('presence');
    const expanded = await get<Models.UserEntityListing>('/api/v2/users?expand=presence,routingStatus,nonsense');
    expect(expanded.entities?.[0]?.presence?.presenceDefinition?.systemPresence).toEqual(expect.any(String));
    expect(expanded.entities?.[0]?.routingStatus?.status).toEqual(expect.any(String));
    expect((await get<Models.UserEntityListing>('/api/v2/users?state=inactive')).total).toBe(0);
  });

  it.each(['pageSize=501', 'pageSize=0', 'pageSize=x', 'pageNumber=0', 'pageSize=1.5', 'state=gone', 'sortOrder=up'])(
    'refuses %s',
    async (query) => {
      const response = await call(cloud, token, `/api/v2/users?${query}`);
      expect(response.status).toBe(400);
      expect(await read(response)).toMatchObject({ code: 'invalid.value', status: 400, details: [] });
    },
  );

  it('holds only fictional people', async () => {
    const text = JSON.stringify(await get('/api/v2/users?pageSize=500'));
    expect(text.match(/[\w.]+@[\w.]+/g)?.every((address) => address.endsWith('.example.com'))).toBe(true);
    expect(text.match(/\+1\d+/g)?.every((number) => /^\+1\d{3}55501\d\d$/.test(number))).toBe(true);
  });

  it('is the same organisation in every run', async () => {
    const again = await startGenesysCloud({ users: 120 });
    try {
      const there = await read(call(again, await login(again), '/api/v2/users?pageSize=500'));
      expect(there).toEqual(await get('/api/v2/users?pageSize=500'));
    } finally {
      await again.close();
    }
  });

  it('creates, changes and deletes a user', async () => {
    const created = await send('POST', '/api/v2/users', { name: 'Quill', email: 'quill@example.com', divisionId: 'd' });
    expect(created.status).toBe(201);
    const user = await read<Models.User>(created);
    const path = `/api/v2/users/${user.id}`;
    expect(await get(path)).toEqual(user);
    expect(
      (await send('POST', '/api/v2/users', { name: 'Q', email: 'quill@example.com', divisionId: 'd' })).status,
    ).toBe(409);
    const changed = await send('PATCH', path, { version: 1, title: 'Team Lead' });
    expect(await read(changed)).toMatchObject({ title: 'Team Lead', name: 'Quill', version: 2 });
    expect((await send('PATCH', path, { version: 1, title: 'Late' })).status).toBe(409);
    expect((await send('PATCH', path, { title: 'No version' })).status).toBe(400);
    expect((await send('DELETE', path)).status).toBe(200);
    expect((await call(cloud, token, path)).status).toBe(404);
    expect(await get(`${path}?state=deleted`)).toMatchObject({ state: 'deleted' });
    expect((await get<Models.UserEntityListing>('/api/v2/users')).total).toBe(120);
  });

  it('refuses bodies that are no JSON or lack a field', async () => {
    const broken = await send('POST', '/api/v2/users', '{"name": ');
    expect(broken.status).toBe(400);
    expect(await read(broken)).toMatchObject({ code: 'invalid.json', status: 400, errors: [] });
    expect((await send('POST', '/api/v2/users', [])).status).toBe(400);
    expect((await send('POST', '/api/v2/users', { name: 'x' })).status).toBe(400);
  });

  it('answers HEAD like GET without a body', async () => {
    const wanted = await (await call(cloud, token, '/api/v2/users')).text();
    const head = await call(cloud, token, '/api/v2/users', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(wanted)));
    expect(await head.text()).toBe('');
  });

  it('serves queues and their members', async () => {
    const queues = await get<Models.QueueEntityListing>('/api/v2/routing/queues?pageSize=100');
    expect(queues.total).toBe(30);
    const [queue] = queues.entities ?? [];
    expect(await get(`/api/v2/routing/queues/${queue?.id}`)).toEqual(queue);
    const members = await get<Models.QueueMemberEntityListing>(
      `/api/v2/routing/queues/${queue?.id}/users?pageSize=100`,
    );
    expect(members.entities).toHaveLength(queue?.memberCount ?? -1);
    expect(members.entities?.[0]?.user?.id).toBe(members.entities?.[0]?.id);

    const created = await read<Models.Queue>(send('POST', '/api/v2/routing/queues', { name: 'New' }));
    const path = `/api/v2/routing/queues/${created.id}`;
    const userId = members.entities?.[0]?.id;
    expect((await send('POST', `${path}/members`, [{ id: userId }])).status).toBe(204);
    expect(await get(path)).toMatchObject({ name: 'New', memberCount: 1 });
    expect((await send('POST', `${path}/members?delete=true`, [{ id: userId }])).status).toBe(204);
    expect(await get(`${path}/members`)).toMatchObject({ entities: [] });
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await call(cloud, token, path)).status).toBe(404);
  });

  it('serves conversations and calls', async () => {
    const all = await get<Models.ConversationEntityListing>('/api/v2/conversations');
    expect(all.entities?.length).toBe(all.total);
    const [conversation] = all.entities ?? [];
    expect(conversation?.participants[0]?.ani).toMatch(/^tel:\+1\d{3}55501\d\d$/);
    expect(await get(`/api/v2/conversations/${conversation?.id}`)).toEqual(conversation);
    const calls = await get<Models.CallConversationEntityListing>('/api/v2/conversations/calls');
    expect(calls.entities?.[0]?.id).toBe(conversation?.id);
    expect(await get(`/api/v2/conversations/calls/${conversation?.id}`)).toEqual(calls.entities?.[0]);
    expect((await call(cloud, token, '/api/v2/conversations/00000000')).status).toBe(404);
  });

  it('answers analytics details page by page, the same conversation in every interval', async () => {
    const path = '/api/v2/analytics/conversations/details/query';
    const query = (interval: string, pageSize: number, pageNumber: number) =>
      read<Models.AnalyticsConversationQueryResponse>(
        send('POST', path, { interval, paging: { pageSize, pageNumber }, order: 'asc' }),
      );
    const day = await query('2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z', 100, 1);
    expect(day.totalHits).toBe(432);
    expect(day.conversations).toHaveLength(100);
    expect(day.conversations?.[0]?.participants?.map((participant) => participant.purpose).slice(0, 4)).toEqual([
      'customer',
      'ivr',
      'acd',
      'agent',
    ]);
    const last = await query('2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z', 100, 5);
    expect(last.conversations).toHaveLength(32);
    expect(await query('2026-01-01T00:00:00Z/2026-01-02T00:00:00Z', 100, 6)).toEqual({ totalHits: 432 });
    const inner = await query('2026-01-01T00:01:00.000Z/2026-01-01T12:00:00.000Z', 1, 1);
    expect(inner.conversations?.[0]).toEqual(day.conversations?.[1]);
    for (const body of [{}, { interval: 'x' }, { interval: '2026-01-02T00:00Z/2026-01-01T00:00Z' }]) {
      expect((await send('POST', path, body)).status).toBe(400);
    }
    const paging = { pageSize: 9999, pageNumber: 1 };
    expect((await send('POST', path, { interval: '2026-01-01T00:00Z/2026-01-02T00:00Z', paging })).status).toBe(400);
  });

  it('answers analytics of 5 to 10 MB, and the second time at once', async () => {
    const body = {
      interval: '2026-01-01T00:00:00.000Z/2026-01-31T00:00:00.000Z',
      paging: { pageSize: 1500, pageNumber: 1 },
    };
    const first = await (await send('POST', '/api/v2/analytics/conversations/details/query', body)).text();
    expect(first.length).toBeGreaterThan(5_000_000);
    expect(first.length).toBeLessThan(11_000_000);
    const started = performance.now();
    const second = await (await send('POST', '/api/v2/analytics/conversations/details/query', body)).text();
    expect(performance.now() - started).toBeLessThan(3000);
    expect(second === first).toBe(true);
  });

  it('answers analytics aggregates by granularity and group', async () => {
    const response = await send('POST', '/api/v2/analytics/conversations/aggregates/query', {
      interval: '2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z',
      granularity: 'PT6H',
      groupBy: ['queueId'],
      metrics: ['nOffered', 'tTalk'],
    });
    const { results } = await read<Models.ConversationAggregateQueryResponse>(response);
    expect(results).toHaveLength(10);
    expect(results?.[0]?.data?.map((bucket) => bucket.interval?.slice(0, 13))).toEqual([
      '2026-01-01T00',
      '2026-01-01T06',
      '2026-01-01T12',
      '2026-01-01T18',
    ]);
    expect(results?.[0]?.data?.[0]?.metrics?.[1]?.stats).toMatchObject({ count: 11, sum: expect.any(Number) });
  });

  it('manages OAuth clients: secrets once, the old one dead at once, two clients alive together', async () => {
    const created = await read<Models.OAuthClient>(
      send('POST', '/api/v2/oauth/clients', {
        name: 'Second',
        authorizedGrantType: 'CLIENT_CREDENTIALS',
        accessTokenValiditySeconds: 3600,
      }),
    );
    const path = `/api/v2/oauth/clients/${created.id}`;
    expect(await get(path)).not.toHaveProperty('secret');
    const list = await get<Models.OAuthClientEntityListing>('/api/v2/oauth/clients');
    expect(list.entities?.map((client) => client.id)).toEqual([DEFAULT_CLIENT.clientId, created.id]);
    expect(JSON.stringify(list)).not.toContain(created.secret);

    const authorization = basic(created.id ?? '', created.secret ?? '');
    expect(await read(postToken(cloud, { authorization }))).toMatchObject({ expires_in: 3600 });
    const renewed = await read<Models.OAuthClient>(send('POST', `${path}/secret`));
    expect((await postToken(cloud, { authorization })).status).toBe(401);
    const second = await postToken(cloud, { authorization: basic(created.id ?? '', renewed.secret ?? '') });
    const { access_token: theirToken } = await read<{ access_token: string }>(second);

    const put = { name: 'Renamed', authorizedGrantType: 'CLIENT_CREDENTIALS', state: 'inactive' };
    expect(await read(send('PUT', path, put))).toMatchObject({ name: 'Renamed', state: 'inactive' });
    expect((await postToken(cloud, { authorization: basic(created.id ?? '', renewed.secret ?? '') })).status).toBe(401);
    expect((await send('PUT', path, { ...put, accessTokenValiditySeconds: 1 })).status).toBe(400);
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await call(cloud, theirToken, '/api/v2/tokens/me')).status).toBe(401);
    expect((await call(cloud, token, path)).status).toBe(404);
  });

  it('keeps out a deactivated client, an address that is not allowed, and who lacks a permission or a role', async () => {
    const role = { roleId: 'r1', divisionId: 'd1' };
    const limited = await startGenesysCloud({
      users: 1,
      clients: [
        {
          clientId: 'limited',
          clientSecret: 'limited-secret',
          permissions: ['oauth:client:view', 'oauth:client:edit'],
        },
        { clientId: 'far', clientSecret: 'far-secret', ipAllowlist: ['192.0.2.0/24'], roleDivisions: [role] },
        { clientId: 'near', clientSecret: 'near-secret', ipAllowlist: ['127.0.0.0/8'] },
      ],
    });
    try {
      const tokenOf = (id: string) => postToken(limited, { authorization: basic(id, `${id}-secret`) });
      expect((await tokenOf('far')).status).toBe(401);
      const near = await read<{ access_token: string }>(tokenOf('near'));
      const mine = await read<{ access_token: string }>(tokenOf('limited'));
      const ask = (method: string, path: string, body?: unknown) =>
        call(limited, mine.access_token, path, {
          method,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      const refused = await ask('DELETE', '/api/v2/oauth/clients/near');
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ message: expect.stringContaining('[oauth:client:delete]') });
      const body = { name: 'x', authorizedGrantType: 'CLIENT_CREDENTIALS', state: 'inactive' };
      expect((await ask('PUT', '/api/v2/oauth/clients/far', body)).status).toBe(403);
      expect((await call(limited, near.access_token, '/api/v2/tokens/me')).status).toBe(200);
      expect((await ask('PUT', '/api/v2/oauth/clients/near', body)).status).toBe(200);
      expect((await call(limited, near.access_token, '/api/v2/tokens/me')).status).toBe(401);
      await ask('PUT', '/api/v2/oauth/clients/near', { ...body, state: 'active' });
      expect((await call(limited, near.access_token, '/api/v2/tokens/me')).status).toBe(200);
      expect(await read(ask('GET', '/api/v2/authorization/subjects/me'))).toMatchObject({
        id: 'limited',
        grants: [{ role: { policies: [{ domain: 'oauth', entityName: 'client', actions: ['view'] }, {}] } }],
      });
    } finally {
      await limited.close();
    }
  });

  it('has at most ten security keys, whose value is told once and used as a token, and secrets that are pushed', async () => {
    const keysCloud = await startGenesysCloud({ users: 1, securitySecrets: ['crm'] });
    try {
      const admin = await read<{ access_token: string }>(postToken(keysCloud));
      const ask = (method: string, path: string, body?: unknown) =>
        call(keysCloud, admin.access_token, path, {
          method,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      const keys = '/api/v2/security/keys';
      expect((await ask('POST', keys, { name: 'k', scopes: [], expiresInDays: 366 })).status).toBe(400);
      const made = await read<{ id: string; keyValue: string }>(
        ask('POST', keys, { name: 'k', scopes: [], expiresInDays: 1 }),
      );
      expect((await call(keysCloud, made.keyValue, '/api/v2/tokens/me')).status).toBe(200);
      expect(await (await ask('GET', keys)).text()).not.toContain(made.keyValue);
      for (let i = 1; i < 10; i += 1) await ask('POST', keys, { name: 'k', scopes: [], expiresInDays: 1 });
      expect((await ask('POST', keys, { name: 'k', scopes: [], expiresInDays: 1 })).status).toBe(409);
      expect((await ask('DELETE', `${keys}/${made.id}`)).status).toBe(204);
      expect((await call(keysCloud, made.keyValue, '/api/v2/tokens/me')).status).toBe(401);
      const pushed = ask('PATCH', '/api/v2/security/secrets/crm', {
        value: 'pushed-value',
        dateExpires: '2026-12-01T00:00:00Z',
      });
      expect(await read(pushed)).toMatchObject({ id: 'crm', version: 1, dateExpires: '2026-12-01T00:00:00Z' });
      expect(await (await ask('GET', '/api/v2/security/secrets/crm')).text()).not.toContain('pushed-value');
      expect((await ask('PATCH', '/api/v2/security/secrets/none', { value: 'x' })).status).toBe(404);
    } finally {
      await keysCloud.close();
    }
  });

  it('tells a caller about its token, organisation and limits', async () => {
    expect(await get('/api/v2/tokens/me')).toMatchObject({
      organization: { name: 'Simulated organization us_east_1' },
      OAuthClient: { id: DEFAULT_CLIENT.clientId, authorizedGrantType: 'CLIENT_CREDENTIALS' },
    });
    expect(await get('/api/v2/organizations/me')).toMatchObject({ state: 'active', version: 1 });
    expect(await get('/api/v2/organizations/limits/namespaces/platform.api')).toMatchObject({
      entities: expect.arrayContaining([
        { key: 'client.credentials.token.rate.per.minute', namespace: 'platform.api', value: 300 },
      ]),
    });
    expect((await call(cloud, token, '/api/v2/organizations/limits/namespaces/toString')).status).toBe(404);
  });

  it('serves external contacts', async () => {
    const page = await get<Models.ContactListing>('/api/v2/externalcontacts/contacts');
    expect(page.entities).toHaveLength(20);
    const [contact] = page.entities ?? [];
    expect(await get(`/api/v2/externalcontacts/contacts/${contact?.id}`)).toEqual(contact);
    expect((await call(cloud, token, '/api/v2/externalcontacts/contacts?pageSize=101')).status).toBe(400);
  });

  it('takes bodies of 10 MB and counts them', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(10_000_000) });
    const response = await send('POST', '/api/v2/users', body);
    expect(response.status).toBe(400);
    const [request] = cloud.control.requests({ method: 'POST', path: '/api/v2/users' });
    expect(request?.bodyBytes).toBe(body.length);
    expect(request?.bodySha256).toMatch(/^[0-9a-f]{64}$/);
  });
});
