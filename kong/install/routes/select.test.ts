/** Which operations a choice names, and what an OAuth client needs for them. */
import { describe, expect, it } from 'vitest';
import { DESCRIPTION } from '../../../test/support/api-description.js';
import type { Operation } from './api.js';
import { kindOf } from './kind.js';
import { needsOf } from './permissions.js';
import { type Selection, select } from './select.js';
import { readSwagger } from './swagger.js';

const api = readSwagger(JSON.stringify(DESCRIPTION), 'api.json');
const chosen = (selection: Partial<Selection>): string[] =>
  select(api, { operations: [], tags: [], permissions: [], ...selection }).map(({ id }) => id);
const operation = (id: string): Operation => {
  const found = api.operations.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
};

describe('a choice', () => {
  it.each<[Partial<Selection>, string[]]>([
    [{ operations: ['getUsers', 'GET /api/v2/users/{x}'] }, ['getUsers', 'getUser']],
    [{ tags: ['externalcontacts'] }, ['getNameMe', 'getName']],
    [{ tags: ['Search'], operations: ['getUser'] }, ['postUsersSearch', 'getUser']],
    [{ permissions: ['directory:user:view'] }, ['postUsersSearch']],
    [{ permissions: ['routing:*'] }, ['postQueuesQuery']],
    [
      { permissions: ['routing:queue:view', 'directory:user:view'] },
      ['postQueuesQuery', 'getQueueMembers', 'postUsersSearch'],
    ],
    [{ permissions: ['directory:user:edit'] }, ['patchUser']],
  ])('%j', (selection, ids) => {
    expect(chosen(selection)).toEqual(ids);
  });

  it.each<[Partial<Selection>, string]>([
    [{ operations: ['getUserz'] }, 'no such operation; did you mean "getUsers"?'],
    [{ operations: ['PUT /api/v2/users'] }, 'no such operation'],
    [{ tags: ['Rooting'] }, 'no such tag; did you mean "Routing"?'],
    [{ permissions: ['routing:queue:veiw'] }, 'no operation asks for it; did you mean "routing:queue:view"?'],
  ])('%j is refused', (selection, message) => {
    expect(() => chosen(selection)).toThrow(message);
  });

  it('by permissions needs a description', () => {
    const without = { ...api, isDescription: false };
    expect(() => select(without, { operations: [], tags: [], permissions: ['a:b:c'] })).toThrow('--api FILE');
  });
});

it.each([
  ['getUsers', 'read'],
  ['postUsersSearch', 'query'],
  ['patchUser', 'write'],
  // It looks like a query, and a permission to edit is enough for it.
  ['postQueuesQuery', 'write'],
])('%s is a %s', (id, kind) => {
  expect(kindOf(operation(id))).toBe(kind);
});

it('a POST to bulk data is a write, unless it only reads', () => {
  const kind = (path: string, method = 'POST') => kindOf({ method, path, permissions: undefined });
  expect(kind('/api/v2/externalcontacts/bulk/contacts/remove')).toBe('write');
  expect(kind('/api/v2/externalcontacts/bulk/contacts')).toBe('bulk');
  expect(kind('/api/v2/analytics/conversations/details/query')).toBe('bulk');
  expect(kind('/api/v2/analytics/x', 'GET')).toBe('bulk');
  expect(kind('/api/v2/analyticsx', 'GET')).toBe('read');
  expect(kind('/api/v2/users/me', 'OPTIONS')).toBe('write');
});

describe('an OAuth client needs', () => {
  const all = (type: 'ALL' | 'ANY', names: string[], scopes?: string[]): Operation => ({
    ...operation('getUsers'),
    permissions: { type, names },
    scopes,
  });

  it('all permissions that are needed, and one of each choice that they do not decide', () => {
    expect(
      needsOf([
        all('ALL', ['a:b:view', 'a:c:view']),
        all('ANY', ['a:b:view', 'x:y:z']),
        all('ANY', ['d', 'e', 'f']),
        all('ANY', ['e', 'd']),
        all('ANY', ['d', 'e']),
        all('ANY', ['only']),
        { ...operation('getUsers'), permissions: undefined },
      ]),
    ).toMatchObject({ permissions: ['a:b:view', 'a:c:view', 'only'], oneOf: [['d', 'e']], unknown: 1 });
  });

  it('the narrowest scopes', () => {
    const scopesOf = (...lists: string[][]) => needsOf(lists.map((scopes) => all('ALL', [], scopes))).scopes;
    expect(scopesOf(['users', 'users:readonly'])).toEqual(['users:readonly']);
    expect(scopesOf(['users', 'users:readonly'], ['users'])).toEqual(['users']);
    expect(scopesOf(['routing:readonly', 'routing'], [])).toEqual(['routing:readonly']);
  });
});
