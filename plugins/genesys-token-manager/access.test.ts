/** The access phase on a fake `kong` that records the calls in their order. */
import { describe, expect, it } from 'vitest';
import { guarded } from '../../test/support/guarded.js';
import { openGate } from '../../test/support/open-gate.js';
import { readOauth } from '../../test/support/token-manager-config.js';
import { runPhase } from '../runtime/run-phase.js';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import { type Access, accessStep } from './access.js';
import { realEffects } from './effects.js';
import { redactedKey, serviceHeaders } from './service-headers.js';
import { createAllowance } from './tokens/allowance.js';
import { createTokenBroker } from './tokens/broker.js';
import { createTokenPool, type PoolOutcome } from './tokens/pool.js';

const { sources, policy } = readOauth({ client_id: 'my "id"\n', client_secret: 'the-secret' });
const usable = (value: string) => ({
  kind: 'token' as const,
  value,
  ref: 'ref-1',
  clientId: 'client',
  origin: 'request' as const,
  allowance: createAllowance(),
});

const handleAccess = (kong: Kong, access: Access) => runPhase([accessStep(access)], kong);

type Call = [method: string, ...args: unknown[]];

/** Only what the handler may call; anything else is a TypeError. */
function fakeKong(): { kong: Kong; calls: Call[] } {
  const calls: Call[] = [];
  const record =
    <T>(method: string, reply: T) =>
    (...args: unknown[]): Promise<T> => {
      calls.push([method, ...args]);
      return Promise.resolve(reply);
    };
  const kong = {
    ctx: { shared: { set: record('ctx.shared.set', undefined) } },
    log: {
      err: record('log.err', undefined),
      warn: record('log.warn', undefined),
      setSerializeValue: record('log.setSerializeValue', undefined),
    },
    nginx: { getVar: guarded(record('nginx.getVar', 'request-1')) },
    request: { getHeaders: async () => ({}) },
    response: { exit: record('response.exit', undefined) },
    service: { request: { setHeaders: record('service.request.setHeaders', undefined) } },
  };
  return { kong: kong as unknown as Kong, calls };
}

/** Access of one configuration, whose pool answers as given. */
function access(outcome: PoolOutcome | Promise<PoolOutcome>, headerName = 'Authorization'): Access {
  const broker = createTokenBroker(realEffects);
  const pool = createTokenPool(
    { sources, policy, store: undefined },
    broker,
    { isDrained: () => false },
    { nowMs: () => 0 },
  );
  return {
    gate: openGate(),
    credential: { ...pool, take: () => outcome },
    headersWith: serviceHeaders(headerName),
    redactedKey: redactedKey(headerName),
    breaker: undefined,
  };
}

/** Names lower-cased, as the service sees them. */
function headersSet(call: Call | undefined): Record<string, unknown> {
  expect(call?.[0]).toBe('service.request.setHeaders');
  const entries = Object.entries(call?.[1] as HeaderValues).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const headers = Object.fromEntries(entries);
  expect(Object.keys(headers)).toHaveLength(entries.length);
  return headers;
}

describe('headers that are removed', () => {
  const names = (present: Record<string, string[]>, headerName = 'Authorization') =>
    Object.keys(serviceHeaders(headerName)('Bearer x', present)).sort();
  const all = names({});

  it('are those that the request has, if it is sure which ones', () => {
    const present = { host: ['a'], cookie: ['b'], 'x-consumer-id': ['c'], accept: ['d'] };
    expect(names(present)).toEqual(['Authorization', 'Cookie', 'X-Consumer-ID']);
    expect(names({ ...present, 'x-api-key': ['e'] }, 'X-API-Key')).toEqual(['Cookie', 'X-API-Key', 'X-Consumer-ID']);
    expect(names({ ...present, authorization: ['e'] }, 'X-API-Key')).toContain('Authorization');
  });

  it.each([
    ['there may be more than Kong returns', { host: ['a'], x: Array.from({ length: 999 }, () => 'x') }],
    ['there are none, which no request of HTTP/1.1 has', {}],
  ])('are all of them if %s', (_, present) => {
    expect(all.length).toBeGreaterThan(15);
    expect(names(present)).toEqual(all);
  });
});

describe('with a token in memory', () => {
  it('makes its calls in one tick, after one round trip', async () => {
    const { kong, calls } = fakeKong();
    void handleAccess(kong, access(usable('abc')));
    expect(calls).toEqual([]);
    await new Promise(setImmediate);
    expect(calls).toHaveLength(2);
    expect(headersSet(calls[0]).authorization).toBe('Bearer abc');
    expect(calls[1]).toEqual(['ctx.shared.set', 'genesys_token', 'ref-1/1']);
  });

  const many = { host: ['gw'], x: Array.from({ length: 999 }, () => 'x') };
  it.each([
    ['gets no other, if genesys-user-token let it through', 'user', {}, []],
    ['gets no other behind more headers than Kong returns', 'user', many, []],
    ['is replaced', null, {}, ['setHeaders']],
  ])("a user's own token %s", async (_, mark, seen, expected) => {
    const { kong, calls } = fakeKong();
    const withToken = {
      ...kong,
      ctx: { shared: { ...kong.ctx.shared, get: async () => mark } },
      request: {
        getHeaders: async () => ('host' in seen ? seen : { host: ['gw'], authorization: ['bearer of-a-user'] }),
      },
    };
    await handleAccess(withToken as unknown as Kong, access(usable('abc')));
    expect(calls.map(([name]) => name.split('.').at(-1)).filter((name) => name === 'setHeaders')).toEqual(expected);
  });

  it.each(['Authorization', 'authorization', 'X-Token', 'Cookie', 'x-consumer-id'])(
    'withholds credentials and identity if the token goes into %s',
    async (headerName) => {
      const { kong, calls } = fakeKong();
      await handleAccess(kong, access(usable('abc'), headerName));
      const headers = headersSet(calls[0]);
      expect(headers[headerName.toLowerCase()]).toBe('Bearer abc');
      const withheld = [
        'authorization',
        'proxy-authorization',
        'cookie',
        'apikey',
        'x-api-key',
        'x-http-method',
        'x-http-method-override',
        'x-method-override',
        'x-anonymous-consumer',
        'x-authenticated-groups',
        'x-authenticated-scope',
        'x-authenticated-userid',
        'x-consumer-custom-id',
        'x-consumer-groups',
        'x-consumer-id',
        'x-consumer-username',
        'x-credential-identifier',
        'x-credential-username',
      ];
      for (const name of withheld) if (name !== headerName.toLowerCase()) expect(headers[name]).toEqual([]);
      expect(Object.keys(headers).sort()).toEqual([...new Set([...withheld, headerName.toLowerCase()])].sort());
    },
  );

  it.each(['Authorization', 'proxy-authorization'])("leaves %s to Kong's own redaction", async (headerName) => {
    const { kong, calls } = fakeKong();
    await handleAccess(kong, access(usable('abc'), headerName));
    expect(calls.map(([method]) => method)).toEqual(['service.request.setHeaders', 'ctx.shared.set']);
  });

  it("hides any other header from Kong's log", async () => {
    const { kong, calls } = fakeKong();
    await handleAccess(kong, access(usable('abc'), 'X-Api-Key'));
    expect(calls[2]).toEqual(['log.setSerializeValue', 'request.headers.x-api-key', 'REDACTED']);
  });

  it('warns of a failed renewal beside it', async () => {
    const { kong, calls } = fakeKong();
    await handleAccess(kong, access({ ...usable('abc'), warning: 'login answered 503' }));
    expect(calls.map(([method]) => method)).toEqual(['service.request.setHeaders', 'ctx.shared.set', 'log.warn']);
    expect(calls[2]?.[1]).toContain('login.mypurecloud.com was not renewed: login answered 503');
  });
});

it('waits for a token that is on its way', async () => {
  const { kong, calls } = fakeKong();
  let arrive: (outcome: PoolOutcome) => void = () => undefined;
  const done = handleAccess(
    kong,
    access(
      new Promise((resolve) => {
        arrive = resolve;
      }),
    ),
  );
  expect(calls).toEqual([]);
  arrive(usable('late'));
  await done;
  expect(headersSet(calls[0]).authorization).toBe('Bearer late');
});

it('answers 503 without a token, logs why, and sends nothing to the service', async () => {
  const { kong, calls } = fakeKong();
  await handleAccess(kong, access({ kind: 'none', reason: 'login answered 401 invalid_client', retryAfterMs: 4_200 }));
  expect(calls.map(([method]) => method)).toEqual(['log.err', 'ctx.shared.set', 'nginx.getVar', 'response.exit']);
  const line = String(calls[0]?.[1]);
  expect(line).toBe(
    'no token for OAuth client "my \\"id\\"\\n" at login.mypurecloud.com: login answered 401 invalid_client; not asking again for 5 s',
  );
  const [, status, body, headers] = calls[3] ?? [];
  expect(status).toBe(503);
  expect(headers).toMatchObject({ 'Retry-After': '5' });
  expect(JSON.parse(String(body))).toEqual({
    message: 'The gateway has no access token for the service at the moment. Retry the request in [5] seconds',
    code: 'gateway.token.unavailable',
    status: 503,
    contextId: 'request-1',
    details: [],
    errors: [],
  });
  expect(JSON.stringify(calls)).not.toContain('the-secret');
});

it("answers Genesys' own 429 when every token is closed, and logs nothing", async () => {
  const { kong, calls } = fakeKong();
  await handleAccess(kong, access({ kind: 'exhausted', retryAfterMs: 41_001 }));
  expect(calls.map(([method]) => method)).toEqual(['ctx.shared.set', 'nginx.getVar', 'response.exit']);
  const [, status, body, headers] = calls[2] ?? [];
  expect(status).toBe(429);
  expect(headers).toMatchObject({ 'Retry-After': '42' });
  expect(JSON.parse(String(body))).toMatchObject({
    code: 'too.many.requests.retry.after',
    message: 'Rate limit exceeded the maximum. Retry the request in [42] seconds',
  });
});

it('tells the pool the route if the choice of a token depends on it', async () => {
  const { kong } = fakeKong();
  const routes: (string | undefined)[] = [];
  const of = access(usable('abc'));
  if ('kind' in of.credential) throw new Error('static');
  of.credential.dependsOnRoute = () => true;
  of.credential.take = (route) => {
    routes.push(route);
    return usable('abc');
  };
  await handleAccess(kong, of);
  expect(routes).toEqual(['api/v2/users']);
});
