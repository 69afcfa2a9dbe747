/** The response phase on a fake `kong` that records the calls in their order. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Exchange, exchange, filterConfig } from '../../test/support/filter-exchange.js';
import { runPhase } from '../runtime/run-phase.js';
import { BodyTooLong } from '../shared/body-too-long.js';
import { NoRoom } from '../shared/byte-budget.js';
import { realClock } from '../shared/clock.js';
import type { Kong } from '../shared/pdk.js';
import type { Config } from './config.js';
import { createTotals } from './metrics.js';
import { createReports } from './reports.js';
import { createMemory, responseStep } from './response.js';

const handleResponse = (
  kong: Kong,
  config: Config,
  totals: ReturnType<typeof createTotals>,
  memory = createMemory(realClock),
) => runPhase([responseStep(config, totals, memory, createReports())], kong);

type Call = [method: string, ...args: unknown[]];

const READS = ['getMethod', 'getCtx', 'getStatus', 'getHeaders'];

/** Only what the handler may call; anything else is a TypeError. */
function fakeKong(
  { method, uri, status, headers, body }: Exchange,
  /** The request for which Kong answers some calls instead; see response.ts. */
  stale?: { status: number; headers: Exchange['headers'] },
): { kong: Kong; calls: Call[] } {
  const calls: Call[] = [];
  const record =
    <T>(name: string, reply: (...args: string[]) => T) =>
    (...args: unknown[]): Promise<T> => {
      calls.push([name, ...args]);
      return new Promise((resolve) => resolve(reply(...(args as string[]))));
    };
  const nothing = (): void => {};
  const kong = {
    log: { err: record('log.err', nothing), warn: record('log.warn', nothing) },
    nginx: {
      getVar: record('getVar', (name) => (name === 'upstream_uri' ? uri : 'request-1')),
      getCtx: record('getCtx', () => (stale === undefined ? 0x80 : 0x2000)),
    },
    request: { getMethod: record('getMethod', () => method) },
    response: {
      getStatus: record('getStatus', () => (stale ?? { status }).status),
      getHeaders: record('getHeaders', () => (stale ?? { headers }).headers),
      setHeaders: record('setHeaders', nothing),
      exit: record('exit', nothing),
    },
    service: {
      response: {
        getRawBody: record('getRawBody', (maxBytes) => {
          if (body.length > Number(maxBytes)) throw new BodyTooLong(body.length);
          return body;
        }),
        getStatus: record('service.getStatus', () => status),
        getHeader: record('service.getHeader', (name) => headers[name]?.[0]),
      },
    },
  };
  return { kong: kong as unknown as Kong, calls };
}

/** The calls after the reads. */
async function handled(
  what: Parameters<typeof exchange>[0],
  config: Config = filterConfig(),
  totals = createTotals(),
  memory = createMemory(realClock),
): Promise<Call[]> {
  const { kong, calls } = fakeKong(exchange(what));
  await handleResponse(kong, config, totals, memory);
  return calls
    .slice(READS.length + (config.readsPath ? 1 : 0))
    .filter(([name, of]) => name !== 'getRawBody' && !(name === 'getVar' && String(of).endsWith('_uri')));
}

/** The limits with which the body was asked for. */
async function limits(what: Parameters<typeof exchange>[0], config?: Config): Promise<unknown[]> {
  const { kong, calls } = fakeKong(exchange(what));
  await handleResponse(kong, config ?? filterConfig(), createTotals());
  return calls.filter(([name]) => name === 'getRawBody').map(([, maxBytes]) => maxBytes);
}

it('reads the head in one round trip, and the path only if a rule asks for it', () => {
  const without = fakeKong(exchange());
  void handleResponse(without.kong, filterConfig(), createTotals());
  expect(without.calls.map(([name]) => name)).toEqual(READS);
  const withPaths = fakeKong(exchange());
  void handleResponse(withPaths.kong, filterConfig({ rules: [{ paths: ['/a'], keep: ['id'] }] }), createTotals());
  expect(withPaths.calls).toContainEqual(['getVar', 'upstream_uri']);
  expect(withPaths.calls).toHaveLength(READS.length + 1);
});

describe('of the body', () => {
  const JSON_TYPE = { 'content-type': ['application/json'] };
  const declared = (bytes: number) => ({ ...JSON_TYPE, 'content-length': [String(bytes)] });
  const page = (bytes: number): string => `{"id":"${'x'.repeat(bytes - 9)}"}`;

  it('as much is asked for as the service declares', async () => {
    expect(await limits({ body: page(100), headers: declared(100) })).toEqual([100]);
    // Another plugin may have set the header: it decides on nothing.
    expect(await limits({ body: page(100), headers: declared(0) })).toEqual([0, 100]);
  });

  it('nothing is asked for if it is declared too long', async () => {
    const headers = declared(1025);
    const config = filterConfig({ max_body_bytes: 1024 });
    expect(await limits({ body: page(1025), headers }, config)).toEqual([]);
    const blocked = ['log.err', 'a response is blocked: its body is of more than 1024 bytes'];
    const read = await handled({ body: page(1025), headers }, config);
    expect([read[0], read.at(-1)?.slice(0, 2)]).toEqual([blocked, ['exit', 502]]);
    const written = await handled({ body: page(1025), headers, method: 'POST' }, config);
    expect([written[0], written.at(-1)?.slice(0, 2)]).toEqual([blocked, ['exit', 200]]);
    expect(await limits({ body: page(1024), headers: declared(1024) }, config)).toEqual([1024]);
    const passing = filterConfig({ max_body_bytes: 1024, on_error: 'pass' });
    expect(await handled({ body: page(1025), headers }, passing)).toEqual([
      ['log.warn', 'it leaves unfiltered: its body is of more than 1024 bytes'],
    ]);
  });

  it('1 MiB is asked for if it is not declared, and all of it if it is longer, but not too long', async () => {
    const usual = 1024 * 1024;
    expect(await limits({ body: page(usual) })).toEqual([usual]);
    expect(await limits({ body: page(usual + 1) })).toEqual([usual, usual + 1]);
    const config = filterConfig({ max_body_bytes: 2 * usual });
    expect(await limits({ body: page(2 * usual) }, config)).toEqual([usual, 2 * usual]);
    expect(await limits({ body: page(2 * usual + 1) }, config)).toEqual([usual]);
    expect((await handled({ body: page(2 * usual + 1) }, config))[0]).toEqual([
      'log.err',
      'a response is blocked: its body is of more than 2097152 bytes',
    ]);
    expect(await limits({ body: page(1025) }, filterConfig({ max_body_bytes: 1024 }))).toEqual([1024]);
  });

  it('nothing is asked for where it does not matter', async () => {
    const headers = { 'content-type': ['image/png'] };
    expect(await limits({ headers }, filterConfig({ non_json: 'pass' }))).toEqual([]);
    const config = filterConfig({ rules: [{ methods: ['PUT'], keep: ['id'] }], on_no_match: 'pass' });
    expect(await limits({}, config)).toEqual([]);
    // But whether there is any.
    expect(await limits({ headers })).toEqual([0]);
    expect(await limits({ headers: { ...headers, 'content-length': ['24'] } })).toEqual([]);
    expect(await handled({ headers, body: '' })).toEqual([]);
  });
});

describe('without room for another body', () => {
  const full = { run: () => Promise.reject(new NoRoom()) };
  const free = createMemory(realClock);
  const zipped = { headers: { 'content-encoding': ['gzip'] }, body: gzipSync(randomBytes(20_000)) };

  it.each([
    ['of any kind', { bodies: full, decompressed: free.decompressed }, {}],
    ['decompressed', { bodies: free.bodies, decompressed: full }, zipped],
  ])('%s, nothing leaves unfiltered, and clients are told to try again', async (_, memory, what) => {
    for (const config of [filterConfig(), filterConfig({ on_error: 'pass' })]) {
      const read = (await handled(what, config, createTotals(), memory)).at(-1);
      expect(read?.slice(0, 2)).toEqual(['exit', 503]);
      expect(read?.[3]).toMatchObject({ 'Retry-After': '1', 'X-Gateway-Response': 'blocked' });
      const written = (await handled({ ...what, method: 'POST', status: 201 }, config, createTotals(), memory)).at(-1);
      expect(written?.slice(0, 2)).toEqual(['exit', 201]);
      expect(written?.[3]).not.toHaveProperty('Retry-After');
    }
  });
});

describe('a filtered body', () => {
  it('leaves with the status of the service', async () => {
    expect(await handled({ status: 201, method: 'POST' })).toEqual([['exit', 201, Buffer.from('{"id":1}'), {}]]);
  });

  it('takes along no header that described the other one', async () => {
    const headers = {
      'content-type': ['application/json'],
      'content-encoding': ['gzip'],
      etag: ['"x"'],
      'content-md5': ['x'],
      digest: ['x'],
      'x-secret': ['x'],
      'x-other': ['x'],
    };
    const config = filterConfig({ rules: [{ keep: ['id'], remove_headers: ['X-Secret', 'x-absent'] }] });
    const calls = await handled({ headers, body: gzipSync('{"id":1,"x":2}') }, config);
    const removed = { 'x-secret': [], 'content-encoding': [], etag: [], 'content-md5': [], digest: [] };
    expect(calls).toEqual([['exit', 200, Buffer.from('{"id":1}'), removed]]);
  });

  it('is said to be UTF-8 if it was not', async () => {
    const headers = { 'content-type': ['application/json; charset=latin1'] };
    expect(await handled({ headers, body: Buffer.from('{"id":"ä"}', 'latin1') })).toEqual([
      ['exit', 200, Buffer.from('{"id":"ä"}'), { 'Content-Type': 'application/json; charset=utf-8' }],
    ]);
    expect((await handled({ headers: {} })).at(-1)?.[3]).toEqual({ 'Content-Type': 'application/json; charset=utf-8' });
  });
});

describe('a body that passes', () => {
  it('is not touched', async () => {
    const headers = { 'content-type': ['application/json'], etag: ['x'] };
    expect(await handled({ body: '{"id":1}', headers })).toEqual([]);
    expect(await handled({ body: '', status: 304, headers })).toEqual([]);
  });

  it('loses the headers that a rule names', async () => {
    const config = filterConfig({ rules: [{ keep: ['id'], remove_headers: ['ETag'] }] });
    expect(await handled({ body: '', status: 204, headers: { etag: ['x'] } }, config)).toEqual([
      ['setHeaders', { etag: [] }],
    ]);
  });

  it('unfiltered is logged', async () => {
    const calls = await handled({ body: '{"secret"' }, filterConfig({ on_error: 'pass' }));
    expect(calls).toEqual([['log.warn', 'it leaves unfiltered: its body is not JSON at byte 9']]);
  });
});

describe('a blocked response', () => {
  it('is a 502 in the shape of an error of Genesys, with nothing of the body in answer or log', async () => {
    const headers = { 'content-encoding': ['identity'], etag: ['x'] };
    const calls = await handled({ body: '{"secret":', headers });
    expect(calls.slice(0, -1)).toEqual([
      ['log.err', 'a response is blocked: its body is not JSON at byte 10'],
      ['getVar', 'kong_request_id'],
    ]);
    const [method, status, body, sent] = calls.at(-1) ?? [];
    expect([method, status]).toEqual(['exit', 502]);
    expect(sent).toEqual({
      'content-encoding': [],
      etag: [],
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Gateway-Response': 'blocked',
    });
    expect(JSON.parse(body as string)).toEqual({
      message: "The gateway did not let the service's response through",
      code: 'gateway.response.blocked',
      status: 502,
      contextId: 'request-1',
      details: [],
      errors: [],
    });
    expect(JSON.stringify(calls)).not.toContain('secret');
  });

  it.each([
    ['POST', 200],
    ['PUT', 202],
    ['PATCH', 200],
    ['DELETE', 200],
    ['GET', 404],
    ['POST', 500],
  ])('to %s with %i keeps its status', async (method, status) => {
    const call = (await handled({ method, status, body: 'x' })).at(-1);
    expect(call?.slice(0, 2)).toEqual(['exit', status]);
    expect(JSON.parse(call?.[2] as string)).toMatchObject({ code: 'gateway.response.blocked', status });
    expect(call?.[3]).toMatchObject({ 'X-Gateway-Response': 'blocked' });
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])('to %s is a 502', async (method) => {
    expect((await handled({ method, status: 200, body: 'x' })).at(-1)?.[1]).toBe(502);
  });
});

it("of Kong's own making is an answer like any other: reduced, or blocked", async () => {
  const html = { status: 502, headers: { 'content-type': ['text/html'] }, body: '<h1>Bad gateway</h1>' };
  expect((await handled(html)).at(-1)?.slice(0, 2)).toEqual(['exit', 502]);
  const own = { status: 504, body: '{"message":"timeout","request_id":"r"}' };
  expect((await handled(own)).at(-1)).toEqual(['exit', 504, Buffer.from('{"message":"timeout"}'), {}]);
});

describe('a response for which Kong tells of another request', () => {
  it.each([
    ['that failed', { status: 403, headers: { 'content-type': ['application/json'] } }],
    ['of another type', { status: 200, headers: { 'content-type': ['text/plain'] } }],
    ['that was longer', { status: 200, headers: { 'content-length': ['99999999'] } }],
    ['that was a part', { status: 206, headers: { 'content-type': ['application/json'] } }],
  ])('%s is filtered by its own status and headers', async (_, stale) => {
    const headers = { 'content-type': ['application/json'], 'content-encoding': ['gzip'], 'x-secret': ['x'] };
    const own = exchange({ status: 201, method: 'POST', headers, body: gzipSync('{"id":1,"email":"secret"}') });
    const { kong, calls } = fakeKong(own, stale);
    const config = filterConfig({ rules: [{ keep: ['id'], remove_headers: ['X-Secret'] }], non_json: 'pass' });
    await handleResponse(kong, config, createTotals());
    // Kong has it as a number, and fails the request of whoever asks for it there.
    expect(calls).not.toContainEqual(['service.getHeader', 'content-length']);
    const done = calls.filter(([name]) => name === 'exit');
    expect(done).toEqual([['exit', 201, Buffer.from('{"id":1}'), { 'x-secret': [], 'content-encoding': [] }]]);
  });
});

it('counts responses by verdict, and the bytes that came and left', async () => {
  const totals = createTotals();
  const body = Buffer.from('{"id":1,"x":2}');
  await handled({ body }, filterConfig(), totals);
  await handled({ body: Buffer.from('{"id":1}') }, filterConfig(), totals);
  await handled({ body: Buffer.from('nothing') }, filterConfig(), totals);
  await handled({ body: Buffer.from('nothing') }, filterConfig({ on_error: 'pass' }), totals);
  expect(totals.responses).toEqual({ passed: 1, filtered: 1, blocked: 1, unfiltered: 1, refused: 0, reported: 0 });
  expect([totals.bytesIn, totals.bytesOut]).toEqual([14 + 8 + 7 + 7, 8 + 8 + 0 + 7]);
});
