/** What report mode tells of answers: routes and names of fields, and nothing that a service or a client chose freely. */
import { expect, it } from 'vitest';
import { createReports, type RouteReport } from './reports.js';
import type { Verdict } from './verdict.js';

const replaced = (before: unknown, after: unknown): Verdict => ({
  kind: 'replace',
  removeHeaders: [],
  contentType: undefined,
  plain: Buffer.from(JSON.stringify(before)),
  body: Buffer.from(JSON.stringify(after)),
});
const get = (uri: string) => ({ method: 'GET', uri, status: 200 });
const passed: Verdict = { kind: 'pass', removeHeaders: [], warning: undefined };

async function bodyOf(reports: ReturnType<typeof createReports>) {
  const { body } = await reports.operation.run(new URLSearchParams());
  return body as { routes: RouteReport[] };
}

it('names the outermost fields that would go, once an answer, the most frequent first', async () => {
  const reports = createReports();
  const page = {
    entities: [
      { id: 1, email: 'a' },
      { id: 2, email: 'b', chat: { jabberId: 'x' } },
    ],
    total: 2,
  };
  reports.note(get('/api/v2/users?name=Zoe'), replaced(page, { entities: [{ id: 1 }, { id: 2 }], total: 2 }));
  reports.note(get('/api/v2/users'), replaced({ entities: [{ id: 1, email: 'a' }] }, { entities: [{ id: 1 }] }));
  reports.note(get('/api/v2/users'), passed);
  expect(await bodyOf(reports)).toEqual({
    routes: [
      {
        route: 'GET /api/v2/users',
        answers: { replace: 2, pass: 1 },
        removed: { 'entities[].email': 2, 'entities[].chat': 1 },
        fields: expect.any(Array),
      },
    ],
  });
});

it('names all fields of answers below 400: what they were, in how many answers, and in how many they would leave', async () => {
  const reports = createReports();
  const page = { entities: [{ id: 1, tags: [] }, null, 'x', { id: 2, chat: { on: true } }] };
  reports.note(get('/a'), replaced(page, { entities: [{ id: 1 }, { id: 2, chat: {} }] }));
  reports.note(get('/a'), { ...passed, plain: Buffer.from('{"id":1}') });
  reports.note(get('/a'), { kind: 'block', removeHeaders: [], status: 502, reason: '', plain: Buffer.from('{"b":1}') });
  reports.note({ ...get('/a'), status: 404 }, replaced({ message: 'no', secret: 1 }, { message: 'no' }));
  const [route] = (await bodyOf(reports)).routes;
  expect(route?.fields.map(({ path, kind, seen, kept }) => `${path} ${kind} ${seen} ${kept}`)).toEqual([
    ' object 3 2',
    'entities array 1 1',
    'entities[] object 1 1',
    'entities[] null 1 0',
    'entities[] value 1 0',
    'entities[].id value 1 1',
    'entities[].tags array 1 0',
    'entities[].chat object 1 1',
    'entities[].chat.on value 1 0',
    'id value 1 1',
    'b value 1 0',
  ]);
  expect(route?.removed).toEqual({ 'entities[].tags': 1, 'entities[].chat.on': 1, secret: 1 });
});

it('tells nothing apart that is deeper than 20 levels', async () => {
  const reports = createReports();
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`);
  reports.note(get('/a'), { ...passed, plain: Buffer.from(JSON.stringify(deep)) });
  const [route] = (await bodyOf(reports)).routes;
  expect(route?.fields.at(-1)).toEqual({ path: 'a.'.repeat(20).slice(0, -1), kind: 'deep', seen: 1, kept: 1 });
});

it('shows no id of a path, and no key that may be a value', async () => {
  const reports = createReports();
  const before = { 'zoe@example.com': 1, '+49 170 1234567': 1, 'Zoe Smith': 1, fine: 1, __proto__: 1 };
  for (const path of [
    '/api/v2/users/7826bf0d-ba6f-4929-bf63-187095bdb631',
    '/api/v2/users/zoe@example.com',
    '/api/v2/users/Zoe',
  ])
    reports.note(get(path), replaced(before, {}));
  const { routes } = await bodyOf(reports);
  expect(routes.map(({ route }) => route)).toEqual(['GET /api/v2/users/*']);
  expect(Object.keys(routes[0]?.removed ?? {}).sort()).toEqual(['*', 'fine']);
});

it('is bounded', async () => {
  const reports = createReports();
  const name = (index: number): string => [...String(index)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
  for (let i = 0; i < 300; i += 1) reports.note(get(`/api/v2/${name(i)}`), passed);
  const fields = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [name(index), 1]));
  reports.note(get('/api/v2/a'), replaced(fields, {}));
  const { routes } = await bodyOf(reports);
  expect(routes.length).toBe(201);
  expect(Object.keys(routes[0]?.removed ?? {}).length).toBe(2001);
  reports.note(get('/api/v2/b'), replaced({ long: 'x'.repeat(2 ** 20) }, {}));
  const [, second] = (await bodyOf(reports)).routes;
  expect(second).toMatchObject({ answers: { replace: 1 }, removed: {} });
});
