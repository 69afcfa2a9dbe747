/**
 * Faults, stubs, counts and redaction, in process and over the control API, seen from the client's side of the socket.
 */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from './index.js';
import { call, login, postToken, read } from './testing.js';

let cloud: GenesysCloud;
let token: string;

beforeEach(async () => {
  cloud = await startGenesysCloud({ users: 40 });
  token = await login(cloud);
});
afterEach(() => cloud.close());

/** Talks to the control API. */
async function control(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${cloud.url}/_control${path}`, { method, ...init });
  return { status: response.status, body: await response.json() };
}

/** A GET without fetch's own headers and decoding. */
function rawGet(
  path: string,
  headers: Record<string, string>,
): Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(cloud.url + path, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

describe('faults of login', () => {
  it('throttles as Genesys does: 400 invalid_request, so many times', async () => {
    cloud.control.setFault('login', { throttle: true, times: 2 });
    for (const _ of [1, 2]) {
      const response = await postToken(cloud);
      expect(response.status).toBe(400);
      expect(await read(response)).toMatchObject({
        error: 'invalid_request',
        description: expect.stringMatching(/^rate limit exceeded; /),
      });
    }
    expect((await postToken(cloud)).status).toBe(200);
    expect(cloud.control.faults()).toEqual([]);
  });

  it('answers without a token, refuses the client, is down', async () => {
    cloud.control.setFault('login', { noToken: true });
    const empty = await postToken(cloud);
    expect(empty.status).toBe(200);
    expect(await read(empty)).not.toHaveProperty('access_token');
    cloud.control.setFault('login', { invalidClient: true });
    expect(await read(postToken(cloud))).toMatchObject({ error: 'invalid_client' });
    cloud.control.setFault('login', { status: 503, retryAfterSeconds: 7, body: 'down' });
    const down = await postToken(cloud);
    expect([down.status, down.headers.get('retry-after'), await down.text()]).toEqual([503, '7', 'down']);
    expect((await call(cloud, token, '/api/v2/users')).status).toBe(200);
    cloud.control.clearFaults();
    expect((await postToken(cloud)).status).toBe(200);
    expect(cloud.control.counts().tokensIssued).toBe(2);
  });

  it('hangs until cleared, then answers', async () => {
    cloud.control.setFault('login', { hang: true });
    const pending = postToken(cloud);
    await cloud.control.waitFor((counts) => counts.tokenRequests === 2 && counts.inFlight === 1, 5000);
    cloud.control.clearFaults('login');
    expect((await pending).status).toBe(200);
  });

  it('lets go of a request that its client gave up', async () => {
    cloud.control.setFault('login', { hang: true });
    const abort = new AbortController();
    const pending = fetch(cloud.tokenUrl, { method: 'POST', signal: abort.signal });
    await cloud.control.waitFor((counts) => counts.inFlight === 1, 5000);
    abort.abort();
    await expect(pending).rejects.toThrow();
    await cloud.control.waitFor((counts) => counts.inFlight === 0 && counts.unanswered === 1, 5000);
  });
});

describe('faults of the API', () => {
  it('applies to a path, before one that applies to all', async () => {
    cloud.control.setFault('api', { status: 503 });
    cloud.control.setFault('api', { status: 404, path: '/api/v2/users/{id}' });
    expect((await call(cloud, token, '/api/v2/users/1')).status).toBe(404);
    const down = await call(cloud, token, '/api/v2/users');
    expect(down.status).toBe(503);
    expect(await read(down)).toMatchObject({ code: 'service.unavailable', status: 503, errors: [] });
    expect((await postToken(cloud)).status).toBe(200);
  });

  it('drops connections before and within the answer', async () => {
    cloud.control.setFault('api', { drop: true, times: 1 });
    await expect(call(cloud, token, '/api/v2/users')).rejects.toThrow();
    cloud.control.setFault('api', { dropMidBody: true, times: 1 });
    const half = await call(cloud, token, '/api/v2/users');
    expect(half.status).toBe(200);
    await expect(half.text()).rejects.toThrow();
    await cloud.control.waitFor((counts) => counts.inFlight === 0, 5000);
    expect(cloud.control.counts()).toMatchObject({ unanswered: 1, apiByStatus: { '200': 1 } });
    expect((await call(cloud, token, '/api/v2/users')).status).toBe(200);
  });

  it('waits and sends slowly', async () => {
    cloud.control.stub({ path: '/api/v2/slow', body: { a: 'x'.repeat(192) } });
    cloud.control.setFault('api', { latencyMs: { min: 60, max: 80 }, slowBody: { chunkBytes: 100, chunkDelayMs: 50 } });
    const started = performance.now();
    const response = await call(cloud, token, '/api/v2/slow');
    expect(performance.now() - started).toBeGreaterThan(55);
    expect(await read(response)).toEqual({ a: 'x'.repeat(192) });
    // 60 ms before the headers, two chunks of 50 ms each.
    expect(performance.now() - started).toBeGreaterThan(150);
  });

  it('never applies at probability 0', async () => {
    cloud.control.setFault('api', { status: 500, probability: 0 });
    expect((await call(cloud, token, '/api/v2/users')).status).toBe(200);
  });
});

describe('stubs', () => {
  it('answers in the place of the API, to live tokens only', async () => {
    cloud.control.stub({
      method: 'GET',
      path: '/api/v2/users/{id}',
      status: 418,
      headers: { 'X-A': 'b' },
      body: 'tea',
    });
    const response = await call(cloud, token, '/api/v2/users/1');
    expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([418, 'b', 'tea']);
    expect((await fetch(`${cloud.url}/api/v2/users/1`)).status).toBe(401);
    expect((await call(cloud, token, '/api/v2/users/1', { method: 'DELETE' })).status).toBe(404);
    cloud.control.stub({ path: '/elsewhere', body: { free: true } });
    expect(await read(fetch(`${cloud.url}/elsewhere`))).toEqual({ free: true });
    cloud.control.clearStubs();
    expect((await call(cloud, token, '/api/v2/users/1')).status).toBe(404);
  });

  it('makes JSON bodies of a wanted size', async () => {
    for (const bodyBytes of [28, 1000, 10_000_000]) {
      cloud.control.stub({ path: '/api/v2/big', bodyBytes });
      const text = await (await call(cloud, token, '/api/v2/big')).text();
      expect(text.length).toBe(bodyBytes);
      expect(JSON.parse(text)).toHaveProperty('entities');
    }
  });

  it.each(['gzip', 'br', 'deflate'] as const)('compresses with %s for clients that accept it', async (encoding) => {
    cloud.control.stub({ path: '/api/v2/big', bodyBytes: 50_000, encoding });
    const response = await call(cloud, token, '/api/v2/big', { headers: { 'accept-encoding': encoding } });
    expect(response.headers.get('content-encoding')).toBe(encoding);
    expect(Number(response.headers.get('content-length'))).toBeLessThan(20_000);
    expect((await response.text()).length).toBe(50_000);
    const plain = await rawGet('/api/v2/big', { authorization: `Bearer ${token}` });
    expect([plain.headers['content-encoding'], plain.body.length]).toEqual([undefined, 50_000]);
    const refused = await rawGet('/api/v2/big', {
      authorization: `Bearer ${token}`,
      'accept-encoding': `${encoding};q=0, *`,
    });
    expect(refused.body.length).toBe(50_000);
  });

  it('compresses unasked if told so, and the API itself on demand', async () => {
    cloud.control.stub({ path: '/api/v2/odd', body: '{}', encoding: 'gzip', ignoreAcceptEncoding: true });
    const odd = await rawGet('/api/v2/odd', { authorization: `Bearer ${token}` });
    expect(odd.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(odd.body).toString()).toBe('{}');
    cloud.control.setCompression(true);
    const users = await rawGet('/api/v2/users', { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip' });
    expect(JSON.parse(gunzipSync(users.body).toString())).toMatchObject({ total: 40 });
  });
});

describe('requests and counts', () => {
  it('lists what arrived without any secret or token', async () => {
    await fetch(`${cloud.url}/api/v2/users?access_token=${token}&pageSize=1`, {
      headers: { 'X-Genesys-Token': token, apikey: 'gateway-key', cookie: 'a=b', authorization: 'Bearer made-up' },
    });
    await fetch(`${cloud.url}/api/v2/users`, { headers: { authorization: token } });
    await fetch(`${cloud.url}/api/v2/users`, { headers: { authorization: 'Digest secret' } });
    await call(cloud, token, '/api/v2/users');
    cloud.control.revokeTokens();
    await call(cloud, token, '/api/v2/users');
    const listed = cloud.control.requests();
    expect(listed.map((request) => request.headers.authorization)).toEqual([
      `Basic ${DEFAULT_CLIENT.clientId}`,
      'Bearer unknown',
      'redacted',
      'Digest redacted',
      'Bearer token #1',
      'Bearer token #1',
    ]);
    expect(listed.map((request) => request.authorized)).toEqual([true, false, false, false, true, false]);
    expect(listed[1]).toMatchObject({
      query: 'access_token=redacted&pageSize=1',
      headers: { 'x-genesys-token': 'token #1', apikey: 'redacted', cookie: 'redacted' },
    });
    const text = JSON.stringify([
      listed,
      (await control('GET', '/requests')).body,
      (await control('GET', '/tokens')).body,
    ]);
    for (const secret of [token, DEFAULT_CLIENT.clientSecret, 'made-up', 'gateway-key', 'Digest secret']) {
      expect(text).not.toContain(secret);
    }
    expect(cloud.control.counts()).toMatchObject({
      apiRequests: 5,
      unauthorized: 4,
      byToken: { '1': 1 },
      byClient: { [DEFAULT_CLIENT.clientId]: 1 },
      byHeader: { apikey: 1, authorization: 5 },
      apiByStatus: { '200': 1, '401': 4 },
    });
  });

  it('filters, keeps the last ones, and starts anew', async () => {
    const small = await startGenesysCloud({ users: 1, keptRequests: 3 });
    try {
      const theirs = await login(small);
      for (const id of ['a', 'b', 'c', 'd', 'e']) await call(small, theirs, `/api/v2/users/${id}`);
      expect(small.control.requests().map((request) => request.path)).toEqual([
        '/api/v2/users/c',
        '/api/v2/users/d',
        '/api/v2/users/e',
      ]);
      expect(small.control.requests({ kind: 'api', status: 404, path: '/api/v2/users/*', limit: 1 })).toHaveLength(1);
      expect(small.control.requests({ kind: 'login' })).toHaveLength(0);
      expect(small.control.counts().byPath).toEqual({ 'GET /api/v2/users/{userId}': 5 });
      small.control.reset();
      expect(small.control.requests()).toEqual([]);
      expect(small.control.counts()).toMatchObject({ apiRequests: 0, byPath: {}, inFlight: 0 });
    } finally {
      await small.close();
    }
  });

  it('tells what it saw when a condition is not met in time', async () => {
    await expect(cloud.control.waitFor((counts) => counts.apiRequests === 99, 20)).rejects.toThrow('"apiRequests":0');
  });
});

describe('control API', () => {
  it('does what the in-process functions do', async () => {
    expect((await control('POST', '/faults', { target: 'api', fault: { status: 500, times: 1 } })).status).toBe(200);
    expect((await control('GET', '/faults')).body).toMatchObject({ faults: [{ target: 'api', remaining: 1 }] });
    expect((await call(cloud, token, '/api/v2/users')).status).toBe(500);
    await control('POST', '/faults', { target: 'login', fault: { latencyMs: { min: 1, max: 2 }, throttle: true } });
    expect((await control('DELETE', '/faults?target=login')).status).toBe(200);
    expect((await postToken(cloud)).status).toBe(200);
    await control('POST', '/stubs', { path: '/api/v2/x', body: { x: 1 }, headers: { 'x-y': 'z' } });
    expect(await read(call(cloud, token, '/api/v2/x'))).toEqual({ x: 1 });
    await control('DELETE', '/stubs');
    expect((await call(cloud, token, '/api/v2/x')).status).toBe(404);
    await control('POST', '/token-lifetime', { seconds: 5 });
    expect(await read(postToken(cloud))).toMatchObject({ expires_in: 5 });
    await control('POST', '/rate-limit', { perMinute: 1 });
    expect((await call(cloud, token, '/api/v2/users')).status).toBe(429);
    expect((await control('POST', '/tokens/revoke', { which: 1 })).body).toEqual({ revoked: 1 });
    await control('POST', `/clients/${DEFAULT_CLIENT.clientId}/secret`, { secret: 'other' });
    expect((await postToken(cloud)).status).toBe(401);
    expect((await control('GET', '/requests?kind=login&limit=1')).body).toMatchObject({ requests: [{ status: 401 }] });
    await control('POST', '/reset');
    expect((await control('GET', '/counts')).body).toMatchObject({ apiRequests: 0, tokenRequests: 0 });
  });

  it.each([
    ['POST', '/faults', { target: 'moon', fault: {} }, 400],
    ['POST', '/faults', { target: 'api', fault: { latency: 5 } }, 400],
    ['POST', '/faults', { target: 'api', fault: { probability: 2 } }, 400],
    ['POST', '/stubs', { path: '/x', headers: { a: 'b\r\nc: d' } }, 400],
    ['POST', '/stubs', {}, 400],
    ['POST', '/rate-limit', { perMinute: '5' }, 400],
    ['POST', '/clients/nobody/secret', { secret: 'x' }, 400],
    ['GET', '/requests?status=x', undefined, 400],
    ['GET', '/nothing', undefined, 404],
    ['PUT', '/counts', {}, 405],
  ])('refuses %s %s %j', async (method, path, body, status) => {
    const answer = await control(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error: expect.any(String) });
  });

  it('refuses web pages', async () => {
    const response = await fetch(`${cloud.url}/_control/counts`, { headers: { origin: 'http://evil.example.com' } });
    expect(response.status).toBe(403);
  });
});

describe('closing', () => {
  it('destroys open connections, hanging requests among them, and frees the port', async () => {
    cloud.control.setFault('api', { hang: true });
    const pending = call(cloud, token, '/api/v2/users').catch(() => 'destroyed');
    const idle = connect(cloud.port, '127.0.0.1');
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => undefined);
    await cloud.control.waitFor((counts) => counts.inFlight === 1, 5000);
    await cloud.close();
    await cloud.close();
    expect(await pending).toBe('destroyed');
    await idleClosed;
    await expect(fetch(cloud.url)).rejects.toThrow();
    const again = await startGenesysCloud({ port: cloud.port, users: 1 });
    const taken = await startGenesysCloud({ port: again.port, users: 1 }).catch((error: unknown) => String(error));
    expect(taken).toContain(`port ${again.port} is taken`);
    await again.close();
  });
});
