/** Paths, queries, URLs, headers and addresses, masked. */
import { describe, expect, it } from 'vitest';
import { HASH_KEY, testConfig, testMasking } from '../testing/config.js';
import { clientAddress } from './address.js';
import { maskHeaders } from './headers.js';
import { maskPath, maskQuery, maskUrl } from './request-line.js';

const R = '***REDACTED***';

it.each([
  ['/api/v2/users/4f2a1b3c-1111-4222-8333-123456789012', '/api/v2/users/4f2a1b3c-1111-4222-8333-123456789012'],
  ['/api/v2/users/ann%40example.com/x', `/api/v2/users/${R}/x`],
  ['/x/tel:+12125550100;ext=1/y', `/x/${R}/y`],
  ['/x/%34111111111111111', `/x/${R}`],
  ['/a%2Fb/%E2%82%AC', '/a%2Fb/%E2%82%AC'],
  [`/${'a'.repeat(3000)}`, '/...'],
])('path %s', (path, expected) => {
  expect(maskPath(path, testMasking({ values: 'detect' }))).toBe(expected);
});

it.each([
  ['pageSize=25&PAGENUMBER=2', 'pageSize=25&PAGENUMBER=2'],
  ['q=Ann&q=Bob&flag&empty=', `q=${R}&q=${R}&flag&empty=`],
  ['id=a%40b.de&sortBy=a+b', `id=${R}&sortBy=a%20b`],
  ['a%40b.de=1', `${R}=${R}`],
])('query %s', (query, expected) => {
  expect(maskQuery(query, testMasking({ values: 'detect' }))).toBe(expected);
});

it.each([
  ['https://u:p@host.example/a?q=Ann&pageSize=2#token=x', `https://${R}/a?q=${R}&pageSize=2#${R}`],
  ['/cb?code=abc', `/cb?code=${R}`],
])('URL %s', (url, expected) => {
  expect(maskUrl(url, testMasking({ values: 'detect' }))).toBe(expected);
});

describe('headers', () => {
  const mask = (headers: Record<string, unknown>): Record<string, string> =>
    maskHeaders(headers, testConfig().policy.keptHeaders, testMasking({ values: 'detect' }));

  it('are masked unless they are allowed', () => {
    expect(mask({ apikey: 'k', cookie: ['a', 'b'], 'x-empty': '', accept: 'text/plain', etag: '"a@b.de"' })).toEqual({
      apikey: R,
      cookie: R,
      accept: 'text/plain',
      etag: `"${R}"`,
    });
  });

  it('that name a request are kept if that is what they do', () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(mask({ 'inin-correlation-id': id, traceparent: trace, 'x-request-id': '4111111111111111' })).toEqual({
      'inin-correlation-id': id,
      traceparent: trace,
      'x-request-id': R,
    });
  });

  it('are not without number', () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`x-${index}`, '1']));
    expect(Object.keys(mask(many))).toHaveLength(101);
    expect(mask(many)['...']).toBe('50 more');
  });
});

describe('the client address', () => {
  const { addressMask } = testConfig({ hash_key: HASH_KEY }).policy;
  it.each([
    ['203.0.113.77', 'full', '203.0.113.77'],
    ['203.0.113.77', 'truncate', '203.0.113.0'],
    ['::ffff:203.0.113.77', 'truncate', '203.0.113.0'],
    ['2001:db8:1:2:3::4', 'truncate', '2001:db8:1::'],
    ['fe80::1', 'truncate', 'fe80:0:0::'],
    ['2001:db8::', 'truncate', '2001:db8:0::'],
    ['unix:', 'full', undefined],
    [undefined, 'truncate', undefined],
  ] as const)('%s, %s', (address, mode, expected) => {
    expect(clientAddress(address, mode, addressMask)).toBe(expected);
  });

  it('is hashed as addresses anywhere else', () => {
    expect(clientAddress('203.0.113.77', 'hash', addressMask)).toMatch(
      /^\*\*\*HASH:[0-9a-f]{8}:ip:[0-9a-f]{32}\*\*\*$/,
    );
  });
});
