/** HTTP: what a receiver gets, and what its answers mean. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { testLine } from '../testing/lines.js';
import { createHttpTransport, type Framing, frame, type HttpSettings } from './http.js';
import type { SendFailure } from './transport.js';

let received: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
let answer: { status: number; headers?: Record<string, string>; body?: string } = { status: 200 };
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    received.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received = [];
  answer = { status: 200 };
});

function open(overrides: Partial<HttpSettings> = {}) {
  const { port } = server.address() as AddressInfo;
  return createHttpTransport({
    url: new URL(`http://127.0.0.1:${port}/in`),
    headers: [{ name: 'Authorization', value: { current: () => 'Splunk token', takeWarning: () => undefined } }],
    framing: 'ndjson',
    gzip: true,
    batchEntries: 10,
    flushMs: 0,
    timeoutMs: 5000,
    ca: undefined,
    ...overrides,
  });
}

async function failure(overrides: Partial<HttpSettings> = {}): Promise<SendFailure> {
  return open(overrides)
    .send([testLine(1), testLine(2), testLine(3)])
    .then(
      () => {
        throw new Error('was taken');
      },
      (error: SendFailure) => error,
    );
}

it('posts a batch, compressed, with the headers', async () => {
  await open().send([testLine(1), testLine(2)]);
  expect(received).toHaveLength(1);
  expect(received[0]?.headers).toMatchObject({
    authorization: 'Splunk token',
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
  });
  expect(gunzipSync(received[0]?.body ?? '').toString()).toBe('{"n":1}\n{"n":2}\n');
});

it.each<[Framing, string]>([
  ['ndjson', '{"n":1}\n{"n":2}\n'],
  ['array', '[{"n":1},{"n":2}]'],
  [
    'splunk_hec',
    '{"time":1768208400,"sourcetype":"_json","event":{"n":1}}\n{"time":1768208400,"sourcetype":"_json","event":{"n":2}}',
  ],
  ['elasticsearch_bulk', '{"create":{}}\n{"n":1}\n{"create":{}}\n{"n":2}\n'],
  [
    'loki',
    '{"streams":[{"stream":{"job":"genesys-pii-log"},"values":[["1768208400000000000","{\\"n\\":1}"],["1768208400000000000","{\\"n\\":2}"]]}]}',
  ],
  [
    'otlp',
    '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"genesys-pii-log"}},{"key":"service.namespace","value":{"stringValue":"kong-genesys-cloud"}}]},"scopeLogs":[{"scope":{"name":"genesys-pii-log"},"logRecords":[{"timeUnixNano":"1768208400000000000","severityNumber":9,"body":{"stringValue":"{\\"n\\":1}"}},{"timeUnixNano":"1768208400000000000","severityNumber":9,"body":{"stringValue":"{\\"n\\":2}"}}]}]}]}',
  ],
])('frames as %s', (framing, text) => {
  expect(frame([testLine(1), testLine(2)], framing)).toBe(text);
});

describe('an answer', () => {
  it.each([
    [503, true],
    [429, true],
    [401, true],
    [400, false],
    [413, false],
    [302, false],
  ])('of %i: may arrive later: %s', async (status, isTransient) => {
    answer = { status, headers: { 'retry-after': '7', location: 'http://127.0.0.1:1/' } };
    expect(await failure()).toMatchObject({
      isTransient,
      retryAfterMs: 7000,
      message: `the receiver answered ${status}`,
    });
    expect(received).toHaveLength(1);
  });

  it.each([
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['86400', 60_000],
    ['soon', 0],
  ])('that asks to wait by Retry-After: %s is followed', async (retryAfter, retryAfterMs) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 21, 12) });
    try {
      answer = { status: 429, headers: { 'retry-after': retryAfter } };
      expect(await failure()).toMatchObject({ isTransient: true, retryAfterMs });
    } finally {
      vi.useRealTimers();
    }
  });

  it('of Elasticsearch tells of each entry', async () => {
    const items = [{ create: { status: 201 } }, { create: { status: 429 } }, { create: { status: 400 } }];
    answer = { status: 200, body: JSON.stringify({ took: 1, errors: true, items }) };
    const { remaining, refused, isTransient } = await failure({ framing: 'elasticsearch_bulk' });
    expect({
      lines: remaining?.map(({ json }) => json),
      refused: refused.map(({ json }) => json),
      isTransient,
    }).toEqual({
      lines: ['{"n":2}'],
      refused: ['{"n":3}'],
      isTransient: true,
    });
  });

  it.each([
    ['', 0],
    ['{"partialSuccess":{}}', 0],
    ['{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}', 2],
  ])('of a collector, %s, tells how many entries it has refused', async (body, refused) => {
    answer = { status: 200, body };
    if (refused === 0) return open({ framing: 'otlp' }).send([testLine(1), testLine(2), testLine(3)]);
    const found = await failure({ framing: 'otlp' });
    expect([found.refused.length, found.remaining, found.message]).toEqual([2, [], 'the receiver took 1 of 3 entries']);
  });

  it('that does not come is waited for no longer than allowed', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
    expect(await failure({ url, timeoutMs: 50 })).toMatchObject({
      isTransient: true,
      message: expect.stringContaining('ETIMEDOUT'),
    });
    silent.closeAllConnections();
    silent.close();
  });

  it('that cannot be had is a failure that may pass', async () => {
    expect(await failure({ url: new URL('http://127.0.0.1:1/') })).toMatchObject({
      isTransient: true,
      message: 'the receiver cannot be reached (ECONNREFUSED)',
    });
  });
});
