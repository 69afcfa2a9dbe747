/** Which route of Genesys a path belongs to. */
import { expect, it } from 'vitest';
import { routeOf } from './genesys-route.js';

it.each([
  ['/api/v2/users?pageSize=25', 'api/v2/users'],
  ['/api/v2/users/5a1c9d3e-0000-4444-8888-aabbccddeeff/queues', 'api/v2/users/*/queues'],
  ['/api/v2/Analytics//conversations/details/query/', 'api/v2/analytics/conversations/details/query'],
  ['/api/v2/users;v=1/%61bc%2fqueues;a', 'api/v2/users/abc/queues'],
  ['/api/v2/x/..;/users/%35', 'api/v2/users/*'],
  ['/', ''],
])('the route of %s is %s', (uri, route) => {
  expect(routeOf(uri)).toBe(route);
});
