/** Few routes with anchored expressions, which take what was chosen and no other operation. */
import { beforeAll, describe, expect, it } from 'vitest';
import { DESCRIPTION } from '../../../test/support/api-description.js';
import { isRouterPattern } from '../../config-check/router-pattern.js';
import { ROOT } from '../../testbed/plugin-server.js';
import type { Api, Operation } from './api.js';
import { type PlannedRoute, planRoutes } from './plan.js';
import { readShapes } from './shape.js';
import { readApi } from './source.js';
import { readSwagger } from './swagger.js';

const UUID = '0b5d6a7e-1000-4000-8000-000000000001';

let sdk: Api;
beforeAll(async () => {
  sdk = await readApi(undefined, [ROOT]);
});

const described = readSwagger(JSON.stringify(DESCRIPTION), 'api.json');
const pick = (api: Api, ...ids: string[]): Operation[] => api.operations.filter(({ id }) => ids.includes(id));

/** Returns what finds a route as Kong does, by priority. */
function router(routes: readonly PlannedRoute[]): (method: string, path: string) => PlannedRoute | undefined {
  const sorted = [...routes]
    .sort((a, b) => b.priority - a.priority)
    .map((route) => ({ route, paths: route.paths.map((text) => new RegExp(`^${text.slice(1)}`)) }));
  return (method, path) =>
    sorted.find(({ route, paths }) => route.methods.includes(method) && paths.some((one) => one.test(path)))?.route;
}

const isOpen = (routes: readonly PlannedRoute[], method: string, path: string): boolean =>
  router(routes)(method, path)?.kind !== undefined;

it('one expression for each resource, in which beginnings are shared', () => {
  const routes = planRoutes(sdk, pick(sdk, 'getUsers', 'getUser', 'patchUser', 'getRoutingQueues', 'postUsersSearch'));
  expect(routes.map(({ name, methods, paths }) => ({ name, methods, paths }))).toEqual([
    {
      name: 'reads',
      methods: ['GET', 'HEAD'],
      paths: ['~/api/v2/routing/queues$', '~/api/v2/users(?:/[0-9A-Fa-f-]{36})?$'],
    },
    { name: 'queries', methods: ['POST'], paths: ['~/api/v2/users/search$'] },
    { name: 'patches', methods: ['PATCH'], paths: ['~/api/v2/users/[0-9A-Fa-f-]{36}$'] },
  ]);
});

it('all operations of the SDK fit into few routes, whose expressions Kong takes', () => {
  const routes = planRoutes(sdk, sdk.operations);
  expect(routes.length).toBeLessThan(20);
  const paths = routes.flatMap((route) => route.paths);
  expect(paths.filter((path) => !isRouterPattern(path.slice(1)) || path.length > 12_000)).toEqual([]);
  expect(routes.flatMap(({ operations }) => operations)).toHaveLength(sdk.operations.length);
});

it('what is chosen is open, and nothing else, for each operation of the SDK alone', () => {
  const concrete = (path: string): string =>
    path.replace(/\{(\w+)\}/g, (_, name: string) => (/(?:Date|week)Id$/i.test(name) ? '2026-01-05' : UUID));
  const resourceOf = ({ path }: Operation) => path.split('/')[3];
  const wrong = [...new Set(sdk.operations.map(resourceOf))].flatMap((resource) => {
    const operations = sdk.operations.filter((operation) => resourceOf(operation) === resource);
    return operations.flatMap((operation) => {
      const routeOf = router(planRoutes({ ...sdk, operations }, [operation]));
      return operations
        .filter((other) => concrete(other.path) !== concrete(operation.path) || other.method !== operation.method)
        .filter((other) => other.method !== 'HEAD' && routeOf(other.method, concrete(other.path))?.kind !== undefined)
        .map((other) => `${operation.id} opens ${other.id}`);
    });
  });
  expect(wrong).toEqual([]);
}, 120_000);

describe('a word next to an id', () => {
  it('is closed if it is an operation that was not chosen', () => {
    const routes = planRoutes(described, pick(described, 'getName'));
    expect(isOpen(routes, 'GET', '/api/v2/external/names/x')).toBe(true);
    expect(isOpen(routes, 'GET', '/api/v2/external/names/me')).toBe(false);
    expect(router(routes)('HEAD', '/api/v2/external/names/me')).toMatchObject({ name: 'closed-gets-1', priority: 1 });
  });

  it('needs no route of its own if it was chosen too', () => {
    expect(planRoutes(described, pick(described, 'getName', 'getNameMe'))).toHaveLength(1);
  });
});

describe('an id', () => {
  const opens = (path: string, ...args: string[]): boolean =>
    isOpen(planRoutes(described, described.operations, readShapes(args)), 'GET', path);

  it.each([
    [`/api/v2/users/${UUID}`, true],
    [`/api/v2/users/${UUID.toUpperCase()}`, true],
    ['/api/v2/users/me', false],
    [`/api/v2/users/${UUID}0`, false],
    [`/api/v2/users/${UUID}/x`, false],
    [`/api/v2/users/${UUID}\n`, false],
    [`/api/v2/routing/queues/${UUID}/members/all`, true],
    [`/api/v2/routing/queues/${UUID}/members/a.b`, true],
    [`/api/v2/routing/queues/${UUID}/members/axb`, false],
    ['/api/v2/external/names/a b', true],
    ['/api/v2/external/names/a%40b', true],
    ['/api/v2/external/names/a%2Fb', false],
    ['/api/v2/external/names/a%3Bb', false],
    ['/api/v2/external/names/a;b', false],
    ['/api/v2/external/names/a\\b', false],
    ['/api/v2/external/names/a%252f', false],
    ['/api/v2/external/names/a/b', false],
    ['/api/v2/external/names/', false],
  ])('%s: %s', (path, expected) => {
    expect(opens(path)).toBe(expected);
  });

  it('has the shape that somebody says it has', () => {
    expect(opens('/api/v2/external/names/abc', 'name=number')).toBe(false);
    expect(opens('/api/v2/external/names/17', 'name=number')).toBe(true);
    expect(() => readShapes(['name=words'])).toThrow('SHAPE one of uuid, id, number, date, text');
  });

  it('may be a word that its description names, or a date', () => {
    const routes = planRoutes(sdk, sdk.operations);
    const below = (path: string): boolean => isOpen(routes, 'GET', `/api/v2/workforcemanagement/${path}`);
    const of = (end: string) => [UUID, 'mine', 'yours'].map((id) => below(`managementunits/${id}/${end}`));
    expect(of('activitycodes')).toEqual([true, true, false]);
    expect(of('adherence')).toEqual([true, false, false]);
    const weeks = ['2026-01-05', '2026-1-5', UUID].map((week) =>
      below(`managementunits/${UUID}/weeks/${week}/shifttrades`),
    );
    expect(weeks).toEqual([true, false, false]);
  });
});
