import { describe, expect, it } from 'vitest';
import type { RouteEntity, Snapshot } from './config/types.js';
import { HeaderList } from './headers.js';
import { findRoute, sortRoutes } from './router.js';

let created = 0;
const route = (name: string, fields: Partial<RouteEntity>): RouteEntity => {
  created += 1;
  return {
    ...({ id: name, name, regex_priority: 0, strip_path: true } as RouteEntity),
    created_at: created,
    ...fields,
  };
};

function find(
  routes: RouteEntity[],
  request: { path: string; method?: string; host?: string; headers?: [string, string][] },
) {
  const headers = HeaderList.from((request.headers ?? []).flat());
  const { path, method = 'GET', host = 'localhost' } = request;
  return findRoute(sortRoutes({ routes } as unknown as Snapshot), { path, method, host, headers });
}

describe('the route of a request', () => {
  it('is the one with the longest path, whatever its place', () => {
    const routes = [route('all', { paths: ['/api'] }), route('users', { paths: ['/api/v2/users'] })];
    expect(find(routes, { path: '/api/v2/users/1' })).toMatchObject({
      route: { name: 'users' },
      prefix: '/api/v2/users',
    });
    expect(find(routes, { path: '/api/v1' })?.route.name).toBe('all');
    expect(find(routes, { path: '/other' })).toBeUndefined();
  });

  it('is the one that asks for more', () => {
    const routes = [route('any', { paths: ['/api'] }), route('write', { paths: ['/api'], methods: ['POST'] })];
    expect(find(routes, { path: '/api', method: 'POST' })?.route.name).toBe('write');
    expect(find(routes, { path: '/api' })?.route.name).toBe('any');
  });

  it('is told apart by a header, as a value or a pattern', () => {
    const routes = [
      route('key', { paths: ['/api'] }),
      route('jwt', { paths: ['/api'], headers: { authorization: ['~*^bearer .+'] } }),
    ];
    expect(find(routes, { path: '/api', headers: [['Authorization', 'BEARER x']] })?.route.name).toBe('jwt');
    expect(find(routes, { path: '/api', headers: [['Authorization', 'Basic x']] })?.route.name).toBe('key');
  });

  it('may be found by hosts with a wildcard, and by patterns of paths', () => {
    const routes = [
      route('host', { hosts: ['*.example.com'] }),
      route('pattern', { paths: ['~/users/(?<id>[0-9]+)$'] }),
    ];
    expect(find(routes, { path: '/', host: 'a.example.com' })?.route.name).toBe('host');
    expect(find(routes, { path: '/users/17' })).toMatchObject({ route: { name: 'pattern' }, prefix: '/users/17' });
    expect(find(routes, { path: '/users/x' })).toBeUndefined();
  });
});
