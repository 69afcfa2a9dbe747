/**
 * The broker against a real HTTP server that plays login. Time is a number that the tests move; pauses between attempts
 * pass at once and are recorded, timeouts of requests fire only when a test moves time past them.
 */
import { createHmac, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import nodeFetch from 'node-fetch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readClient } from '../../../test/support/token-manager-config.js';
import type { Effects } from '../effects.js';
import type { FetchPolicy, OauthClient } from '../login/client.js';
import { MAX_ANSWER_BYTES } from '../login/request.js';
import { createTokenBroker, FLIGHT_DEADLINE_MS, type TokenBroker, type TokenOutcome } from './broker.js';

const TIMEOUT_MS = 4_321;
const HOUR_MS = 3_600_000;

interface Received {
  headers: IncomingMessage['headers'];
  body: string;
}

let server: Server;
let url: string;
let received: Received[];
/** How login answers the n-th request, from 1. */
let answer: (response: ServerResponse, n: number, request: Received) => void;
let world: ReturnType<typeof fakeEffects>;
let broker: TokenBroker;
let policy: FetchPolicy;

beforeEach(async () => {
  received = [];
  answer = (response, n) => grant(response, `token-${n}`);
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const seen = { headers: request.headers, body };
      received.push(seen);
      answer(response, received.length, seen);
    });
  };
  server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/token`;
  world = fakeEffects();
  broker = createTokenBroker(world.effects);
  policy = { refreshAheadMs: 300_000, timeoutMs: TIMEOUT_MS, maxAttempts: 3 };
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function fakeEffects() {
  const timers = new Set<{ at: number; run: () => void }>();
  const state = { now: 1_000_000, random: 0, pauses: [] as number[], answered: 0 };
  const effects: Effects = {
    nowMs: () => state.now,
    wallClockMs: () => Date.UTC(2026, 0, 1),
    random: () => state.random,
    startTimer(ms, run) {
      if (ms !== TIMEOUT_MS) {
        state.pauses.push(ms);
        state.now += ms;
        setImmediate(run);
        return () => undefined;
      }
      const timer = { at: state.now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    loadFetch: async () =>
      Object.assign(async (...args: Parameters<typeof nodeFetch>) => {
        const response = await nodeFetch(...args);
        state.answered++;
        return response;
      }, nodeFetch),
  };
  const advance = (ms: number) => {
    state.now += ms;
    for (const timer of timers) if (timer.at <= state.now) timer.run();
  };
  return { effects, state, advance, pendingTimers: timers };
}

function client(overrides: Record<string, unknown> = {}): OauthClient {
  return readClient({ token_url: url, client_id: 'id', client_secret: 'the-secret', ...overrides }).client;
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function grant(response: ServerResponse, token: string, expiresIn = 3600): void {
  json(response, 200, { access_token: token, token_type: 'bearer', expires_in: expiresIn });
}

/** Without the token's allowance and name, which differ each time. */
function bare(outcome: TokenOutcome): { kind: string; value?: string; warning?: string } {
  if (outcome.kind === 'none') return outcome;
  const { kind, value, warning } = outcome;
  return warning === undefined ? { kind, value } : { kind, value, warning };
}

const get = async (of = client()) => bare(await broker.get(of, policy));

/** What a request in the common case sees: no promise. */
function getNow(of = client()) {
  const outcome = broker.get(of, policy);
  if (outcome instanceof Promise) throw new Error('not in memory');
  return bare(outcome);
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error('condition never held');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const token = (value: string) => ({ kind: 'token', value });
const reason = (outcome: { kind: string; value?: string; reason?: string }) => outcome.reason ?? `got ${outcome.value}`;

describe('the token request', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['gzip, br', (text: string) => brotliCompressSync(gzipSync(text))],
  ])('reads an answer in %s', async (encoding, compress) => {
    answer = (response) => {
      const body = compress(JSON.stringify({ access_token: 'packed', expires_in: 60 }));
      response.writeHead(200, { 'content-encoding': encoding }).end(body);
    };
    expect(await get()).toEqual(token('packed'));
  });

  it('does not decompress more than it reads', async () => {
    answer = (response) => {
      const body = gzipSync(JSON.stringify({ access_token: 'bomb', padding: 'x'.repeat(10_000_000) }));
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
    };
    expect(reason(await get())).toContain('login answered 200 with a body over the size limit');
  });

  it('uses a token without expires_in for default_ttl_seconds', async () => {
    answer = (response, n) => json(response, 200, { access_token: `token-${n}` });
    policy.refreshAheadMs = 0;
    const salesforce = client({ default_ttl_seconds: 600 });
    await get(salesforce);
    world.advance(594_999);
    expect(getNow(salesforce)).toEqual(token('token-1'));
    world.advance(1);
    expect(await get(salesforce)).toEqual(token('token-2'));
  });

  it('carries token_headers', async () => {
    await get(client({ token_headers: { 'X-Tenant': 'acme', 'User-Agent': 'of the tenant' } }));
    expect(received[0]?.headers).toMatchObject({ 'x-tenant': 'acme', 'user-agent': 'of the tenant' });
  });

  const keyOf = (type: 'rsa' | 'ec' | 'ed25519') => {
    const encoding = {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    } as const;
    if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048, ...encoding });
    if (type === 'ec') return generateKeyPairSync('ec', { namedCurve: 'prime256v1', ...encoding });
    return generateKeyPairSync('ed25519', encoding);
  };

  it.each([
    ['RS256', 'rsa', 'sha256'],
    ['ES256', 'ec', 'sha256'],
    ['EdDSA', 'ed25519', null],
  ] as const)('proves itself by a JWT that its private key signs with %s', async (alg, type, digest) => {
    const { publicKey, privateKey } = keyOf(type);
    await get(client({ auth_method: 'private_key_jwt', client_secret: privateKey, assertion_key_id: 'k1' }));
    const [seen] = received;
    const { client_assertion: jwt = '', ...form } = Object.fromEntries(new URLSearchParams(seen?.body));
    expect(seen?.headers.authorization).toBeUndefined();
    expect(form).toEqual({
      grant_type: 'client_credentials',
      client_id: 'id',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const [header = '', claims = '', signature = ''] = jwt.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toEqual({ alg, typ: 'JWT', kid: 'k1' });
    const now = Date.UTC(2026, 0, 1) / 1000;
    const said = {
      iss: 'id',
      sub: 'id',
      aud: url,
      iat: now,
      exp: now + 120,
      jti: expect.stringMatching(/^[\w-]{36}$/),
    };
    expect(read(claims)).toEqual(said);
    const text = Buffer.from(`${header}.${claims}`);
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify(digest, text, key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('proves itself by a JWT that its secret signs, for the audience that the issuer wants', async () => {
    const settings = { auth_method: 'client_secret_jwt', assertion_audience: 'https://issuer.example' };
    await get(client(settings));
    await get(client({ ...settings, scope: 'another' }));
    const jwts = received.map(({ body }) => new URLSearchParams(body).get('client_assertion') ?? '');
    const [header = '', claims = '', signature] = (jwts[0] ?? '').split('.');
    expect(createHmac('sha256', 'the-secret').update(`${header}.${claims}`).digest('base64url')).toBe(signature);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aud: 'https://issuer.example' });
    expect(new Set(jwts).size).toBe(2);
    expect(JSON.stringify(received)).not.toContain('the-secret');
  });

  it('tells nothing of an assertion that login repeats', async () => {
    answer = (response, _n, { body }) => json(response, 401, { error: 'invalid_client', description: body });
    const told = reason(await get(client({ auth_method: 'client_secret_jwt' })));
    expect(told).toMatch(/client_assertion=\[redacted\]$/);
  });

  it('is a client credentials grant with form-encoded Basic credentials', async () => {
    await get(client({ client_id: 'a b:c', client_secret: 'ü/+&:', scope: 'x y' }));
    const [request] = received;
    expect(request?.body).toBe('grant_type=client_credentials&scope=x+y');
    expect(request?.headers.accept).toBe('application/json');
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const basic = Buffer.from(request?.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
    expect(basic).toBe('a+b%3Ac:%C3%BC%2F%2B%26%3A');
  });

  it('does not follow redirects and remembers them as a refusal', async () => {
    answer = (response) => response.writeHead(307, { location: url }).end();
    expect(reason(await get())).toBe('login answered 307: redirects are not followed');
    expect(received).toHaveLength(1);
  });

  it('reads no huge body', async () => {
    policy.maxAttempts = 1;
    let writable = true;
    answer = (response) => {
      response.on('close', () => {
        writable = false;
      });
      response.writeHead(200);
      const pump = () => {
        while (writable && response.write('x'.repeat(MAX_ANSWER_BYTES)));
        if (writable) response.once('drain', pump);
      };
      pump();
    };
    expect(reason(await get())).toBe('login answered 200 with a body over the size limit (attempt 1 of 1)');
    await until(() => !writable);
  });

  it('gives up on a body that does not end', async () => {
    policy.maxAttempts = 1;
    answer = (response) => response.writeHead(200).write('{"access_token":');
    const outcome = get();
    await until(() => world.state.answered === 1);
    world.advance(TIMEOUT_MS);
    expect(reason(await outcome)).toBe(`login did not answer within ${TIMEOUT_MS} ms (attempt 1 of 1)`);
    expect(world.pendingTimers.size).toBe(0);
  });

  it('gives up on a login that does not answer, and tries again', async () => {
    answer = (response, n) => n > 1 && grant(response, 'second');
    const outcome = get();
    await until(() => received.length === 1);
    world.advance(TIMEOUT_MS);
    expect(await outcome).toEqual(token('second'));
  });

  it('names the network error when login cannot be reached', async () => {
    const of = client();
    server.close();
    await new Promise((resolve) => server.once('close', resolve));
    expect(reason(await get(of))).toBe('login could not be reached (ECONNREFUSED) (attempt 3 of 3)');
  });

  it('never takes a token that would break out of its header', async () => {
    answer = (response) => grant(response, 'abc\r\nX-Admin: yes');
    const outcome = reason(await get());
    expect(outcome).toContain('no header can carry');
    expect(outcome).not.toContain('X-Admin');
    expect(received).toHaveLength(3);
  });
});

describe('one flight per client', () => {
  it('makes one token request for a thousand requests on a cold cache, and none after it', async () => {
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => get()));
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set([JSON.stringify(token('token-1'))]),
    );
    expect(getNow()).toEqual(token('token-1'));
    expect(received).toHaveLength(1);
  });

  it('makes one token request for a thousand requests on an expired token', async () => {
    await get();
    world.advance(HOUR_MS);
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => get()));
    expect(outcomes.every((outcome) => outcome.kind === 'token' && outcome.value === 'token-2')).toBe(true);
    expect(received).toHaveLength(2);
  });

  it('tells no further parameter that login repeats: it may be a secret too', async () => {
    const assertion = 'header.claims/of+it.signature';
    answer = (response, _n, { body }) => {
      const description = `bad client_assertion ${assertion} in ${body}`;
      response.writeHead(400).end(JSON.stringify({ error: 'invalid_client', error_description: description }));
    };
    const outcome = await get(client({ extra_params: { client_assertion: assertion, format: 'jwt' } }));
    const told = 'invalid_client: bad client_assertion [redacted] in client_assertion=[redacted]&format=jwt';
    expect(outcome).toMatchObject({ kind: 'none', reason: expect.stringContaining(told) });
  });

  it('keeps configurations with another secret, id, scope or endpoint apart', async () => {
    answer = (response, n, { headers }) => {
      const basic = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
      if (basic.endsWith(':wrong')) json(response, 401, { error: 'invalid_client' });
      else grant(response, `token-${n}`);
    };
    const wrong = client({ client_secret: 'wrong' });
    const [right, refused] = await Promise.all([get(), get(wrong)]);
    expect(right.kind).toBe('token');
    expect(refused.kind).toBe('none');
    expect(getNow().kind).toBe('token');
    expect(getNow(wrong).kind).toBe('none');
    await get(client({ client_id: 'other' }));
    await get(client({ scope: 'other' }));
    await get(client({ token_url: `${url}?other` }));
    expect(received).toHaveLength(5);
  });
});

describe('expiry and renewal', () => {
  it('uses a token until 5 s before its expiry, measured from before the request', async () => {
    policy.refreshAheadMs = 0;
    answer = (response, n) => {
      world.advance(1_000);
      grant(response, `token-${n}`, 60);
    };
    await get();
    world.advance(53_999);
    expect(getNow()).toEqual(token('token-1'));
    world.advance(1);
    expect(await get()).toEqual(token('token-2'));
    expect(received).toHaveLength(2);
  });

  it.each([
    ['long before its end', 3600, 300_000, 3_300_000],
    ['at half life if it lives shorter than that', 200, 300_000, 100_000],
    ['at half life if it lives little longer than that', 301, 300_000, 150_500],
  ])('renews %s, while requests use the valid token', async (_, expiresIn, refreshAheadMs, renewAtMs) => {
    policy.refreshAheadMs = refreshAheadMs;
    answer = (response, n) => grant(response, `token-${n}`, expiresIn);
    await get();
    world.advance(renewAtMs - 1);
    expect(getNow()).toEqual(token('token-1'));
    // A flight starts the timer of its request at once, before anything is on the wire.
    expect(world.pendingTimers.size).toBe(0);
    world.advance(1);
    for (let i = 0; i < 100; i++) expect(getNow()).toEqual(token('token-1'));
    await until(() => getNow().kind === 'token' && reason(getNow()) === 'got token-2');
    expect(received).toHaveLength(2);
  });

  it('uses the old token while renewing fails, backs off, tells it once a failure, and ends at expiry', async () => {
    policy.maxAttempts = 1;
    await get();
    answer = (response) => json(response, 503, {});
    world.advance(HOUR_MS - 300_000);
    expect(getNow()).toEqual(token('token-1'));
    const told = () => getNow() as { warning?: string };
    let first = told();
    await until(() => {
      first = told();
      return first.warning !== undefined;
    });
    expect(first).toEqual({ ...token('token-1'), warning: 'login answered 503 (attempt 1 of 1)' });
    // With the least jitter the first failure holds for half a second.
    world.advance(499);
    for (let i = 0; i < 100; i++) expect(getNow()).toEqual(token('token-1'));
    expect(world.pendingTimers.size).toBe(0);
    expect(received).toHaveLength(2);
    world.advance(1);
    getNow();
    await until(() => told().warning !== undefined);
    expect(received).toHaveLength(3);
    world.advance(300_000);
    expect(reason(await get())).toContain('login answered 503');
  });

  it('is not used if it had expired when it arrived', async () => {
    answer = (response, n) => {
      if (n === 1) world.advance(2_000);
      grant(response, `token-${n}`, n === 1 ? 2 : 3600);
    };
    expect(await get()).toEqual(token('token-2'));
  });
});

describe('a token that the service refuses', () => {
  const refOf = async (of = client()) => {
    const outcome = await broker.get(of, policy);
    if (outcome.kind === 'none') throw new Error('no token');
    outcome.allowance.use(world.state.now);
    return outcome.ref;
  };

  it('in its first five seconds is replaced when it is five seconds old, even if nothing refuses it again', async () => {
    const ref = await refOf();
    world.advance(1_000);
    broker.refuse(ref);
    world.advance(3_999);
    expect(getNow()).toEqual(token('token-1'));
    world.advance(1);
    expect(await get()).toEqual(token('token-2'));
    world.advance(10_000);
    expect(getNow()).toEqual(token('token-2'));
    expect(received).toHaveLength(2);
  });

  it('may have idled out: with max_idle_seconds it is renewed before it is used', async () => {
    const idling = client({ max_idle_seconds: 900 });
    await refOf(idling);
    world.advance(890_000);
    await refOf(idling);
    world.advance(894_999);
    expect(getNow(idling)).toEqual(token('token-1'));
    world.advance(1);
    expect(broker.peek(idling)).toBeUndefined();
    expect(await get(idling)).toEqual(token('token-2'));
    expect(getNow(idling)).toEqual(token('token-2'));
  });

  it('and may have idled out is used after all if login gives no other', async () => {
    const idling = client({ max_idle_seconds: 60 });
    await refOf(idling);
    world.advance(60_000);
    answer = (response) => json(response, 401, { error: 'invalid_client' });
    expect(await get(idling)).toEqual(token('token-1'));
  });

  it('after a quiet time, and a new one is not, teaches the idle timeout: told once, and then renewed before use', async () => {
    await refOf();
    world.advance(400_000);
    expect(broker.states()[0]).toMatchObject({ maxIdleMs: undefined, held: { idleMs: 400_000 } });
    const dead = await refOf();
    broker.refuse(dead);
    const fresh = await refOf();
    expect(fresh).not.toBe(dead);
    expect(broker.takeNotice(client())).toBeUndefined();
    world.advance(5_000);
    await refOf();
    expect(broker.takeNotice(client())).toContain('after 5 minutes without use');
    expect(broker.takeNotice(client())).toBeUndefined();
    expect(broker.states()[0]).toMatchObject({ maxIdleMs: 300_000 });
    world.advance(295_000);
    expect(await refOf()).not.toBe(fresh);
    expect(received).toHaveLength(3);
  });

  it.each([
    ['without a quiet time before', 200_000, false],
    ['as the next one is, too', 400_000, true],
  ])('%s teaches nothing', async (_, quietMs, refusesNext) => {
    await refOf();
    world.advance(quietMs);
    broker.refuse(await refOf());
    const next = await refOf();
    if (refusesNext) broker.refuse(next);
    for (let i = 0; i < 10; i += 1) {
      world.advance(5_000);
      await refOf();
    }
    expect(broker.states()[0]).toMatchObject({ maxIdleMs: undefined });
  });
});

describe('retries and remembered failures', () => {
  it.each([
    ['429', 429, { code: 'too.many.requests' }],
    ['500', 500, {}],
    ['503', 503, {}],
    ["Genesys' throttling", 400, { error: 'invalid_request', description: 'rate limit exceeded; wait' }],
  ])('asks again after %s', async (_, status, body) => {
    world.state.random = 0.5;
    answer = (response, n) => (n < 3 ? json(response, status, body) : grant(response, 'third'));
    expect(await get()).toEqual(token('third'));
    expect(world.state.pauses).toEqual([100, 200]);
  });

  it('asks again after a 200 without a token, but not within a second', async () => {
    world.state.random = 0.5;
    answer = (response, n) => (n < 3 ? json(response, 200, { token_type: 'bearer' }) : grant(response, 'third'));
    expect(await get()).toEqual(token('third'));
    expect(world.state.pauses).toEqual([1100, 1200]);
  });

  it.each([
    ['no token', (response: ServerResponse) => json(response, 200, { token_type: 'bearer' })],
    ['an error in a 200', (response: ServerResponse) => json(response, 200, { error: 'nonsense' })],
    ['HTML', (response: ServerResponse) => response.end('<html>')],
    ['what is no gzip', (response: ServerResponse) => response.setHeader('content-encoding', 'gzip').end('text')],
    ['a token that lives for a moment', (response: ServerResponse) => grant(response, 'short', 0.01)],
    ['a token that lives for a second', (response: ServerResponse) => grant(response, 'short', 1)],
  ])('cost an issuer that answers %s one request a second at most, whatever the traffic', async (_, nonsense) => {
    answer = nonsense;
    const beganAtMs = world.state.now;
    while (world.state.now < beganAtMs + 10_000) {
      await Promise.all(Array.from({ length: 10 }, () => get()));
      world.advance(20);
    }
    expect(received.length).toBeGreaterThan(1);
    expect(received.length).toBeLessThanOrEqual((world.state.now - beganAtMs) / 1000 + 1);
  });

  it('asks at most max_attempts times, then remembers the failure shortly', async () => {
    answer = (response, n) => (n < 4 ? json(response, 500, {}) : grant(response, 'fourth'));
    expect(await get()).toEqual({
      kind: 'none',
      reason: 'login answered 500 (attempt 3 of 3)',
      retryAfterMs: 500,
    });
    world.advance(499);
    expect(getNow()).toMatchObject({ kind: 'none', retryAfterMs: 1 });
    expect(received).toHaveLength(3);
    world.advance(1);
    expect(await get()).toEqual(token('fourth'));
  });

  it('waits as long as Retry-After says', async () => {
    answer = (response, n) =>
      n === 1 ? json(response, 429, {}, { 'retry-after': '7' }) : grant(response, `token-${n}`);
    expect(await get()).toEqual(token('token-2'));
    expect(world.state.pauses).toEqual([7_000]);
  });

  it('does not wait past its deadline, but tells what login asked for', async () => {
    answer = (response) => json(response, 429, {}, { 'retry-after': String(FLIGHT_DEADLINE_MS / 1000) });
    expect(await get()).toMatchObject({ kind: 'none', retryAfterMs: FLIGHT_DEADLINE_MS });
    expect(received).toHaveLength(1);
  });

  it.each([
    [400, 'invalid_client'],
    [401, 'invalid_client'],
    [403, 'access_denied'],
    [400, 'invalid_request'],
    [404, 'not found'],
  ])('does not repeat %i %s and remembers it for ten seconds', async (status, error) => {
    answer = (response) => json(response, status, { error, description: 'no such client' });
    const expected = { kind: 'none', reason: `login answered ${status} ${error}: no such client` };
    expect(await get()).toEqual({ ...expected, retryAfterMs: 10_000 });
    for (let i = 0; i < 100; i++) expect(getNow()).toMatchObject(expected);
    expect(received).toHaveLength(1);
    world.advance(10_000);
    await get();
    expect(received).toHaveLength(2);
  });

  it('does not storm a login that stays down', async () => {
    world.state.random = 0.999;
    answer = (response) => response.destroy();
    const start = world.state.now;
    while (world.state.now - start < 600_000) {
      await get();
      world.advance(100);
    }
    // At most three requests in every 10 s, after the first few flights.
    expect(received.length).toBeLessThan(3 * 66);
    expect(received.length).toBeGreaterThan(100);
  });
});
