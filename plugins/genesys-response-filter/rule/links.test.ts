/** Where links of an answer lead on a route with another path than the service's. */
import { describe, expect, it } from 'vitest';
import { linksOf } from './links.js';

const PAGE = '/api/v2/users?pageSize=2&pageNumber=2';

describe('links of a shaped route', () => {
  const paths = { client: '/directory?pageSize=2', service: '/api/v2/users?pageSize=2' };
  const rewrite = linksOf('rewrite', paths);

  it.each([
    [PAGE, '/directory?pageSize=2&pageNumber=2'],
    [`https://api.mypurecloud.de${PAGE}`, '/directory?pageSize=2&pageNumber=2'],
    ['HTTPS://api.mypurecloud.de:443/api/v2/users', '/directory'],
    ['/api/v2/users/?a=1', '/directory?a=1'],
    ['/api/v2//users', '/directory'],
    ['/api/v2/users/1', undefined],
    ['/api/v2/usersx', undefined],
    ['/api/v2', undefined],
    ['//evil.example/api/v2/users', undefined],
    ['https://api.mypurecloud.de/api/v2/queues', undefined],
    ['/', undefined],
    ['', ''],
    ['opaque-cursor', 'opaque-cursor'],
    ['3', '3'],
  ])('%s becomes %s', (link, expected) => {
    expect(rewrite?.(link)).toBe(expected);
  });

  it('never become the name of a host', () => {
    expect(linksOf('rewrite', { ...paths, client: '//evil.example/directory' })?.(PAGE)).toBe(
      '/evil.example/directory?pageSize=2&pageNumber=2',
    );
  });

  it('are left out with remove, and stay with keep', () => {
    expect(linksOf('remove', paths)?.(PAGE)).toBeUndefined();
    expect(linksOf('remove', undefined)?.('cursor')).toBe('cursor');
    expect(linksOf('keep', paths)).toBeUndefined();
  });
});

it.each([
  ['/api/v2/users?pageSize=2', '/api/v2/users?pageSize=2'],
  ['/api/v2/users/', '/api/v2/users'],
  ['/api/v2/%75sers', '/api/v2/users'],
  ['/api/api/v2/users', '/api/v2/users'],
])('links of %s, sent on as %s, stay', (client, service) => {
  expect(linksOf('rewrite', { client, service })).toBeUndefined();
});
