import { describe, expect, it } from 'vitest';
import {
  checkExpiry,
  checkFormat,
  checkPermissions,
  checkQuota,
  checkRoles,
  checkScopes,
  missingPermission,
  readGrants,
} from './checks.js';
import { RotationFailure } from './failure.js';

/** The name of the failure that a check throws. */
function failureOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return error instanceof RotationFailure ? error.failure : String(error);
  }
}

const SUBJECT = {
  grants: [
    {
      division: { id: 'd1' },
      role: {
        id: 'r1',
        policies: [
          { domain: 'oauth', entityName: 'client', actions: ['view', 'add'] },
          { domain: 'security', entityName: '*', actions: ['*'] },
        ],
      },
    },
  ],
};

describe('before anything is changed', () => {
  it('scopes must begin as allowed, if a limit was asked for', () => {
    expect(failureOf(() => checkScopes(['users:readonly'], []))).toBeUndefined();
    expect(failureOf(() => checkScopes(['users:readonly', 'users'], ['users']))).toBeUndefined();
    expect(failureOf(() => checkScopes(['users', 'admin'], ['users']))).toBe('SCOPE_VIOLATION');
  });

  it('the eleventh key does not fit', () => {
    expect(failureOf(() => checkQuota(9))).toBeUndefined();
    expect(failureOf(() => checkQuota(10))).toBe('QUOTA_EXCEEDED');
  });

  it('an expiry is 1 to 365 whole days', () => {
    for (const days of [1, 90, 365]) expect(failureOf(() => checkExpiry(days))).toBeUndefined();
    for (const days of [0, 366, 1.5, Number.NaN, -1])
      expect(failureOf(() => checkExpiry(days))).toBe('EXPIRATION_VIOLATION');
  });

  it('every permission is there, or the missing one is named', () => {
    const grants = readGrants(SUBJECT);
    expect(failureOf(() => checkPermissions(grants, ['oauth:client:add', 'security:key:delete']))).toBeUndefined();
    expect(() => checkPermissions(grants, ['oauth:client:add', 'oauth:client:delete'])).toThrow(
      /lacks oauth:client:delete$/,
    );
    expect(failureOf(() => checkPermissions(readGrants(undefined), ['a:b:c']))).toBe('DEPENDENCY_CHECK_FAILED');
  });

  it('the roles of the target are had, unless everything is allowed', () => {
    const grants = readGrants(SUBJECT);
    expect(failureOf(() => checkRoles(grants, [{ roleId: 'r1', divisionId: 'd1' }]))).toBeUndefined();
    expect(failureOf(() => checkRoles(grants, [{ roleId: 'r1', divisionId: 'd2' }]))).toBe('DEPENDENCY_CHECK_FAILED');
    const all = { policies: [{ domain: '*', entityName: '*', actions: ['*'] }], roles: [] };
    expect(failureOf(() => checkRoles(all, [{ roleId: 'r9', divisionId: 'd9' }]))).toBeUndefined();
  });
});

it('a 403 names the permission that Genesys names, else the one that the call needs', () => {
  expect(missingPermission({ message: 'You must have ...: [oauth:client:add]' }, 'x:y:z')).toBe('oauth:client:add');
  expect(missingPermission({ message: 'Forbidden' }, 'oauth:client:edit')).toBe('oauth:client:edit');
});

it('a new secret is long enough and fits a header, and is not told when it does not', () => {
  expect(failureOf(() => checkFormat({ client_id: 'id', client_secret: 'x'.repeat(43) }))).toBeUndefined();
  for (const secret of ['short', '', 'x'.repeat(30).concat('\n'), 'ü'.repeat(30), 'y'.repeat(5000)]) {
    expect(failureOf(() => checkFormat({ client_secret: secret }))).toBe('FORMAT_VERIFICATION_FAILED');
  }
  expect(() => checkFormat({ client_secret: 'hush hush hush hush' })).toThrow(/^(?!.*hush)/);
});
