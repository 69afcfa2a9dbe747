import { describe, expect, it } from 'vitest';
import { changed, differences, markOf, successorOf, unmarked } from './client-copy.js';

const OLD = {
  id: 'old-id',
  name: 'Gateway',
  description: 'for the gateway',
  authorizedGrantType: 'CLIENT_CREDENTIALS',
  scope: ['users', 'routing'],
  roleDivisions: [
    { roleId: 'r1', divisionId: 'd1' },
    { roleId: 'r2', divisionId: 'd1' },
  ],
  allowedAddresses: ['192.0.2.0/24'],
  registeredRedirectUri: null,
  state: 'inactive',
  dateCreated: '2026-01-01',
  createdBy: { id: 'someone' },
  selfUri: '/x',
};
const MARK = { rotationId: 'abc-1', oldId: 'old-id' };

describe('the successor of a client', () => {
  it('takes over roles, scopes and an allow list under any name, and nothing that Genesys sets', () => {
    expect(successorOf(OLD, MARK)).toEqual({
      name: 'Gateway',
      description: 'for the gateway [rotation abc-1 of old-id]',
      authorizedGrantType: 'CLIENT_CREDENTIALS',
      scope: ['users', 'routing'],
      roleDivisions: OLD.roleDivisions,
      allowedAddresses: ['192.0.2.0/24'],
      state: 'active',
    });
  });

  it('carries one mark, by which it is found again', () => {
    const first = { ...OLD, ...successorOf(OLD, MARK), id: 'new-id', name: 'Gateway' };
    expect(markOf(first)).toEqual(MARK);
    expect(markOf(OLD)).toBeUndefined();
    const second = successorOf(first, { rotationId: 'abc-2', oldId: 'new-id' });
    expect(second.description).toBe('for the gateway [rotation abc-2 of new-id]');
    expect(unmarked(second.description)).toBe('for the gateway');
  });

  it('differs by what was not taken over, whatever the order of lists', () => {
    const same = { ...OLD, id: 'new-id', scope: ['routing', 'users'], roleDivisions: [...OLD.roleDivisions].reverse() };
    expect(differences(OLD, same)).toEqual([]);
    expect(differences(OLD, { ...same, allowedAddresses: undefined, scope: ['users'] })).toEqual([
      'scope',
      'allowedAddresses',
    ]);
  });
});

it('a change of one field sends all others as they are', () => {
  expect(changed({ ...OLD, state: 'active' }, { state: 'inactive' })).toMatchObject({
    state: 'inactive',
    name: 'Gateway',
    allowedAddresses: ['192.0.2.0/24'],
  });
});
