/** The phases on a fake `kong` that has only what Kong carries out in each: what is read, and when it is not. */
import { beforeEach, describe, expect, it } from 'vitest';
import { guarded } from '../../test/support/guarded.js';
import { runPhase } from '../runtime/run-phase.js';
import { BodyTooLong } from '../shared/body-too-long.js';
import { realClock } from '../shared/clock.js';
import type { Kong } from '../shared/pdk.js';
import { type Access, accessStep } from './access.js';
import { HARD_LIMIT } from './body/body.js';
import type { Entry } from './entry/entry.js';
import type { Line } from './entry/line.js';
import { type Log, logStep } from './log.js';
import { ExtraSearchTime } from './mask/search-time.js';
import { createRequests, type Requests } from './requests.js';
import { responseStep } from './response.js';
import { createFakeClock } from './testing/clock.js';
import { testConfig } from './testing/config.js';
import { kongEntry } from './testing/entry.js';
import { createTotals } from './totals.js';
import { writeEntry } from './writer/write-entry.js';

let requests: Requests;
let lines: Line[];
/** The entry that is being written. */
let writing: Promise<unknown> | undefined;
/** `ctx.shared` of one request. */
let shared: Map<string, unknown>;
let calls: string[];
beforeEach(() => {
  requests = createRequests(createFakeClock());
  lines = [];
  writing = undefined;
  shared = new Map();
  calls = [];
});

const sink = { write: (line: Line) => void lines.push(line) };

function log(overrides: Record<string, unknown> = {}, random = 0.5): Log {
  const config = testConfig(overrides);
  const settings = { ...config, sinks: [sink], extraSearchTime: new ExtraSearchTime(realClock) };
  return {
    ...config,
    requests,
    marker: 'marker',
    totals: createTotals(),
    reading: { bytes: 0 },
    handoff: { waitingBytes: 0, takeWarning: () => undefined },
    target: {
      write(observation) {
        writing = writeEntry(observation, settings);
      },
    },
    random: () => random,
  };
}

const ctx = {
  shared: {
    set: async (key: string, value: unknown) => void shared.set(key, value),
    get: async (key: string) => shared.get(key) ?? null,
  },
};

interface Request {
  headers?: Record<string, string>;
  body?: Buffer | Error;
}

async function access({ headers = {}, body = Buffer.alloc(0) }: Request, logsBody = true): Promise<void> {
  const kong = {
    ctx,
    nginx: { getVar: guarded(async () => '') },
    request: {
      getHeader: async (name: string) => headers[name],
      getRawBody: async () => {
        calls.push('request.getRawBody');
        if (body instanceof Error) throw body;
        return body;
      },
    },
  };
  const phase: Access = { requests, marker: 'marker', logsBody };
  await runPhase([accessStep(phase)], kong as unknown as Kong);
}

const respond = (): Promise<void> => runPhase([responseStep], { ctx } as unknown as Kong);

async function end(
  phase: Log,
  entry: Record<string, unknown> = {},
  source = 'service',
  body: string | BodyTooLong = '{"ani":"x"}',
  length?: number,
): Promise<Entry | undefined> {
  const kong = {
    ctx,
    nginx: {
      getCtx: async (key: string) => {
        calls.push(`nginx.getCtx ${key}`);
        return { 'Content-Length': length ?? null };
      },
    },
    response: { getSource: async () => source },
    log: { serialize: async () => JSON.stringify(kongEntry(entry)), warn: async () => {} },
    client: { getCredential: async () => ({ id: 'credential-1', consumer_id: '' }) },
    service: {
      response: {
        getRawBody: async (maxBytes: number) => {
          calls.push('service.response.getRawBody');
          expect(maxBytes).toBe(HARD_LIMIT);
          if (body instanceof BodyTooLong) throw body;
          return Buffer.from(body);
        },
      },
    },
  };
  await runPhase([logStep(phase)], kong as unknown as Kong);
  await writing;
  return lines[0] && (JSON.parse(lines[0].json) as Entry);
}

const JSON_HEADERS = { 'content-length': '20', 'content-type': 'application/json' };
const R = '***REDACTED***';

it('logs a whole request', async () => {
  await access({ headers: JSON_HEADERS, body: Buffer.from('{"customerName":"A"}') });
  await respond();
  const entry = await end(log(), {
    request: {
      id: '5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e',
      method: 'POST',
      uri: '/api/v2/users/a%40b.de?pageSize=25&q=Ann',
      size: 321,
      headers: { ...JSON_HEADERS, apikey: 'secret', 'inin-correlation-id': '4f2a1b3c-1111-4222-8333-123456789012' },
    },
  });
  expect(entry).toEqual({
    type: 'request',
    time: '2026-01-12T09:00:00.000Z',
    request_id: '5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e',
    correlation_id: '4f2a1b3c-1111-4222-8333-123456789012',
    consumer: { id: 'b1d1a8e5-0000-4000-8000-000000000001', username: 'alice', custom_id: 'crm' },
    credential_id: 'credential-1',
    client_ip: '203.0.113.0',
    method: 'POST',
    path: `/api/v2/users/${R}`,
    query: `pageSize=25&q=${R}`,
    route: { id: 'r1', name: 'genesys-api' },
    service: { id: 's1', name: 'genesys-cloud' },
    status: 200,
    source: 'service',
    latency_ms: { total: 33, kong: 2, upstream: 30 },
    bytes: { request: 321, response: 500 },
    upstream: {
      status: '200',
      ip: '198.51.100.7',
      port: 443,
      tries: [{ ip: '198.51.100.7', port: 443, latency_ms: 0 }],
    },
    request: {
      headers: {
        'content-length': '20',
        'content-type': 'application/json',
        apikey: R,
        'inin-correlation-id': '4f2a1b3c-1111-4222-8333-123456789012',
      },
      body: { kind: 'json', bytes: 20, content_type: 'application/json', content: `{"customerName":"${R}"}` },
    },
    response: {
      headers: { 'content-type': 'application/json' },
      body: { kind: 'json', bytes: 11, content_type: 'application/json', content: `{"ani":"${R}"}` },
    },
    masked: { 'field:ani': 1, 'field:customer_name': 1, header: 1, path: 1, query: 1 },
    truncated: false,
  });
});

it.each([
  ['without the mark of the response phase', false, 'service'],
  ['of an error page', true, 'error'],
])('reads no answer %s', async (_, wasBuffered, source) => {
  await access({});
  if (wasBuffered) await respond();
  const entry = await end(log(), {}, source);
  expect(calls).toEqual([]);
  expect(entry?.response.body).toBeUndefined();
  expect(entry?.source).toBe(source);
});

it('logs what another plugin refused before this one ran', async () => {
  const entry = await end(log(), { response: { status: 401, headers: {} }, tries: [], consumer: undefined }, 'exit');
  expect(entry).toMatchObject({ status: 401, source: 'exit' });
  expect(entry).not.toHaveProperty('upstream');
  expect(requests.stats.log_events).toBe(0);
});

it.each([
  ['no body', {}, []],
  ['a body of nothing', { 'content-length': '0' }, []],
  ['a picture', { 'content-length': '9', 'content-type': 'image/png' }, []],
  ['a body above the hard limit', { 'content-length': '99999999', 'content-type': 'application/json' }, []],
  ['JSON', JSON_HEADERS, ['request.getRawBody']],
  ['chunks', { 'transfer-encoding': 'chunked' }, ['request.getRawBody']],
  ['HTTP/2 without a length', { 'content-type': 'application/json' }, ['request.getRawBody']],
])('reads a request body only if there is one to be read: %s', async (_, headers: Record<string, string>, expected) => {
  await access({ headers, body: Buffer.from('{}') });
  expect(calls).toEqual(expected);
});

describe('of an answer that is too long', () => {
  const answer = (headers: Record<string, string>) => ({ response: { status: 200, headers } });
  const TOO_LONG = { bytes: 100_000_000, content_type: 'application/json', omitted: 'too_large', truncated: true };
  const logged = async (...args: Parameters<typeof end>) => {
    await access({});
    await respond();
    return (await end(...args))?.response.body;
  };

  it('nothing is read if its length is declared', async () => {
    const declared = answer({ 'content-type': 'application/json', 'content-length': '100000000' });
    expect(await logged(log(), declared)).toEqual(TOO_LONG);
    expect(calls).toEqual([]);
  });

  it('nothing is read if another plugin has withheld it, and what left is short', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '187', 'x-gateway-response': 'blocked' };
    expect(await logged(log(), answer(headers), 'exit', '', 100_000_000)).toEqual(TOO_LONG);
    expect(calls).toEqual(['nginx.getCtx buffered_headers']);
  });

  it('nothing is kept if it is not declared', async () => {
    const undeclared = answer({ 'content-type': 'application/json' });
    expect(await logged(log(), undeclared, 'service', new BodyTooLong(100_000_000))).toEqual(TOO_LONG);
  });
});

it('reads none if none is asked for', async () => {
  await access({ headers: JSON_HEADERS, body: Buffer.from('{}') }, false);
  await respond();
  const entry = await end(log({ log_request_body: false, log_response_body: false }));
  expect(calls).toEqual([]);
  expect(entry?.request.body).toBeUndefined();
});

it('refuses no request whose body cannot be read', async () => {
  await access({ headers: JSON_HEADERS, body: new Error('too large') });
  const entry = await end(log());
  expect(entry?.request.body).toEqual({
    bytes: 20,
    content_type: 'application/json',
    omitted: 'unreadable',
    truncated: true,
  });
});

it('keeps the requests of different callers apart', async () => {
  const contexts: Map<string, unknown>[] = [];
  for (const n of [1, 2, 3]) {
    shared = new Map();
    contexts.push(shared);
    await access({ headers: JSON_HEADERS, body: Buffer.from(`{"n":${n}}`) });
  }
  for (const n of [3, 1, 2]) {
    shared = contexts[n - 1] ?? new Map();
    lines = [];
    expect((await end(log()))?.request.body?.content).toBe(`{"n":${n}}`);
  }
  expect(requests.stats).toMatchObject({ access_events: 3, log_events: 3, waiting: 0, captured_bytes: 0 });
});

it.each([
  [0.4, {}, 1],
  [0.6, {}, 0],
  [0.6, { response: { status: 500, headers: {} } }, 1],
  [0.6, { response: { status: 404, headers: {} } }, 1],
])('samples: chance %d', async (random, entry, count) => {
  await end(log({ sample_rate: 0.5 }, random), entry);
  expect(lines).toHaveLength(count);
});

it('samples errors, too, if they are not always logged', async () => {
  await access({});
  await end(log({ sample_rate: 0.5, always_log_errors: false }, 0.6), { response: { status: 500, headers: {} } });
  expect(lines).toEqual([]);
  expect(requests.stats).toMatchObject({ log_events: 1, waiting: 0 });
});

it('tells nothing of a request when it fails', async () => {
  const kong = {
    ctx,
    response: { getSource: async () => 'service' },
    log: { serialize: async () => '{"request":"4111111111111111' },
    client: { getCredential: async () => undefined },
  };
  const failed = runPhase([logStep(log())], kong as unknown as Kong);
  await expect(failed).rejects.toThrow(/^no entry was written: SyntaxError$/);
});

it('has ECS names if asked for', async () => {
  const entry = (await end(log({ format: 'ecs' }))) as unknown as Record<string, unknown>;
  expect(entry).toMatchObject({
    '@timestamp': '2026-01-12T09:00:00.000Z',
    client: { ip: '203.0.113.0' },
    http: { request: { method: 'GET' }, response: { status_code: 200 } },
    url: { path: '/api/v2/users', query: 'pageSize=25' },
    user: { name: 'alice' },
    genesys: { credential_id: 'credential-1', source: 'service', truncated: false },
  });
});
