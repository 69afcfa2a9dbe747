/** The access phase on a fake `kong` that records the calls in their order. */
import { describe, expect, it } from 'vitest';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import { handleAccess } from './access.js';
import { readConfig } from './config.js';
import { serviceHeaders } from './service-headers.js';
import type { TokenOutcome } from './token-broker.js';

const { client, policy } = readConfig({ client_id: 'my "id"\n', client_secret: 'the-secret' });

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
    log: { err: record('log.err', undefined), warn: record('log.warn', undefined) },
    nginx: { getVar: record('nginx.getVar', 'request-1') },
    response: { exit: record('response.exit', undefined) },
    service: { request: { setHeaders: record('service.request.setHeaders', undefined) } },
  };
  return { kong: kong as unknown as Kong, calls };
}

function access(outcome: TokenOutcome | Promise<TokenOutcome>, headerName = 'Authorization') {
  return { client, policy, headersWith: serviceHeaders(headerName), broker: { get: () => outcome } };
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

describe('with a token in memory', () => {
  it('makes one call, before it ever yields, and reads nothing', () => {
    const { kong, calls } = fakeKong();
    void handleAccess(kong, access({ kind: 'token', value: 'abc' }));
    expect(calls).toHaveLength(1);
    expect(headersSet(calls[0]).authorization).toBe('Bearer abc');
  });

  it.each(['Authorization', 'authorization', 'X-Token', 'Cookie', 'x-consumer-id'])(
    'withholds credentials and identity if the token goes into %s',
    (headerName) => {
      const { kong, calls } = fakeKong();
      void handleAccess(kong, access({ kind: 'token', value: 'abc' }, headerName));
      const headers = headersSet(calls[0]);
      expect(headers[headerName.toLowerCase()]).toBe('Bearer abc');
      const withheld = [
        'authorization',
        'proxy-authorization',
        'cookie',
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

  it('warns of a failed renewal beside it', async () => {
    const { kong, calls } = fakeKong();
    await handleAccess(kong, access({ kind: 'token', value: 'abc', warning: 'login answered 503' }));
    expect(calls.map(([method]) => method)).toEqual(['service.request.setHeaders', 'log.warn']);
    expect(calls[1]?.[1]).toContain('login.mypurecloud.com was not renewed: login answered 503');
  });
});

it('waits for a token that is on its way', async () => {
  const { kong, calls } = fakeKong();
  let arrive: (outcome: TokenOutcome) => void = () => undefined;
  const done = handleAccess(
    kong,
    access(
      new Promise((resolve) => {
        arrive = resolve;
      }),
    ),
  );
  expect(calls).toEqual([]);
  arrive({ kind: 'token', value: 'late' });
  await done;
  expect(headersSet(calls[0]).authorization).toBe('Bearer late');
});

it('answers 503 without a token, logs why, and sends nothing to the service', async () => {
  const { kong, calls } = fakeKong();
  await handleAccess(kong, access({ kind: 'none', reason: 'login answered 401 invalid_client', retryAfterMs: 4_200 }));
  expect(calls.map(([method]) => method)).toEqual(['nginx.getVar', 'log.err', 'response.exit']);
  const line = String(calls[1]?.[1]);
  expect(line).toBe(
    'no token for OAuth client "my \\"id\\"\\n" at login.mypurecloud.com: login answered 401 invalid_client; not asking again for 5 s',
  );
  const [, status, body, headers] = calls[2] ?? [];
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
