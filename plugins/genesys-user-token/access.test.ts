/** The access phase with a Kong of its own making: who goes on, as whom, and what everyone else is told. */
import { expect, it } from 'vitest';
import { runPhase } from '../runtime/run-phase.js';
import type { Kong } from '../shared/pdk.js';
import { accessStep, type Decision } from './access.js';
import type { CheckResult, TokenChecker } from './checks/checker.js';

const OWNER = {
  kind: 'owner',
  owner: {
    organizationId: 'org',
    homeOrganizationId: 'org',
    clientId: 'app',
    userId: 'zoe',
    groupIds: new Set<string>(),
  },
} as const;
const CONSUMER = { id: 'c1', username: 'agent-desktop', custom_id: '', created_at: 0, tags: [] };

interface Request {
  authorization?: string;
  connection?: string;
  path?: string;
  method?: string;
  headers?: Record<string, string[]>;
  credential?: { id: string };
  result?: CheckResult;
  consumer?: typeof CONSUMER | undefined;
}

async function ask(request: Request) {
  const { authorization = 'Bearer token-of-zoe', path = '/api/v2/users/me', result = OWNER } = request;
  const calls: Record<string, unknown> = {};
  const checked: unknown[] = [];
  const forgotten: string[] = [];
  const decisions: Decision[] = [];
  const variables: Record<string, string> = {
    http_authorization: authorization,
    http_connection: request.connection ?? '',
    upstream_uri: path,
  };
  const note =
    (name: string) =>
    async (...args: unknown[]): Promise<void> => {
      calls[name] = args;
    };
  const kong = {
    client: {
      getForwardedIp: async () => '192.0.2.1',
      getCredential: async () => request.credential,
      loadConsumer: async () => ('consumer' in request ? request.consumer : CONSUMER),
      authenticate: note('authenticate'),
    },
    ctx: { shared: { set: note('share') } },
    log: { err: note('err'), debug: async () => undefined },
    nginx: { getVar: async (name: string) => variables[name] ?? 'request-id' },
    request: {
      getHeaders: async () => ({ host: ['gw'], authorization: [authorization], ...request.headers }),
      getMethod: async () => request.method ?? 'GET',
    },
    response: { exit: note('exit') },
    service: { request: { setHeaders: note('setHeaders') } },
  };
  const checker: TokenChecker = {
    check(...args) {
      checked.push(args);
      return result;
    },
    forget: (token) => forgotten.push(token),
    watchGroups: () => {},
    takeNotice: () => undefined,
    size: 0,
  };
  const step = accessStep({
    checker,
    admission: {
      organizationIds: new Set(['org']),
      rules: [{ consumer: 'agent-desktop', clientId: 'app', userId: undefined, groupId: undefined }],
    },
    policy: { cacheMs: 60_000, timeoutMs: 1, refusedPerAddress: 1, refusedInTotal: 1 },
    nowMs: () => 0,
    countRequest: (decision) => decisions.push(decision),
  });
  await runPhase([step], kong as unknown as Kong);
  const [status, body, headers] = (calls.exit ?? []) as [number?, string?, Record<string, string>?];
  return { calls, checked, forgotten, decisions, status, body: body && JSON.parse(body), headers };
}

it('lets a user through as a consumer, with the token and nothing else of the client', async () => {
  const { calls, checked, decisions, status } = await ask({
    headers: { 'x-consumer-id': ['forged'], apikey: ['k'], cookie: ['a=b'], accept: ['*/*'] },
  });
  expect(status).toBeUndefined();
  expect(checked).toEqual([['token-of-zoe', '192.0.2.1', expect.anything()]]);
  expect(calls.authenticate).toEqual([CONSUMER, { id: 'zoe', consumer_id: 'c1' }]);
  expect(calls.share).toEqual(['genesys_token', 'user']);
  expect(calls.setHeaders).toEqual([{ 'X-Consumer-ID': [], apikey: [], Cookie: [] }]);
  expect(decisions).toEqual(['accepted']);
});

it.each([
  ['', 'Bearer'],
  ['Basic eDp5', 'Bearer'],
  ['Bearer', 'Bearer'],
  ['Bearer one, Bearer two', 'Bearer'],
  ['Bearer one two', 'Bearer'],
  ['Bearer "quoted"', 'Bearer'],
  [`Bearer ${'x'.repeat(4097)}`, 'Bearer'],
])('refuses %s without a check', async (authorization, challenge) => {
  const { status, headers, checked, body, decisions } = await ask({ authorization });
  expect([status, headers?.['WWW-Authenticate'], checked, decisions]).toEqual([401, challenge, [], ['no_token']]);
  expect(body).toMatchObject({ code: 'gateway.request.refused', status: 401, contextId: 'request-id' });
});

it('takes one of the two: a credential of the gateway, or the token of a user', async () => {
  const { status, checked, calls } = await ask({ credential: { id: 'k' } });
  expect([status, checked, calls.authenticate]).toEqual([400, [], undefined]);
});

it.each<[string, CheckResult, number, string, string | undefined, Decision]>([
  ['a dead token', { kind: 'refused', why: 'invalid' }, 401, 'gateway.request.refused', undefined, 'refused'],
  ["no user's token", { kind: 'refused', why: 'userless' }, 403, 'gateway.request.refused', undefined, 'refused'],
  ['too many', { kind: 'limited', retryAfterMs: 1500 }, 429, 'too.many.requests.retry.after', '2', 'limited'],
  ['a token at its limit', { kind: 'busy', retryAfterMs: 10 }, 429, 'too.many.requests.retry.after', '1', 'limited'],
  ['what is not known', { kind: 'failed', retryAfterMs: 1000 }, 503, 'gateway.token.unavailable', '1', 'unavailable'],
])('refuses %s', async (_, result, status, code, retryAfter, decision) => {
  const answer = await ask({ result });
  expect([answer.status, answer.body.code, answer.headers?.['Retry-After'], answer.decisions]).toEqual([
    status,
    code,
    retryAfter,
    [decision],
  ]);
  expect(answer.calls.authenticate).toBeUndefined();
});

it('says to a program that the token is dead', async () => {
  const { headers } = await ask({ result: { kind: 'refused', why: 'invalid' } });
  expect(headers?.['WWW-Authenticate']).toBe('Bearer error="invalid_token"');
});

it('keeps out whoever may not come in', async () => {
  const result = { ...OWNER, owner: { ...OWNER.owner, clientId: 'other' } };
  const { status, body, decisions } = await ask({ result });
  expect([status, body.code, decisions]).toEqual([403, 'gateway.request.refused', ['excluded']]);
});

it('fails closed without the consumer', async () => {
  const { status, calls } = await ask({ consumer: undefined });
  expect([status, calls.authenticate]).toEqual([500, undefined]);
  expect(String(calls.err)).toContain('Kong has no consumer "agent-desktop"');
});

it.each([
  ['DELETE', '/api/v2/tokens/me', ['token-of-zoe']],
  ['DELETE', '/api/v2/tokens/%6de?x=1', ['token-of-zoe']],
  ['GET', '/api/v2/tokens/me', []],
  ['DELETE', '/api/v2/users/1', []],
])('%s %s forgets %j', async (method, path, tokens) => {
  const { forgotten, status } = await ask({ method, path });
  expect([forgotten, status]).toEqual([tokens, undefined]);
});

it('refuses what a Connection header or a path could hide', async () => {
  expect((await ask({ connection: 'authorization' })).status).toBe(400);
  expect((await ask({ path: '/api/v2/a%2fb' })).status).toBe(400);
});
