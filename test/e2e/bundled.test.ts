/** Kong's own plugins: what they let through, what they refuse and how, the same on every gateway. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type EchoServer, type Received, startEchoServer } from '../support/echo-server.js';
import { type Gateway, startGateway } from './gateway.js';

type Plugin = { name: string; config?: Record<string, unknown> };

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const GUEST_ID = '6b1c1f0a-52a3-4e53-9d5c-0f4a9bb1c001';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: typeof rsa.publicKey): string => key.export({ type: 'spki', format: 'pem' }).toString();

const keyAuth: Plugin = { name: 'key-auth' };
const withAnonymous = (name: string, anonymous = 'guest'): Plugin => ({ name, config: { anonymous } });
const transformer = (config: Record<string, unknown>): Plugin => ({ name: 'request-transformer', config });
const limit = (config: Record<string, unknown>): Plugin => ({ name: 'rate-limiting', config });
const correlation = (config: Record<string, unknown>): Plugin => ({ name: 'correlation-id', config });

/** One route for each case: its path, and its plugins. */
const ROUTES: Record<string, Plugin[]> = {
  key: [keyAuth],
  'key-anonymous': [withAnonymous('key-auth')],
  'key-hidden': [{ name: 'key-auth', config: { hide_credentials: true, key_names: ['apikey', 'X-Key'], realm: 'r' } }],
  'key-preflight': [{ name: 'key-auth', config: { run_on_preflight: false } }],
  'key-nobody': [withAnonymous('key-auth', 'nobody')],
  basic: [{ name: 'basic-auth' }],
  'basic-hidden': [{ name: 'basic-auth', config: { hide_credentials: true, realm: 'office' } }],
  'basic-anonymous': [withAnonymous('basic-auth', GUEST_ID)],
  jwt: [{ name: 'jwt', config: { cookie_names: ['session'], realm: 'r' } }],
  'jwt-claims': [{ name: 'jwt', config: { claims_to_verify: ['exp', 'nbf'], maximum_expiration: 600 } }],
  'jwt-base64': [{ name: 'jwt', config: { secret_is_base64: true } }],
  'jwt-kid': [{ name: 'jwt', config: { key_claim_name: 'kid', header_names: ['X-Token'], uri_param_names: ['t'] } }],
  'jwt-anonymous': [withAnonymous('jwt')],
  'jwt-preflight': [{ name: 'jwt', config: { run_on_preflight: false } }],
  both: [keyAuth, { name: 'basic-auth' }],
  either: [withAnonymous('key-auth'), withAnonymous('basic-auth')],
  'acl-allow': [keyAuth, { name: 'acl', config: { allow: ['staff'] } }],
  'acl-deny': [keyAuth, { name: 'acl', config: { deny: ['staff'] } }],
  'acl-hidden': [keyAuth, { name: 'acl', config: { allow: ['staff'], hide_groups_header: true } }],
  'acl-alone': [{ name: 'acl', config: { allow: ['staff'] } }],
  'acl-anonymous': [withAnonymous('key-auth'), { name: 'acl', config: { allow: ['staff'] } }],
  'limit-ip': [limit({ hour: 2, year: 5, limit_by: 'ip' })],
  'limit-consumer': [keyAuth, limit({ year: 1 })],
  'limit-credential': [keyAuth, limit({ year: 1, limit_by: 'credential' })],
  'limit-header': [limit({ year: 1, limit_by: 'header', header_name: 'X-Tenant', hide_client_headers: true })],
  'limit-path': [limit({ year: 1, limit_by: 'path', path: '/limit-path/hot' })],
  'limit-service': [limit({ year: 1, limit_by: 'service', error_code: 403, error_message: 'slow down' })],
  'limit-probe': [limit({ year: 1_000_000 })],
  'id-uuid': [correlation({ generator: 'uuid', header_name: 'X-Id', echo_downstream: true })],
  'id-counter': [correlation({ echo_downstream: true })],
  'id-tracker': [correlation({ generator: 'tracker' })],
  'id-refused': [correlation({ echo_downstream: true }), keyAuth],
  size: [{ name: 'request-size-limiting', config: { allowed_payload_size: 10, size_unit: 'bytes' } }],
  'size-length': [
    {
      name: 'request-size-limiting',
      config: { allowed_payload_size: 1, size_unit: 'kilobytes', require_content_length: true },
    },
  ],
  'stop-default': [{ name: 'request-termination' }],
  'stop-message': [{ name: 'request-termination', config: { status_code: 404, message: 'a/b "c"' } }],
  'stop-body': [{ name: 'request-termination', config: { status_code: 200, body: '<p>', content_type: 'text/html' } }],
  'stop-plain': [{ name: 'request-termination', config: { status_code: 201, body: 'text' } }],
  'stop-empty': [{ name: 'request-termination', config: { status_code: 418 } }],
  'stop-trigger': [{ name: 'request-termination', config: { status_code: 502, trigger: 'X-Stop' } }],
  headers: [
    transformer({
      remove: { headers: ['X-Removed'] },
      rename: { headers: ['X-Old:X-New'] },
      replace: { headers: ['X-Replaced:new', 'X-Missing:new', 'Host:other.example'] },
      add: { headers: ['X-Added:added:1', 'X-Present:added', 'X-Empty:'] },
      append: { headers: ['X-Appended:two', 'X-Alone:one'] },
    }),
  ],
  query: [
    transformer({
      remove: { querystring: ['removed'] },
      rename: { querystring: ['old:new'] },
      replace: { querystring: ['replaced:new', 'missing:new'] },
      add: { querystring: ['added:a b', 'present:added'] },
      append: { querystring: ['appended:two', 'flag:two'] },
    }),
  ],
  template: [
    transformer({
      replace: { uri: '/users/$(headers["x-user"])' },
      add: {
        headers: ['X-Copy:<$(headers.x_user)>', 'X-Query:$(query_params.q)-$(query_params["none"])'],
        querystring: ['user:$(headers["X-User"])'],
      },
    }),
  ],
  method: [transformer({ http_method: 'GET' })],
  body: [
    transformer({
      remove: { body: ['removed'] },
      rename: { body: ['old:new'] },
      replace: { body: ['replaced:new', 'missing:new'] },
      add: { body: ['added:1', 'present:added'] },
      append: { body: ['appended:two'] },
    }),
  ],
};

const consumers = [
  {
    username: 'ada',
    custom_id: 'c-1',
    keyauth_credentials: [{ key: 'ada-key' }, { key: 'ada-key-2' }],
    basicauth_credentials: [{ username: 'ada', password: 'pass:word' }],
    acls: [{ group: 'staff' }],
    jwt_secrets: [
      { key: 'hs', secret: 'secret-of-ada-that-is-long-enough' },
      { key: 'hs512', secret: 'secret-of-ada-that-is-long-enough', algorithm: 'HS512' },
      { key: 'base64', secret: Buffer.from('secret-of-ada').toString('base64') },
      { key: 'plus', secret: '+/+/' },
      { key: 'rs', algorithm: 'RS256', secret: 'unused-1', rsa_public_key: pem(rsa.publicKey) },
      { key: 'es', algorithm: 'ES256', secret: 'unused-2', rsa_public_key: pem(ec.publicKey) },
    ],
  },
  { username: 'bob', keyauth_credentials: [{ key: 'bob-key' }], acls: [{ group: 'guests' }] },
  { username: 'cyd', keyauth_credentials: [{ key: 'cyd-key' }] },
  { id: GUEST_ID, username: 'guest', custom_id: 'g-1' },
];

let gateway: Gateway;
let echo: EchoServer;

const document = (routes: Record<string, Plugin[]>) => ({
  services: Object.entries(routes).map(([name, plugins]) => ({
    name,
    url: echo.url,
    routes: [{ name, paths: [`/${name}`], plugins }],
  })),
  consumers,
});

beforeAll(async () => {
  echo = await startEchoServer();
  gateway = await startGateway({ config: document(ROUTES), plugins: [] });
});
afterAll(async () => {
  await gateway?.close();
  await echo?.close();
});

interface Result {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The JSON of the body, without the request id. */
  json: Record<string, unknown>;
  /** What the service got. */
  received: Received | undefined;
}

interface Options {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
  chunked?: boolean;
}

function send(path: string, { method, headers = {}, body, chunked = false }: Options = {}): Promise<Result> {
  echo.received.length = 0;
  return new Promise((resolve, reject) => {
    const length: Record<string, string> =
      body === undefined || chunked ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const request = httpRequest(
      `${gateway.url}${path}`,
      { method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { ...length, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const { request_id: _id, ...json } = /^\s*\{/.test(text) ? JSON.parse(text) : {};
          const [received] = echo.received;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, json, received });
        });
      },
    );
    request.on('error', reject);
    if (chunked) request.setHeader('Transfer-Encoding', 'chunked');
    if (body !== undefined) request.write(body);
    request.end();
  });
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const identity = ({ received }: Result) => ({
  username: received?.headers['x-consumer-username'],
  customId: received?.headers['x-consumer-custom-id'],
  anonymous: received?.headers['x-anonymous-consumer'],
  credential: received?.headers['x-credential-identifier'],
});
const GUEST = { username: 'guest', customId: 'g-1', anonymous: 'true', credential: undefined };

/** Status, message and challenge of a refusal that the service never saw. */
function refusal({ status, json, headers, received }: Result): unknown[] {
  expect(received).toBeUndefined();
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  return [status, json, headers['www-authenticate']];
}

describe('key-auth', () => {
  it('lets a key through, in a header or the query', async () => {
    for (const result of [await send('/key', { headers: { apikey: 'ada-key' } }), await send('/key?apikey=ada-key')]) {
      expect(result.status).toBe(200);
      const { credential, ...rest } = identity(result);
      expect(rest).toEqual({ username: 'ada', customId: 'c-1', anonymous: undefined });
      expect(credential).toMatch(new RegExp(`^${UUID}$`));
    }
  });

  it('refuses none, an unknown and a doubled key', async () => {
    const none = [401, { message: 'No API key found in request' }, 'Key'];
    expect(refusal(await send('/key'))).toEqual(none);
    expect(refusal(await send('/key?apikey='))).toEqual(none);
    expect(refusal(await send('/key?apikey'))).toEqual(none);
    const wrong = await send('/key', { headers: { apikey: 'wrong' } });
    expect(refusal(wrong)).toEqual([401, { message: 'Unauthorized' }, 'Key']);
    const doubled = [401, { message: 'Duplicate API key found' }, 'Key'];
    expect(refusal(await send('/key', { headers: { apikey: ['ada-key', 'bob-key'] } }))).toEqual(doubled);
    expect(refusal(await send('/key?apikey=ada-key&apikey=ada-key'))).toEqual(doubled);
  });

  it('takes the key away, and names its realm', async () => {
    const result = await send('/key-hidden?apikey=x&a=1', { headers: { 'X-Key': 'ada-key' } });
    expect(refusal(result)).toEqual([401, { message: 'Unauthorized' }, 'Key realm="r"']);
    const { received } = await send('/key-hidden?a=1&X-Key=q', { headers: { 'X-Key': 'ada-key' } });
    expect(received?.headers['x-key']).toBeUndefined();
    expect(received?.url).toBe('/?a=1');
  });

  it('makes of a refusal the anonymous consumer', async () => {
    const headers = { 'X-Credential-Identifier': 'forged', 'X-Consumer-Username': 'forged' };
    expect(identity(await send('/key-anonymous', { headers }))).toEqual(GUEST);
    expect(identity(await send('/key-anonymous?apikey=wrong'))).toEqual(GUEST);
    const known = await send('/key-anonymous?apikey=ada-key', { headers: { 'X-Anonymous-Consumer': 'true' } });
    expect(identity(known)).toMatchObject({ username: 'ada', anonymous: undefined });
    const nobody = await send('/key-nobody');
    expect(refusal(nobody)).toEqual([500, { message: 'An unexpected error occurred' }, undefined]);
  });

  it('leaves preflights alone if told so', async () => {
    expect((await send('/key-preflight', { method: 'OPTIONS' })).status).toBe(200);
    expect((await send('/key', { method: 'OPTIONS' })).status).toBe(401);
  });

  it('refuses in the type that the client accepts', async () => {
    const html = await send('/key', { headers: { Accept: 'application/json;q=0.5, text/html' } });
    expect(html.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(html.body).toContain('<p>No API key found in request.</p>');
    const plain = await send('/key', { headers: { Accept: 'text/*' } });
    expect(plain.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(plain.body).toMatch(/^No API key found in request\nrequest_id: [0-9a-f]{32}\n$/);
    const xml = await send('/key', { headers: { Accept: 'application/xml' } });
    expect(xml.body).toContain('<message>No API key found in request</message>');
  });
});

describe('basic-auth', () => {
  it('lets a password through, in Proxy-Authorization too', async () => {
    const ada = { username: 'ada', customId: 'c-1', anonymous: undefined, credential: 'ada' };
    const result = await send('/basic', { headers: { Authorization: basic('ada:pass:word') } });
    expect(identity(result)).toEqual(ada);
    const hidden = await send('/basic-hidden', { headers: { Authorization: basic('ada:pass:word') } });
    expect(identity(hidden)).toEqual(ada);
    expect(hidden.received?.headers.authorization).toBeUndefined();
    const proxy = { 'Proxy-Authorization': basic('ada:pass:word') };
    expect(identity(await send('/basic', { headers: proxy }))).toEqual(ada);
  });

  it('refuses everything else', async () => {
    const refused = [401, { message: 'Unauthorized' }, 'Basic realm="service"'];
    const values = [basic('ada:wrong'), basic('eve:pass:word'), basic('ada'), 'Basic !', 'Bearer x', 'Basic'];
    for (const value of values) {
      expect(refusal(await send('/basic', { headers: { Authorization: value } }))).toEqual(refused);
    }
    expect(refusal(await send('/basic'))).toEqual(refused);
    expect(refusal(await send('/basic-hidden'))[2]).toBe('Basic realm="office"');
  });

  it('makes of a refusal the anonymous consumer', async () => {
    expect(identity(await send('/basic-anonymous'))).toEqual(GUEST);
    const wrong = await send('/basic-anonymous', { headers: { Authorization: basic('ada:wrong') } });
    expect(identity(wrong)).toEqual(GUEST);
  });
});

describe('jwt', () => {
  const SECRET = Buffer.from('secret-of-ada-that-is-long-enough');
  const nowSeconds = (): number => Math.floor(Date.now() / 1000);
  type Key = Parameters<SignJWT['sign']>[0];
  const sign = (claims: Record<string, unknown>, alg = 'HS256', key: Key = SECRET, header = {}): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', ...header }).sign(key);
  const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
  const CHALLENGE = 'Bearer realm="r" error="invalid_token"';
  /** A token with a signature of HS256, whatever its parts say. */
  const forge = (header: unknown, claims: unknown): string => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode(header)}.${encode(claims)}`;
    return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
  };

  it('lets tokens of HS, RS and ES through', async () => {
    const tokens: [string, string][] = [
      ['hs', await sign({ iss: 'hs' })],
      ['hs512', await sign({ iss: 'hs512' }, 'HS512')],
      ['rs', await sign({ iss: 'rs' }, 'RS256', rsa.privateKey)],
      ['es', await sign({ iss: 'es' }, 'ES256', ec.privateKey)],
      ['hs', await sign({}, 'HS256', SECRET, { iss: 'hs' })],
    ];
    for (const [credential, token] of tokens) {
      const result = await send('/jwt', bearer(token));
      expect(identity(result)).toEqual({ username: 'ada', customId: 'c-1', anonymous: undefined, credential });
    }
  });

  it('finds tokens in the query, in cookies and in other headers', async () => {
    const token = await sign({ iss: 'hs' });
    expect((await send(`/jwt?jwt=${token}`, bearer(token))).status).toBe(200);
    expect((await send('/jwt', { headers: { Cookie: `a=b; SESSION=${token}; c=d` } })).status).toBe(200);
    const kid = await sign({}, 'HS256', SECRET, { kid: 'hs' });
    expect((await send('/jwt-kid', { headers: { 'X-Token': `bearer ${kid}` } })).status).toBe(200);
    expect((await send(`/jwt-kid?t=${kid}`)).status).toBe(200);
  });

  it('refuses no token, several, and what is none', async () => {
    expect(refusal(await send('/jwt'))).toEqual([401, { message: 'Unauthorized' }, 'Bearer realm="r"']);
    const kid = await send('/jwt-kid', bearer(await sign({ iss: 'hs' })));
    expect(refusal(kid)).toEqual([401, { message: 'Unauthorized' }, 'Bearer']);
    const token = await sign({ iss: 'hs' });
    const refused = async (path: string, options?: Options) => {
      const [status, json, challenge] = refusal(await send(path, options));
      expect([status, challenge]).toEqual([401, CHALLENGE]);
      return (json as { message: string }).message;
    };
    expect(await refused('/jwt?jwt=other', bearer(token))).toBe('Multiple tokens provided');
    expect(await refused('/jwt?jwt')).toBe('Unrecognizable token');
    expect(await refused('/jwt', bearer('nonsense'))).toBe('Bad token; invalid JSON');
    expect(await refused('/jwt', bearer('e30.e30'))).toBe('Bad token; invalid JSON');
    expect(await refused('/jwt', bearer('e30.e30.x'))).toBe('Bad token; invalid alg');
    expect(await refused('/jwt', bearer(forge({ alg: 'none' }, { iss: 'hs' })))).toBe('Bad token; invalid alg');
    expect(await refused('/jwt', bearer(forge('text', {})))).toBe('Bad token; invalid alg');
    expect(await refused('/jwt', bearer(forge({ alg: 'HS256' }, false)))).toBe('Bad token; invalid claims');
    expect(await refused('/jwt', bearer(`${token}.x`))).toBe('Bad token; invalid signature');
    expect(await refused('/jwt', bearer(await sign({})))).toBe("No mandatory 'iss' in claims");
    expect(await refused('/jwt', bearer(await sign({ iss: '' })))).toBe("Invalid 'iss' in claims");
    expect(await refused('/jwt', bearer(await sign({ iss: 'x' })))).toBe("No credentials found for given 'iss'");
    expect(await refused('/jwt', bearer(await sign({ iss: 'rs' })))).toBe('Invalid algorithm');
    expect(await refused('/jwt', bearer(await sign({ iss: 'hs' }, 'HS256', Buffer.alloc(32))))).toBe(
      'Invalid signature',
    );
    const forged = await sign({ iss: 'rs' }, 'RS256', other.privateKey);
    expect(await refused('/jwt', bearer(forged))).toBe('Invalid signature');
  });

  it('answers 500 where Kong asserts', async () => {
    const es = await sign({ iss: 'es' }, 'ES256', ec.privateKey);
    const tokens = [
      es.slice(0, -8),
      forge(1, { iss: 'hs' }),
      forge({ alg: 'HS256' }, 1),
      await sign({ iss: 7 as never }),
    ];
    for (const token of tokens) {
      expect(refusal(await send('/jwt', bearer(token)))[0]).toBe(500);
    }
  });

  it('checks exp, nbf and the longest life', async () => {
    const now = nowSeconds();
    const attempt = async (claims: Record<string, unknown>) =>
      send('/jwt-claims', bearer(await sign({ iss: 'hs', ...claims })));
    expect((await attempt({ exp: now + 300, nbf: now - 5 })).status).toBe(200);
    const challenge = 'Bearer error="invalid_token"';
    expect(refusal(await attempt({ exp: now - 5, nbf: now - 5 }))).toEqual([401, { exp: 'token expired' }, challenge]);
    const early = { exp: 'must be a number', nbf: 'token not valid yet' };
    expect(refusal(await attempt({ exp: 'x' as never, nbf: now + 300 }))).toEqual([401, early, challenge]);
    const long = { exp: 'exceeds maximum allowed expiration' };
    expect(refusal(await attempt({ exp: now + 900, nbf: now }))).toEqual([401, long, challenge]);
  });

  it('decodes secrets strictly as base64url', async () => {
    const token = await sign({ iss: 'base64' }, 'HS256', Buffer.from('secret-of-ada'));
    expect((await send('/jwt-base64', bearer(token))).status).toBe(200);
    const plus = await sign({ iss: 'plus' }, 'HS256', Buffer.from('+/+/', 'base64'));
    expect(refusal(await send('/jwt-base64', bearer(plus)))[1]).toEqual({ message: 'Invalid key/secret' });
  });

  it('knows the anonymous consumer and preflights', async () => {
    expect(identity(await send('/jwt-anonymous', bearer('nonsense')))).toEqual(GUEST);
    expect((await send('/jwt-preflight', { method: 'OPTIONS' })).status).toBe(200);
  });
});

describe('several authentications', () => {
  it('wants all of them without an anonymous consumer', async () => {
    const headers = { apikey: 'bob-key', Authorization: basic('ada:pass:word') };
    expect(identity(await send('/both', { headers }))).toMatchObject({ username: 'ada', credential: 'ada' });
    expect(refusal(await send('/both?apikey=bob-key'))[2]).toBe('Basic realm="service"');
    expect(refusal(await send('/both', { headers: { Authorization: headers.Authorization } }))[2]).toBe('Key');
  });

  it('takes the first that passes with one', async () => {
    const headers = { apikey: 'bob-key', Authorization: basic('ada:pass:word') };
    expect(identity(await send('/either', { headers }))).toMatchObject({ username: 'bob' });
    const second = await send('/either', { headers: { Authorization: headers.Authorization } });
    expect(identity(second)).toMatchObject({ username: 'ada', anonymous: undefined });
    expect(identity(await send('/either'))).toEqual(GUEST);
  });
});

describe('acl', () => {
  const FORBIDDEN = [403, { message: 'You cannot consume this service' }, undefined];

  it('allows and denies groups', async () => {
    const allowed = await send('/acl-allow?apikey=ada-key');
    expect(allowed.received?.headers['x-consumer-groups']).toBe('staff');
    expect(refusal(await send('/acl-allow?apikey=bob-key'))).toEqual(FORBIDDEN);
    expect(refusal(await send('/acl-allow?apikey=cyd-key'))).toEqual(FORBIDDEN);
    expect(refusal(await send('/acl-deny?apikey=ada-key'))).toEqual(FORBIDDEN);
    const { received } = await send('/acl-deny?apikey=bob-key');
    expect(received?.headers['x-consumer-groups']).toBe('guests');
    const groupless = await send('/acl-deny?apikey=cyd-key');
    expect(String(groupless.received?.headers['x-consumer-groups']).trim()).toBe('');
    const hidden = await send('/acl-hidden?apikey=ada-key');
    expect([hidden.status, hidden.received?.headers['x-consumer-groups']]).toEqual([200, undefined]);
  });

  it('refuses who is not authenticated', async () => {
    const unauthorized = [401, { message: 'Unauthorized' }, undefined];
    expect(refusal(await send('/acl-alone'))).toEqual(unauthorized);
    expect(refusal(await send('/acl-anonymous'))).toEqual(unauthorized);
  });
});

describe('rate-limiting', () => {
  const limits = ({ headers }: Result) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => /ratelimit|retry/.test(name)));

  /**
   * Sends a request, and waits until it is counted: Kong counts in a timer, after it has answered
   * (kong/plugins/rate-limiting/handler.lua). Timers run in their order, so a later request that is counted tells.
   */
  const sendCounted = async (path: string, options?: Options): Promise<Result> => {
    const result = await send(path, options);
    const remaining = async () => Number(limits(await send('/limit-probe'))['ratelimit-remaining']);
    const before = await remaining();
    await waitFor('the counter', async () => (await remaining()) < before);
    return result;
  };

  it('counts, tells of it, and refuses', async () => {
    const first = await sendCounted('/limit-ip');
    expect(limits(first)).toEqual({
      'x-ratelimit-limit-hour': '2',
      'x-ratelimit-remaining-hour': '1',
      'x-ratelimit-limit-year': '5',
      'x-ratelimit-remaining-year': '4',
      'ratelimit-limit': '2',
      'ratelimit-remaining': '1',
      'ratelimit-reset': expect.stringMatching(/^\d{1,4}$/),
    });
    expect(limits(await sendCounted('/limit-ip'))['ratelimit-remaining']).toBe('0');
    const refused = await sendCounted('/limit-ip');
    expect(refusal(refused)).toEqual([429, { message: 'API rate limit exceeded' }, undefined]);
    const { 'ratelimit-reset': reset, 'retry-after': retryAfter, ...rest } = limits(refused);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(reset).toBe(retryAfter);
    expect(rest).toEqual({
      'x-ratelimit-limit-hour': '2',
      'x-ratelimit-remaining-hour': '0',
      'x-ratelimit-limit-year': '5',
      'x-ratelimit-remaining-year': '3',
      'ratelimit-limit': '2',
      'ratelimit-remaining': '0',
    });
  });

  it('counts by consumer, credential, header and path', async () => {
    const statuses = async (...requests: [string, Options?][]) => {
      const seen: number[] = [];
      for (const [path, options] of requests) seen.push((await sendCounted(path, options)).status);
      return seen;
    };
    const keys = ['ada-key', 'ada-key-2', 'bob-key', 'bob-key'];
    const byKey = (path: string) => statuses(...keys.map((key): [string] => [`${path}?apikey=${key}`]));
    expect(await byKey('/limit-consumer')).toEqual([200, 429, 200, 429]);
    expect(await byKey('/limit-credential')).toEqual([200, 200, 200, 429]);
    const tenant = (name: string): [string, Options] => ['/limit-header', { headers: { 'X-Tenant': name } }];
    expect(await statuses(tenant('a'), tenant('b'), tenant('a'), ['/limit-header'])).toEqual([200, 200, 429, 200]);
    expect(limits(await sendCounted('/limit-header'))).toEqual({});
    const paths: [string][] = [['/limit-path/hot'], ['/limit-path/hot'], ['/limit-path/a'], ['/limit-path/b']];
    expect(await statuses(...paths)).toEqual([200, 429, 200, 429]);
  });

  it('answers as it is told', async () => {
    expect((await sendCounted('/limit-service')).status).toBe(200);
    expect(refusal(await sendCounted('/limit-service'))).toEqual([403, { message: 'slow down' }, undefined]);
  });
});

describe('correlation-id', () => {
  it('makes an id, or takes the one that comes', async () => {
    const made = await send('/id-uuid');
    expect(made.headers['x-id']).toMatch(new RegExp(`^${UUID}$`));
    expect(made.received?.headers['x-id']).toBe(made.headers['x-id']);
    const own = await send('/id-uuid', { headers: { 'X-Id': 'mine' } });
    expect([own.headers['x-id'], own.received?.headers['x-id']]).toEqual(['mine', 'mine']);
  });

  it('counts or tracks', async () => {
    const ids = [await send('/id-counter'), await send('/id-counter')].map(
      (result) => result.headers['kong-request-id'],
    );
    const [first, second] = ids.map((id) => new RegExp(`^(${UUID})#(\\d+)$`).exec(String(id)) ?? []);
    expect(second?.[1]).toBe(first?.[1]);
    expect(Number(second?.[2])).toBe(Number(first?.[2]) + 1);
    const tracked = await send('/id-tracker');
    expect(tracked.received?.headers['kong-request-id']).toMatch(/^127\.0\.0\.1-\d+-\d+-\d+-\d+-\d+\.\d{3}$/);
    expect(tracked.headers['kong-request-id']).toBeUndefined();
  });

  it('tells the id of a request that is refused', async () => {
    const refused = await send('/id-refused', { headers: { 'Kong-Request-ID': 'mine' } });
    expect([refused.status, refused.headers['kong-request-id']]).toEqual([401, 'mine']);
  });
});

describe('request-size-limiting', () => {
  const TOO_LARGE = [413, { message: 'Request size limit exceeded' }, undefined];

  it('lets through what is small enough', async () => {
    expect((await send('/size')).status).toBe(200);
    expect((await send('/size', { body: '0123456789' })).received?.body.toString()).toBe('0123456789');
    expect((await send('/size', { body: '0123456789', chunked: true })).received?.body.toString()).toBe('0123456789');
    expect((await send('/size-length', { body: 'x'.repeat(1024) })).status).toBe(200);
  });

  it('refuses what is too large', async () => {
    expect(refusal(await send('/size', { body: '0123456789a' }))).toEqual(TOO_LARGE);
    expect(refusal(await send('/size', { body: '0123456789a', chunked: true }))).toEqual(TOO_LARGE);
    expect(refusal(await send('/size-length', { body: 'x'.repeat(1025) }))).toEqual(TOO_LARGE);
    const waiting = await send('/size', { body: '0123456789a', headers: { Expect: '100-continue' } });
    expect(refusal(waiting)).toEqual([417, { message: 'Request size limit exceeded' }, undefined]);
  });

  it('wants a length if told so', async () => {
    const unmeasured = [411, { message: 'A valid Content-Length header is required' }, undefined];
    expect(refusal(await send('/size-length'))).toEqual(unmeasured);
    expect((await send('/size-length', { body: 'x', chunked: true })).status).toBe(200);
  });
});

describe('request-termination', () => {
  it('answers in place of the service', async () => {
    expect(refusal(await send('/stop-default'))).toEqual([503, { message: 'Service unavailable' }, undefined]);
    const message = await send('/stop-message');
    expect(refusal(message)).toEqual([404, { message: 'a/b "c"' }, undefined]);
    expect(message.body).toBe('{"message":"a/b \\"c\\""}');
    const html = await send('/stop-body');
    expect([html.status, html.body, html.headers['content-type']]).toEqual([200, '<p>', 'text/html; charset=UTF-8']);
    const plain = await send('/stop-plain');
    expect([plain.status, plain.body, plain.headers['content-type']]).toEqual([201, 'text', undefined]);
    const empty = await send('/stop-empty');
    expect([empty.status, empty.body, empty.headers['content-length']]).toEqual([418, '', '0']);
  });

  it('waits for its trigger', async () => {
    expect((await send('/stop-trigger')).status).toBe(200);
    const stopped = [502, { message: 'Bad Gateway' }, undefined];
    expect(refusal(await send('/stop-trigger?X-Stop'))).toEqual(stopped);
    expect(refusal(await send('/stop-trigger', { headers: { 'X-Stop': '' } }))).toEqual(stopped);
  });
});

describe('request-transformer', () => {
  it('changes headers', async () => {
    const headers = {
      'X-Removed': '1',
      'X-Old': 'old',
      'X-Replaced': 'old',
      'X-Present': 'own',
      'X-Appended': 'one',
      'X-Untouched': ['a', 'b'],
    };
    const { received } = await send('/headers', { headers });
    const seen = Object.fromEntries(
      Object.entries(received?.headers ?? {}).filter(([name]) => /^x-(?!forwarded|kong|real)/.test(name)),
    );
    expect(seen).toEqual({
      'x-new': 'old',
      'x-replaced': 'new',
      'x-added': 'added:1',
      'x-present': 'own',
      'x-appended': 'one, two',
      'x-alone': 'one',
      'x-untouched': 'a, b',
    });
    expect(received?.headers.host).toBe('other.example');
  });

  it('changes the query', async () => {
    const path = '/query?removed=1&old=o%2Fo&replaced=old&present=own&appended=one&flag&many=1&many=2';
    const { received } = await send(path);
    const sent = [...new URL(received?.url ?? '', 'http://x').searchParams];
    expect(sent.sort()).toEqual([
      ...[
        ['added', 'a b'],
        ['appended', 'one'],
        ['appended', 'two'],
        ['flag', 'two'],
        ['many', '1'],
        ['many', '2'],
      ],
      ...[
        ['new', 'o/o'],
        ['present', 'own'],
        ['replaced', 'new'],
      ],
    ]);
  });

  it('renders templates', async () => {
    // UTF-8 as Node wants the bytes of a header.
    const USER = Buffer.from('ada é').toString('latin1');
    const { received } = await send('/template?q=a%20b', { headers: { 'X-User': USER } });
    expect(received?.url).toMatch(/^\/users\/ada%20%C3%A9\?/);
    expect(received?.headers['x-copy']).toBe(`<${USER}>`);
    expect(received?.headers['x-query']).toBe('a b-');
    expect(received?.url).toContain('q=a%20b');
    expect(received?.url).toContain('user=ada%20%C3%A9');
  });

  it('changes the method, a form joining the query', async () => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const { received } = await send('/method?a=1', { body: 'a=2&b=3', headers });
    expect(received?.method).toBe('GET');
    expect(received?.url).toBe('/?a=1&a=2&b=3');
  });

  it('changes JSON and forms, and nothing else', async () => {
    const json = {
      removed: 1,
      old: { a: [] },
      replaced: 1,
      present: null,
      appended: 'one',
      url: 'http://a/b',
      long: 1234567890123456,
    };
    const sent = await send('/body', { body: JSON.stringify(json), headers: { 'Content-Type': 'application/json' } });
    expect(JSON.parse(sent.received?.body.toString() ?? '')).toEqual({
      ...{ new: { a: [] }, replaced: 'new', present: null, appended: ['one', 'two'], url: 'http://a/b', added: '1' },
      long: 1234567890123500,
    });
    expect(sent.received?.headers['content-length']).toBe(String(sent.received?.body.length));
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const changed = await send('/body', { body: 'removed=1&old=o&appended=one&replaced=1', headers: form });
    expect([...new URLSearchParams(changed.received?.body.toString())].sort()).toEqual([
      ...[
        ['added', '1'],
        ['appended', 'one'],
        ['appended', 'two'],
      ],
      ...[
        ['new', 'o'],
        ['present', 'added'],
        ['replaced', 'new'],
      ],
    ]);
    const plain = await send('/body', { body: 'removed=1', headers: { 'Content-Type': 'text/plain' } });
    expect(plain.received?.body.toString()).toBe('removed=1');
    const broken = await send('/body', { body: '{', headers: { 'Content-Type': 'application/json' } });
    expect(broken.received?.body.toString()).toBe('{');
  });

  it('puts what it adds in place of a body that does not fit into the buffer', async () => {
    // The image's buffer has 512 KiB (kong/kong.conf), and nginx takes a quarter more into it.
    const body = JSON.stringify({ text: 'x'.repeat(700_000) });
    const { received } = await send('/body', { body, headers: { 'Content-Type': 'application/json' } });
    expect(JSON.parse(received?.body.toString() ?? '')).toEqual({ added: '1', present: 'added', appended: ['two'] });
  });
});

describe('configurations of these plugins', () => {
  const refused: [string, Plugin, string][] = [
    ['an unknown field', { name: 'key-auth', config: { nonsense: true } }, 'unknown field'],
    ['a bad header name', { name: 'key-auth', config: { key_names: ['a b'] } }, 'bad header name'],
    ['a wrong claim', { name: 'jwt', config: { claims_to_verify: ['aud'] } }, 'expected one of: exp, nbf'],
    [
      'a longest life without exp',
      { name: 'jwt', config: { maximum_expiration: 5, claims_to_verify: ['nbf'] } },
      'failed conditional',
    ],
    ['both lists of groups', { name: 'acl', config: { allow: ['a'], deny: ['b'] } }, 'exactly one of these fields'],
    ['no list of groups', { name: 'acl', config: {} }, 'at least one of these fields'],
    ['no limit', limit({}), 'at least one of these fields'],
    ['limits in the wrong order', limit({ second: 5, hour: 1 }), 'The limit for hour(1.0) cannot be lower than'],
    ['a limit by an unnamed header', limit({ second: 5, limit_by: 'header' }), 'failed conditional'],
    ['another generator', correlation({ generator: 'x' }), 'expected one of: uuid, uuid#counter, tracker'],
    ['another unit', { name: 'request-size-limiting', config: { size_unit: 'x' } }, 'expected one of: megabytes'],
    [
      'a message beside a body',
      { name: 'request-termination', config: { message: 'a', body: 'b' } },
      'message cannot be used with content_type or body',
    ],
    ['a header to add without a value', transformer({ add: { headers: ['X-A'] } }), 'invalid value: X-A'],
    ['an argument to add without a value', transformer({ add: { querystring: ['a'] } }), "key 'a' has no value"],
    ['a header to remove that is none', transformer({ remove: { headers: ['a b'] } }), "'a b' is not a valid header"],
  ];
  it.each(refused)('are refused with %s', async (_name, plugin, words) => {
    const reason = await gateway.reconfigure(document({ refused: [plugin] })).then(
      () => 'nothing',
      (error: Error) => error.message,
    );
    expect(reason).toContain(words);
  });

  it('are refused on a consumer where Kong has no place for them', async () => {
    const config = { ...document({}), plugins: [{ ...keyAuth, consumer: { id: GUEST_ID } }] };
    await expect(gateway.reconfigure(config)).rejects.toThrow('value must be null');
  });
});
