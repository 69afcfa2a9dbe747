/** The main job: a client that holds only a gateway key calls Genesys Cloud, and the gateway alone holds its credentials. */
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type GenesysGateway, KEY, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

let setup: GenesysGateway;

beforeAll(async () => {
  setup = await startGenesysGateway();
});
afterAll(() => setup?.close());
beforeEach(() => {
  const { control } = setup.genesys;
  control.clearFaults();
  control.setTokenLifetime(null);
  control.reset();
});

/** A configuration that no earlier test has a token for: the scope is part of what a token is cached under. */
let scopes = 0;
async function withFreshToken(changes: Record<string, unknown> = {}): Promise<void> {
  scopes += 1;
  await setup.reconfigure((config) => Object.assign(tokenManagerConfig(config), { scope: `test-${scopes}` }, changes));
}

describe('a request with a gateway key', () => {
  it("reaches Genesys with the gateway's token, and without anything that names the client", async () => {
    const response = await setup.get('/api/v2/users?pageSize=2', {
      headers: {
        Authorization: 'Bearer of-the-client',
        'Proxy-Authorization': 'Basic YTpi',
        Cookie: 'session=1',
        'X-Consumer-Username': 'forged',
        'X-Credential-Identifier': 'forged',
        'X-Kept': 'yes',
      },
    });
    expect(response.status).toBe(200);
    const page = (await response.json()) as { entities: unknown[]; total: number };
    expect(page.entities).toHaveLength(2);
    expect(page.total).toBe(1000);
    const [seen] = setup.genesys.control.requests({ kind: 'api' });
    expect(seen).toMatchObject({ authorized: true, path: '/api/v2/users', clientId: DEFAULT_CLIENT.clientId });
    expect(seen?.headers).toMatchObject({ 'x-kept': 'yes' });
    for (const name of Object.keys(seen?.headers ?? {})) {
      expect(name).not.toMatch(/^(apikey|cookie|proxy-authorization|x-consumer-.*|x-credential-.*|x-anonymous-.*)$/);
    }
    expect(JSON.stringify([...response.headers])).not.toMatch(/bearer/i);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { apikey: 'wrong' }],
  ])('but %s is refused, and nothing reaches Genesys', async (_what, headers) => {
    const response = await fetch(`${setup.gateway.url}/api/v2/users`, { headers });
    expect(response.status).toBe(401);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  });

  it('that is one of a thousand at once, on a cold cache, makes one token request in all', async () => {
    await withFreshToken();
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const response = await setup.get('/api/v2/tokens/me');
        await response.arrayBuffer();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 1, apiRequests: 1000, unauthorized: 0 });
  }, 60_000);

  it('goes on while tokens expire under load', async () => {
    setup.genesys.control.setTokenLifetime(2);
    await withFreshToken();
    const until = performance.now() + 7000;
    const failures: number[] = [];
    let done = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (performance.now() < until) {
          const response = await setup.get('/api/v2/tokens/me');
          await response.arrayBuffer();
          done += 1;
          if (response.status !== 200) failures.push(response.status);
        }
      }),
    );
    const counts = setup.genesys.control.counts();
    expect(failures).toEqual([]);
    expect(counts.unauthorized).toBe(0);
    expect(done).toBeGreaterThan(100);
    // Renewed at half life: about one a second.
    expect(counts.tokenRequests).toBeGreaterThanOrEqual(4);
    expect(counts.tokenRequests).toBeLessThanOrEqual(9);
  });
});

describe('bodies of 10 MB', () => {
  const bytes = 10 * 1024 * 1024;
  // The gateway may hold a token of the test before, which is good for 2 s: on a busy machine a body takes longer.
  beforeEach(() => withFreshToken());

  it('pass to Genesys whole', async () => {
    const body = randomBytes(bytes);
    setup.genesys.control.stub({ method: 'POST', path: '/api/v2/upload', status: 200, body: { ok: true } });
    const response = await setup.get('/api/v2/upload', { method: 'POST', body });
    expect(response.status).toBe(200);
    const [seen] = setup.genesys.control.requests({ path: '/api/v2/upload' });
    expect(seen).toMatchObject({
      bodyBytes: bytes,
      bodySha256: createHash('sha256').update(body).digest('hex'),
      authorized: true,
    });
  });

  it('pass to the client whole', async () => {
    setup.genesys.control.stub({ method: 'GET', path: '/api/v2/download', status: 200, bodyBytes: bytes });
    const response = await setup.get('/api/v2/download');
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text.length).toBeGreaterThan(bytes * 0.95);
    expect(() => JSON.parse(text)).not.toThrow();
  });
});

describe('when login is in trouble', () => {
  const expectUnavailable = async (response: Response): Promise<void> => {
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toMatchObject({
      code: 'gateway.token.unavailable',
      status: 503,
      contextId: expect.stringMatching(/^[0-9a-f]{32}$/),
      details: [],
      errors: [],
    });
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  };

  it('because it is down, the client learns when to come back, and service returns by itself', async () => {
    await withFreshToken();
    setup.genesys.control.setFault('login', { drop: true });
    await expectUnavailable(await setup.get('/api/v2/users'));
    setup.genesys.control.clearFaults();
    await waitFor('service to return', async () => {
      const response = await setup.get('/api/v2/tokens/me');
      await response.arrayBuffer();
      return response.status === 200;
    });
  });

  it('because it throttles once, the request waits and succeeds', async () => {
    await withFreshToken();
    setup.genesys.control.setFault('login', { throttle: true, times: 1 });
    const response = await setup.get('/api/v2/tokens/me');
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    expect(setup.genesys.control.counts().tokenRequests).toBe(2);
  });

  it('because it is slow, the request waits; slower than timeout_ms, it is tried again', async () => {
    await withFreshToken({ timeout_ms: 500 });
    setup.genesys.control.setFault('login', { latencyMs: 300 });
    expect((await setup.get('/api/v2/tokens/me')).status).toBe(200);
    await withFreshToken({ timeout_ms: 500 });
    setup.genesys.control.setFault('login', { latencyMs: 1500, times: 1 });
    expect((await setup.get('/api/v2/tokens/me')).status).toBe(200);
  });

  it('because the secret is wrong, it is asked once, and the log says which client without the secret', async () => {
    await withFreshToken({ client_secret: 'not-the-secret' });
    await expectUnavailable(await setup.get('/api/v2/users'));
    for (let count = 0; count < 20; count += 1) await expectUnavailable(await setup.get('/api/v2/users'));
    expect(setup.genesys.control.counts().tokenRequests).toBe(1);
    await waitFor('the log line', () => /no token for OAuth client "genesys-client-id"/.test(setup.gateway.log()));
    expect(setup.gateway.log()).not.toContain('not-the-secret');
  });

  it('a token in hand serves until it expires', async () => {
    setup.genesys.control.setTokenLifetime(4);
    await withFreshToken();
    expect((await setup.get('/api/v2/tokens/me')).status).toBe(200);
    setup.genesys.control.setFault('login', { status: 503 });
    const until = performance.now() + 2500;
    while (performance.now() < until) {
      const response = await setup.get('/api/v2/tokens/me');
      await response.arrayBuffer();
      expect(response.status).toBe(200);
    }
    await waitFor('the token to expire', async () => {
      const response = await setup.get('/api/v2/tokens/me');
      await response.arrayBuffer();
      return response.status === 503;
    });
    expect(setup.genesys.control.counts().unauthorized).toBe(0);
  });
});

describe("Genesys' own SDK", () => {
  it('lists users through the gateway and pages through all 1,000', async () => {
    await withFreshToken();
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
      expect(page.entities).toHaveLength(100);
      expect(page.total).toBe(1000);
      for (const user of page.entities) ids.add(user.id);
    }
    expect(ids.size).toBe(1000);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 1, unauthorized: 0 });
  });
});
