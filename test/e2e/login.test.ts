/**
 * Genesys' own tools behind the gateway: they log in with a secret of the gateway's, and their token is good for nothing
 * but the gateway. The client is Genesys' JavaScript SDK as it comes from npm, wherever it can be.
 */
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT } from 'jose';
import platformClient from 'purecloud-platform-client-v2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEMO_ACCESS, developmentSigningKeys, type KongConfig } from '../../kong/testbed/development-config.js';
import { codeBlocks } from '../../kong/testbed/markdown.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { basicCredentials } from '../../plugins/shared/client-credentials.js';
import { LUA_ONLY } from './gateway.js';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const ISSUER = 'svc-demo:k1';
let setup: GenesysGateway;
const client = platformClient.ApiClient.instance;

beforeAll(async () => {
  setup = await startGenesysGateway({ users: 230 });
});
afterAll(() => setup?.close());
beforeEach(() => {
  const { control } = setup.genesys;
  control.clearFaults();
  control.reset();
  useGateway({});
});

interface Paths {
  path_params_login?: string;
  path_params_api?: string;
}

/** What a user of the SDK writes. */
function useGateway(paths: Paths): void {
  const { hostname, port } = new URL(setup.gateway.url);
  client.setGateway({
    host: hostname,
    protocol: 'http',
    port: Number(port),
    username: 'any',
    password: 'any',
    ...paths,
  });
}

const sdkLogin = () => client.loginClientCredentialsGrant(DEMO_ACCESS.clientId, DEMO_ACCESS.clientSecret);

const basic = (id: string, secret: string): { Authorization: string } => ({
  Authorization: `Basic ${btoa(`${id}:${secret}`)}`,
});

function login(init: RequestInit = {}, path = '/oauth/token'): Promise<Response> {
  return fetch(`${setup.gateway.url}${path}`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    ...init,
    headers: { ...basic(DEMO_ACCESS.clientId, DEMO_ACCESS.clientSecret), ...init.headers },
  });
}

async function token(): Promise<string> {
  const response = await login();
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

async function statusWith(bearer: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${setup.gateway.url}/api/v2/tokens/me`, {
    headers: { Authorization: `Bearer ${bearer}`, ...headers },
  });
  await response.arrayBuffer();
  return response.status;
}

const now = (): number => Math.floor(Date.now() / 1000);

/** A token as the gateway makes them, with changes. */
async function signed(
  claims: Record<string, unknown> = {},
  privateKey = developmentSigningKeys().privateKey,
): Promise<string> {
  const key = await importPKCS8(privateKey, 'RS256');
  const whole = { iss: ISSUER, jti: randomUUID(), iat: now(), nbf: now() - 60, exp: now() + 3600, ...claims };
  return new SignJWT(whole).setProtectedHeader({ alg: 'RS256', typ: 'JWT' }).sign(key);
}

function unsigned(header: Record<string, unknown>, sign: (text: string) => string): string {
  const claims = { iss: ISSUER, nbf: now() - 60, exp: now() + 3600 };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign(text)}`;
}

const FORM_ENCODED = 'accepts id and secret raw and form-encoded, by the pre-function that its page explains';

describe('the login route', () => {
  it(FORM_ENCODED, unless(LUA_ONLY), async () => {
    const secrets = ['a+b/c==', 'with space', 'ümlaut+%', '100%', 'a+b', 'plain'];
    await setup.reconfigure((config) => {
      const routes = config.services.flatMap((service) => service.routes);
      const route = routes.find(({ plugins }) => plugins.some(({ name }) => name === 'genesys-login'));
      expect(route?.plugins[0]).toEqual(preFunctionOfPage());
      const basicauth_credentials = secrets.map((password, i) => ({ username: `${i}/+id`, password }));
      Object.assign(config.consumers?.find(({ username }) => username === 'svc-demo') ?? {}, { basicauth_credentials });
    });
    const answers: Record<string, number[]> = {};
    for (const [i, secret] of secrets.entries()) {
      const raw = Buffer.from(`${i}/+id:${secret}`).toString('base64');
      answers[secret] = await Promise.all(
        [raw, basicCredentials(`${i}/+id`, secret), basicCredentials(`${i}/+id`, `${secret}x`)].map(
          async (credentials) => (await login({ headers: { Authorization: `Basic ${credentials}` } })).status,
        ),
      );
    }
    expect(answers).toEqual(Object.fromEntries(secrets.map((secret) => [secret, [200, 200, 401]])));
    // The entry on the route does not replace the global one, which runs in another phase.
    expect((await login({}, '/login%2foauth/token')).status).toBe(400);
    await setup.reconfigure(() => undefined);
  });
});

/** The entry that the page of genesys-login prints. */
function preFunctionOfPage(): { name: string; config: Record<string, unknown> } {
  const page = readFileSync(join(ROOT, 'plugins/genesys-login/README.md'), 'utf8');
  const [block] = codeBlocks(page.slice(page.indexOf('<!-- form-encoded -->')));
  const [entry] = parse(block?.text ?? '');
  return entry;
}

describe("Genesys' JavaScript SDK", () => {
  it.each<[string, Paths]>([
    ['without path parameters', {}],
    ['with path parameters for login and API', { path_params_login: 'login', path_params_api: '/api' }],
    ['with a path parameter for login alone', { path_params_login: '/login' }],
  ])('logs in and pages through all users, %s', async (_what, paths) => {
    useGateway(paths);
    await sdkLogin();
    const api = new platformClient.UsersApi();
    const ids = new Set<string>();
    for (let pageNumber = 1; ; pageNumber += 1) {
      const page = await api.getUsers({ pageSize: 100, pageNumber });
      for (const user of page.entities ?? []) ids.add(user.id ?? '');
      if (page.nextUri === undefined) break;
    }
    expect(ids.size).toBe(230);
    expect(setup.genesys.control.counts()).toMatchObject({ unauthorized: 0, byPath: { 'GET /api/v2/users': 3 } });
  });

  it('creates, reads and deletes', async () => {
    await sdkLogin();
    const api = new platformClient.RoutingApi();
    const created = await api.postRoutingQueues({ name: `made by the SDK ${randomUUID()}` });
    const id = created.id ?? '';
    expect(await api.getRoutingQueue(id)).toMatchObject({ name: created.name });
    await api.deleteRoutingQueue(id);
    await expect(api.getRoutingQueue(id)).rejects.toMatchObject({ status: 404 });
  });

  it('gets 401 with a token that has expired, and goes on after a new login', async () => {
    const api = new platformClient.OrganizationApi();
    client.setAccessToken(await signed({ exp: now() - 1 }));
    await expect(api.getOrganizationsMe()).rejects.toMatchObject({ exp: 'token expired' });
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    await sdkLogin();
    expect((await api.getOrganizationsMe()).name).toContain('Simulated organization');
  });

  it('understands a 429, which it leaves to its user to repeat', async () => {
    await sdkLogin();
    setup.genesys.control.setFault('api', {
      status: 429,
      times: 1,
      retryAfterSeconds: 1,
    });
    const api = new platformClient.UsersApi();
    client.setReturnExtendedResponses(true);
    try {
      const refused = (await api.getUsers({ pageSize: 1 }).catch((error: unknown) => error)) as {
        status: number;
        headers: Record<string, string>;
      };
      expect(refused.status).toBe(429);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      // Until Retry-After is over, the gateway answers 429 itself: the application may repeat as often as it likes.
      const repeated = await waitFor('the users', async () => {
        const answer = (await api.getUsers({ pageSize: 1 }).catch((error: unknown) => error)) as { status: number };
        expect([200, 429]).toContain(answer.status);
        return answer.status === 200 && answer;
      });
      expect(repeated).toMatchObject({ body: { total: 230 } });
      expect(setup.genesys.control.counts().byPath).toEqual({ 'GET /api/v2/users': 2 });
    } finally {
      client.setReturnExtendedResponses(false);
    }
  });

  it('is told that its secret is wrong', async () => {
    const failure = await client.loginClientCredentialsGrant(DEMO_ACCESS.clientId, 'wrong').catch((error) => error);
    expect(failure.response).toMatchObject({ status: 401, data: { error: 'invalid_client' } });
  });
});

/**
 * As github.com/mypurecloud/platform-client-sdk-go makes its requests (apiclient.go: CallAPI and getConfUrl), on which
 * the CLI and Terraform's provider stand: with a port other than 80 and 443 it writes one slash too many.
 */
describe("the requests of Genesys' Go SDK, as its sources make them", () => {
  const agent = { 'User-Agent': 'GC Terraform Provider/1.0', Connection: 'close' };

  it.each([
    ['without path parameters', '//oauth/token', '//api/v2'],
    ['without path parameters, on port 80 or 443', '/oauth/token', '/api/v2'],
    ['with path parameters', '//login/oauth/token', '//api/api/v2'],
    ['with the one path parameter that environment variables can carry', '//oauth/token', '//api/api/v2'],
  ])('%s', async (_what, loginPath, apiPath) => {
    const answer = await login({ headers: agent }, loginPath);
    expect(answer.status).toBe(200);
    const { access_token: bearer, expires_in: seconds } = (await answer.json()) as {
      access_token: string;
      expires_in: number;
    };
    // It asks again a minute before the end: with a minute or less it would do nothing else.
    expect(seconds).toBeGreaterThan(60);
    const headers = { ...agent, Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' };
    const call = async (method: string, path: string, body: unknown = null): Promise<[number, { id: string }]> => {
      const text = body === null ? null : JSON.stringify(body);
      const response = await fetch(`${setup.gateway.url}${apiPath}${path}`, { method, headers, body: text });
      return [response.status, (await response.json().catch(() => ({}))) as { id: string }];
    };
    // Terraform's provider begins with these two.
    expect((await call('GET', '/organizations/me'))[0]).toBe(200);
    expect((await call('GET', '/tokens/me'))[0]).toBe(200);
    const [created, { id }] = await call('POST', '/routing/queues', { name: `by Go ${randomUUID()}` });
    expect(created).toBe(200);
    expect((await call('DELETE', `/routing/queues/${id}?forceDelete=true`))[0]).toBe(204);
    expect((await call('GET', `/routing/queues/${id}`))[0]).toBe(404);
    const paths = setup.genesys.control.requests({ kind: 'api' }).map(({ path }) => path);
    for (const path of paths) expect(path).toMatch(/^\/api\/v2\/[a-z]/);
  });
});

describe('a login', () => {
  it('answers with a signed token of its own, that nobody may keep', async () => {
    const response = await login();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const body = (await response.json()) as { access_token: string };
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 3600 });
    expect(decodeProtectedHeader(body.access_token)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    const claims = decodeJwt(body.access_token);
    expect(claims).toEqual({
      iss: ISSUER,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: expect.any(Number),
      nbf: Number(claims.iat) - 60,
      exp: Number(claims.iat) + 3600,
    });
    expect(decodeJwt(await token()).jti).not.toBe(claims.jti);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 0, apiRequests: 0 });
  });

  it.each([
    ['a wrong secret', basic(DEMO_ACCESS.clientId, 'wrong')],
    ['an unknown client', basic('nobody', DEMO_ACCESS.clientSecret)],
    ['no secret', basic(DEMO_ACCESS.clientId, '')],
    ['a key instead', { Authorization: '', ...KEY }],
    ['something else', { Authorization: 'Bearer x' }],
  ])('with %s is refused as Genesys refuses it', async (_what, headers) => {
    const response = await login({ headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      error: 'invalid_client',
      description: expect.any(String),
      error_description: expect.any(String),
    });
  });

  it.each([
    ['grant_type=password&username=a&password=b', 'unsupported_grant_type'],
    ['grant_type=authorization_code&code=x', 'unsupported_grant_type'],
    ['grant_type=client_credentials&grant_type=client_credentials', 'invalid_request'],
    ['{"grant_type":"client_credentials"}', 'invalid_request'],
    ['', 'invalid_request'],
  ])('that asks for %j gets 400', async (body, error) => {
    const response = await login({ body });
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ error })]);
  });

  it('with a body that is none of a token request gets 413', async () => {
    for (const length of [9000, 200_000]) {
      const response = await login({ body: `grant_type=client_credentials&x=${'x'.repeat(length)}` });
      expect(response.status).toBe(413);
      await response.arrayBuffer();
    }
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('by %s gets 405', async (method) => {
    const response = await login({ method, body: method === 'PUT' ? 'x' : null });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    await response.arrayBuffer();
  });

  it('works while Genesys is down, and its token too once Genesys is back', async () => {
    setup.genesys.control.setFault('login', { drop: true });
    setup.genesys.control.setFault('api', { drop: true });
    const bearer = await token();
    expect(await statusWith(bearer)).toBeGreaterThanOrEqual(500);
    setup.genesys.control.clearFaults();
    await waitFor('Genesys to be back', async () => (await statusWith(bearer)) === 200);
  });

  it('leaves neither secrets nor tokens in the log', async () => {
    const bearer = await token();
    expect(await statusWith(bearer)).toBe(200);
    await login({ headers: basic(DEMO_ACCESS.clientId, 'a-wrong-secret') });
    for (const text of [bearer, DEMO_ACCESS.clientSecret, 'a-wrong-secret', 'PRIVATE KEY']) {
      expect(setup.gateway.log()).not.toContain(text);
    }
  });
});

describe("a token of the gateway's", () => {
  it('opens the API, and does not leave the gateway', async () => {
    expect(await statusWith(await token())).toBe(200);
    const [seen] = setup.genesys.control.requests({ kind: 'api' });
    // The simulator knows its own tokens only.
    expect(seen?.authorized).toBe(true);
    for (const name of Object.keys(seen?.headers ?? {})) expect(name).not.toMatch(/^x-(consumer|credential|anonymous)/);
  });

  it('is told apart from a key on the same path', async () => {
    const bearer = await token();
    const ask = async (headers: Record<string, string>): Promise<number> => {
      const response = await fetch(`${setup.gateway.url}/api/v2/tokens/me`, { headers });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await ask(KEY)).toBe(200);
    expect(await ask({ Authorization: `bearer ${bearer}` })).toBe(200);
    expect(await ask({ ...KEY, Authorization: 'Bearer left-over' })).toBe(200);
    expect(await ask({ Authorization: 'Bearer left-over' })).toBe(401);
    expect(await ask({ apikey: bearer })).toBe(401);
    expect(await ask(basic(DEMO_ACCESS.clientId, DEMO_ACCESS.clientSecret))).toBe(401);
    expect(await ask({})).toBe(401);
    const inQuery = await fetch(`${setup.gateway.url}/api/v2/tokens/me?jwt=${bearer}`);
    expect(inQuery.status).toBe(401);
    await inQuery.arrayBuffer();
  });

  it('is refused with 401 if it is not one: forged, expired, too early, of another issuer, unsigned', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const good = await token();
    const [header = '', , signature = ''] = good.split('.');
    const other = Buffer.from(JSON.stringify({ ...decodeJwt(good), exp: now() + 86_400 })).toString('base64url');
    const hmac = (text: string): string =>
      createHmac('sha256', developmentSigningKeys().publicKey).update(text).digest('base64url');
    const bad: Record<string, string> = {
      'another key': await signed({}, privateKey),
      'claims changed': [header, other, signature].join('.'),
      'signature cut': good.slice(0, -4),
      expired: await signed({ exp: now() - 1 }),
      'without expiry': await signed({ exp: undefined }),
      'too early': await signed({ nbf: now() + 3600 }),
      'of another key id': await signed({ iss: 'svc-demo:k2' }),
      'of another consumer': await signed({ iss: 'somebody:k1' }),
      'of the refused consumer': await signed({ iss: 'login-refused:k1' }),
      'without issuer': await signed({ iss: undefined }),
      'alg none': unsigned({ alg: 'none', typ: 'JWT' }, () => ''),
      'alg none with a signature': unsigned({ alg: 'none', typ: 'JWT' }, () => signature),
      'HS256 with the public key as secret': unsigned({ alg: 'HS256', typ: 'JWT' }, hmac),
    };
    const statuses: Record<string, number> = {};
    for (const [what, bearer] of Object.entries(bad)) statuses[what] = await statusWith(bearer);
    expect(statuses).toEqual(Object.fromEntries(Object.keys(bad).map((what) => [what, 401])));
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    // Nor does a key help one of these.
    expect(await statusWith(bad.expired ?? '', KEY)).toBe(401);
  });
});

describe('what an operator changes', () => {
  const withConfig = (edit: (config: KongConfig) => void): Promise<void> => setup.reconfigure(edit);
  const demo = (config: KongConfig) => {
    const consumer = config.consumers?.find(({ username }) => username === 'svc-demo');
    if (consumer === undefined) throw new Error('no svc-demo');
    return consumer;
  };
  const loginConfig = (config: KongConfig): Record<string, unknown> => {
    const plugins = config.services.flatMap(({ routes }) => routes).flatMap((route) => route.plugins);
    const entry = plugins.find(({ name }) => name === 'genesys-login');
    if (entry === undefined) throw new Error('no genesys-login');
    return entry.config;
  };
  afterAll(() => setup?.reconfigure(() => {}));

  it('a consumer without its jwt credential, or that is gone, is out at once', async () => {
    const bearer = await token();
    expect(await statusWith(bearer)).toBe(200);
    await withConfig((config) => {
      demo(config).jwt_secrets = [];
    });
    expect(await statusWith(bearer)).toBe(401);
    await withConfig(() => {});
    expect(await statusWith(bearer)).toBe(200);
    await withConfig((config) => {
      config.consumers = config.consumers?.filter(({ username }) => username !== 'svc-demo') ?? [];
    });
    expect(await statusWith(bearer)).toBe(401);
    expect((await login()).status).toBe(401);
    await withConfig(() => {});
  });

  it('a new signing key is taken into use without refusing tokens of the old one', async () => {
    const next = generateKeyPairSync('rsa', {
      modulusLength: 3072,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const both = (config: KongConfig): void => {
      const credential = { key: 'svc-demo:k2', algorithm: 'RS256', rsa_public_key: next.publicKey };
      demo(config).jwt_secrets?.push(credential);
    };
    const old = await token();
    await withConfig(both);
    expect(await statusWith(old)).toBe(200);
    // In one line, as an environment file holds it.
    const oneLine = next.privateKey.replaceAll('\n', '\\n');
    await withConfig((config) => {
      both(config);
      Object.assign(loginConfig(config), { key_id: 'k2', signing_key: oneLine, token_lifetime_seconds: 300 });
    });
    const response = await login();
    const body = (await response.json()) as { access_token: string; expires_in: number };
    expect(body.expires_in).toBe(300);
    expect(decodeJwt(body.access_token).iss).toBe('svc-demo:k2');
    expect([await statusWith(old), await statusWith(body.access_token)]).toEqual([200, 200]);
    await withConfig((config) => {
      both(config);
      demo(config).jwt_secrets?.shift();
      Object.assign(loginConfig(config), { key_id: 'k2', signing_key: oneLine });
    });
    expect([await statusWith(old), await statusWith(body.access_token)]).toEqual([401, 200]);
    await withConfig(() => {});
  });

  it('a signing key that cannot be used answers 500 to logins, and nothing else changes', async () => {
    const bearer = await token();
    await withConfig((config) => {
      loginConfig(config).signing_key = '{vault://env/not-there}';
    });
    const response = await login();
    expect(response.status).toBe(500);
    await response.arrayBuffer();
    await waitFor('the log line', () => /config\.signing_key must not be empty/.test(setup.gateway.log()));
    expect(await statusWith(bearer)).toBe(200);
    await withConfig(() => {});
  });

  it.each([
    ['token_lifetime_seconds', 299],
    ['token_lifetime_seconds', 86_401],
    ['key_id', 'with:colon'],
  ])('%s %j is refused by the gateway', async (field, value) => {
    const refused = withConfig((config) => {
      loginConfig(config)[field] = value;
    });
    await expect(refused).rejects.toThrow(field);
  });
});

it('with the limits that ship, guessing from one address ends with 429', async () => {
  const limited = await startGenesysGateway({ withQuota: true });
  try {
    const statuses = await Promise.all(
      Array.from({ length: 130 }, async () => {
        const response = await fetch(`${limited.gateway.url}/oauth/token`, {
          method: 'POST',
          headers: basic(DEMO_ACCESS.clientId, 'guess'),
        });
        await response.arrayBuffer();
        return [response.status, Number(response.headers.get('retry-after') ?? 0)] as const;
      }),
    );
    expect(new Set(statuses.map(([status]) => status))).toEqual(new Set([401, 429]));
    // Genesys' Go SDK waits for up to 180 s.
    for (const [status, seconds] of statuses) if (status === 429) expect(seconds).toBeLessThanOrEqual(120);
    // The API has limits of its own.
    expect((await limited.get('/api/v2/tokens/me')).status).toBe(200);
  } finally {
    await limited.close();
  }
});
