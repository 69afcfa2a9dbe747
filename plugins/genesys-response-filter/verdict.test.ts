/** Which rule applies to a response, and what becomes of those that no rule or no filter can handle. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Exchange, exchange, filterConfig, judge } from '../../test/support/filter-exchange.js';
import type { Verdict } from './verdict.js';

/** In one line: `pass`, the body that leaves, or status and reason. */
async function outcome(what: Parameters<typeof exchange>[0], config: Record<string, unknown> = {}): Promise<string> {
  return described(await judge(exchange(what), filterConfig(config)));
}

function described(verdict: Verdict): string {
  if (verdict.kind === 'pass') return verdict.warning === undefined ? 'pass' : `pass: ${verdict.warning}`;
  return verdict.kind === 'replace' ? String(verdict.body) : `${verdict.status ?? 'blocked'}: ${verdict.reason}`;
}

describe('rules', () => {
  const rules = [
    { methods: ['POST'], paths: ['/api/v2/users/*'], keep: ['a'] },
    { paths: ['/api/v2/users/{id}'], statuses: [200], keep: ['b'] },
    { paths: ['/api/v2/users/{id}'], statuses: [404, 409], keep: ['c'] },
    { methods: ['GET', 'HEAD'], paths: ['/api/v2/users', '/api/v2/queues'], keep: ['d'] },
  ];
  const body = '{"a":1,"b":2,"c":3,"d":4,"message":"m"}';

  it.each<[Partial<Exchange>, string]>([
    [{ method: 'POST', uri: '/api/v2/users' }, '{"a":1}'],
    [{ method: 'POST', uri: '/api/v2/users/7' }, '{"a":1}'],
    [{ uri: '/api/v2/users/7' }, '{"b":2}'],
    [{ uri: '/api/v2/users/7?a=/b' }, '{"b":2}'],
    [{ uri: '//api/./v2/%75sers/x/../7/' }, '{"b":2}'],
    [{ uri: '/api/v2/users/7', status: 404 }, '{"c":3}'],
    [{ uri: '/api/v2/users/7', status: 409 }, '{"c":3}'],
    [{ uri: '/api/v2/users/7', status: 400 }, '{"message":"m"}'],
    [{ uri: '/api/v2/users/7', status: 201 }, 'blocked: no rule matches it'],
    [{ uri: '/api/v2/queues', status: 203 }, '{"d":4}'],
    [{ uri: '/api/v2/queues', method: 'PUT' }, '200: no rule matches it'],
    [{ uri: '/api/v2/queues', status: 500 }, '{"message":"m"}'],
    [{ uri: '/api/v2/other' }, 'blocked: no rule matches it'],
    [{ uri: '/api/v2/other', status: 503 }, '{"message":"m"}'],
  ])('%j: %s', async (what, expected) => {
    expect(await outcome({ ...what, body }, { rules })).toBe(expected);
  });

  it.each<[Partial<Exchange>, string]>([
    [{ uri: '/api/v2/other' }, 'pass'],
    [{ uri: '/api/v2/other', status: 503 }, 'pass'],
    [{ uri: '/api/v2/users/7', status: 201 }, 'pass'],
    [{ uri: '/api/v2/users/7', status: 400 }, '{"message":"m"}'],
    [{ uri: '/api/v2/users/7' }, '{"b":2}'],
  ])('with on_no_match pass, %j: %s', async (what, expected) => {
    expect(await outcome({ ...what, body }, { rules, on_no_match: 'pass' })).toBe(expected);
  });

  it('for GET hold for methods that Kong does not know, which it sends as GET', async () => {
    const config = { rules: [{ methods: ['GET'], keep: ['id'] }], on_no_match: 'pass' };
    expect(await outcome({ method: 'FOO' }, config)).toBe('{"id":1}');
    expect(await outcome({ method: 'get', body: '{' }, config)).toBe('blocked: its body is not JSON at byte 1');
    expect(await outcome({ method: 'PROPFIND' }, config)).toBe('pass');
  });

  it('without paths apply to any', async () => {
    expect(await outcome({ uri: '' })).toBe('{"id":1}');
  });

  it('of the first that matches hold, for headers too', async () => {
    const config = filterConfig({
      rules: [
        { methods: ['GET'], keep: ['id'], remove_headers: ['X-One'] },
        { keep: ['$'], remove_headers: ['X-Two'] },
      ],
    });
    expect(await judge(exchange(), config)).toMatchObject({ kind: 'replace', removeHeaders: ['x-one'] });
    expect(await judge(exchange({ body: '' }), config)).toMatchObject({ kind: 'pass', removeHeaders: ['x-one'] });
    expect(await judge(exchange({ body: 'x' }), config)).toMatchObject({ kind: 'block', removeHeaders: ['x-one'] });
    expect(await judge(exchange({ method: 'POST' }), config)).toMatchObject({ kind: 'pass', removeHeaders: ['x-two'] });
  });
});

describe('a body', () => {
  it.each<[string, Parameters<typeof exchange>[0], string]>([
    ['that is empty', { body: '', status: 204 }, 'pass'],
    ['that is not there, of an error', { body: '', status: 500 }, 'pass'],
    ['that is empty when decompressed', { body: gzipSync(''), headers: { 'content-encoding': ['gzip'] } }, 'pass'],
    ['that is all listed', { body: '{"id":1}' }, 'pass'],
    ['without a type', { headers: {} }, '{"id":1}'],
    ['of another JSON type', { headers: { 'content-type': ['application/vnd.x+json; charset=UTF-8'] } }, '{"id":1}'],
    ['of another type', { headers: { 'content-type': ['text/html'] } }, 'blocked: its type is not JSON'],
    ['that is not JSON', { body: '<html>' }, 'blocked: its body is not JSON at byte 0'],
    ['that is a part', { status: 206 }, 'blocked: its body is a part of one only'],
    [
      'that is compressed, and all listed',
      { body: gzipSync('{"id":1}'), headers: { 'content-encoding': ['gzip'] } },
      '{"id":1}',
    ],
    [
      'in an unknown encoding',
      { headers: { 'content-encoding': ['aes'] } },
      'blocked: its body is in an encoding that cannot be undone',
    ],
    [
      'of an error that is no JSON',
      { status: 503, body: 'down', headers: { 'content-type': ['text/plain'] } },
      '503: its type is not JSON',
    ],
    ['of an error that is broken', { status: 404, body: '{' }, '404: its body is not JSON at byte 1'],
    ['of a write that is broken', { method: 'POST', status: 201, body: '{' }, '201: its body is not JSON at byte 1'],
    [
      'of a deletion, of another type',
      { method: 'DELETE', status: 202, headers: { 'content-type': ['text/plain'] } },
      '202: its type is not JSON',
    ],
  ])('%s', async (_, what, expected) => {
    expect(await outcome(what)).toBe(expected);
  });

  it('over the bound is blocked, compressed or not', async () => {
    const body = JSON.stringify({ id: 'x'.repeat(2000) });
    const gzip = { body: gzipSync(body), headers: { 'content-encoding': ['gzip'] } };
    expect(await outcome({ body }, { max_body_bytes: 1024 })).toBe('blocked: its body is of more than 1024 bytes');
    expect(await outcome(gzip, { max_body_bytes: 1024 })).toBe('blocked: its body is of more than 1024 bytes');
    expect(await outcome(gzip, { max_body_bytes: 2048 })).toBe(body);
  });

  it('that cannot be filtered passes where on_error says so, with a warning', async () => {
    const config = { on_error: 'pass' };
    expect(await outcome({ body: '{' }, config)).toBe('pass: it leaves unfiltered: its body is not JSON at byte 1');
    expect(await outcome({ status: 500, body: '{' }, config)).toMatch(/^pass: /);
    expect(await outcome({ headers: { 'content-type': ['text/html'] } }, config)).toBe('blocked: its type is not JSON');
    expect(await outcome({}, { ...config, rules: [{ methods: ['PUT'], keep: ['id'] }] })).toBe(
      'blocked: no rule matches it',
    );
  });

  it('of another type passes where non_json says so, but no part of a body', async () => {
    const config = { non_json: 'pass' };
    const headers = { 'content-type': ['text/html'] };
    expect(await outcome({ headers }, config)).toBe('pass');
    expect(await outcome({ headers, status: 502 }, config)).toBe('pass');
    expect(
      await outcome({ headers: { 'content-type': ['multipart/byteranges; boundary=x'] }, status: 206 }, config),
    ).toBe('blocked: its body is a part of one only');
    expect(await outcome({ body: 'x', headers: { 'content-type': ['application/x-ndjson'] } }, config)).toBe(
      'blocked: its body is not JSON at byte 0',
    );
  });

  it('is not quoted by the reason when something unexpected breaks', async () => {
    const config = filterConfig();
    const [rule] = config.rules;
    const filter = () => {
      throw new TypeError('unexpected "secret"');
    };
    const broken = { ...config, rules: rule === undefined ? [] : [{ ...rule, filter }] };
    expect(described(await judge(exchange(), broken))).toBe('blocked: its body is not filtered (TypeError)');
  });
});
