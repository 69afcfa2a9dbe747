/** What is checked before anything is changed, and of every new secret. Pure: facts in, a failure thrown or nothing. */

import { property } from '../../plugins/shared/property.js';
import { RotationFailure } from './failure.js';

/** So many security keys may be active. */
export const MAX_ACTIVE_KEYS = 10;
export const EXPIRY_DAYS = { min: 1, max: 365 } as const;

/** @param allowedPrefixes empty: no limit was asked for */
export function checkScopes(scopes: readonly string[], allowedPrefixes: readonly string[]): void {
  if (allowedPrefixes.length === 0) return;
  const outside = scopes.filter((scope) => !allowedPrefixes.some((prefix) => scope.startsWith(prefix)));
  if (outside.length === 0) return;
  throw new RotationFailure(
    'SCOPE_VIOLATION',
    `the target has scopes beyond what is allowed: ${outside.join(', ')}`,
    `take them from the target at Genesys, or allow them with --allow-scope (now: ${allowedPrefixes.join(', ')})`,
  );
}

/** One more key must fit, since old and new are alive together. */
export function checkQuota(activeKeys: number): void {
  if (activeKeys < MAX_ACTIVE_KEYS) return;
  throw new RotationFailure(
    'QUOTA_EXCEEDED',
    `${activeKeys} security keys are active, and Genesys allows ${MAX_ACTIVE_KEYS}`,
    'delete a key that nothing uses, then rotate again',
  );
}

export function checkExpiry(days: number): void {
  if (Number.isInteger(days) && days >= EXPIRY_DAYS.min && days <= EXPIRY_DAYS.max) return;
  throw new RotationFailure(
    'EXPIRATION_VIOLATION',
    `an expiry of ${days} days is not allowed`,
    `choose --expires-days between ${EXPIRY_DAYS.min} and ${EXPIRY_DAYS.max}`,
  );
}

/** What the caller's roles allow. */
export interface Grants {
  policies: { domain: string; entityName: string; actions: string[] }[];
  roles: { roleId: string; divisionId: string }[];
}

/** Reads GET /api/v2/authorization/subjects/me. */
export function readGrants(subject: unknown): Grants {
  const grants: Grants = { policies: [], roles: [] };
  for (const grant of listOf(property(subject, 'grants'))) {
    const role = property(grant, 'role');
    grants.roles.push({ roleId: textOf(role, 'id'), divisionId: textOf(property(grant, 'division'), 'id') });
    for (const policy of listOf(property(role, 'policies'))) {
      const actions = listOf(property(policy, 'actions')).filter((action) => typeof action === 'string');
      grants.policies.push({ domain: textOf(policy, 'domain'), entityName: textOf(policy, 'entityName'), actions });
    }
  }
  return grants;
}

/** @param needed such as `oauth:client:add` */
export function checkPermissions({ policies }: Grants, needed: readonly string[]): void {
  const covers = (pattern: string, name: string): boolean =>
    pattern === '*' || pattern.toLowerCase() === name.toLowerCase();
  const missing = needed.filter((permission) => {
    const [domain = '', entity = '', action = ''] = permission.split(':');
    return !policies.some(
      (policy) =>
        covers(policy.domain, domain) &&
        covers(policy.entityName, entity) &&
        policy.actions.some((allowed) => covers(allowed, action)),
    );
  });
  if (missing.length === 0) return;
  throw new RotationFailure(
    'DEPENDENCY_CHECK_FAILED',
    `the administrating OAuth client lacks ${missing.join(', ')}`,
    'give one of its roles these permissions at Genesys (Admin, Roles), or leave the check out with --skip-permission-check',
  );
}

/** Genesys lets a client be edited only by who has its roles. A caller who may do everything is not asked. */
export function checkRoles({ policies, roles }: Grants, needed: readonly unknown[]): void {
  if (policies.some(({ domain, entityName }) => domain === '*' && entityName === '*')) return;
  const missing = needed.filter(
    (role) =>
      !roles.some(
        ({ roleId, divisionId }) => roleId === textOf(role, 'roleId') && divisionId === textOf(role, 'divisionId'),
      ),
  );
  if (missing.length === 0) return;
  const names = missing.map((role) => `${textOf(role, 'roleId')} in division ${textOf(role, 'divisionId')}`);
  throw new RotationFailure(
    'DEPENDENCY_CHECK_FAILED',
    `the administrating OAuth client does not have the target's roles: ${names.join('; ')}`,
    'assign it the same roles: Genesys lets a client be edited only by who has its roles',
  );
}

/** What a 403 lacked: what Genesys says, else what the call is known to need. */
export function missingPermission(body: unknown, known: string): string {
  const named = /\b[a-z]\w*:[a-z]\w*:[a-z]\w*\b/i.exec(textOf(body, 'message'))?.[0];
  return named ?? known;
}

/** @throws RotationFailure if this cannot be a secret that Genesys made; never says what it is */
export function checkFormat(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const problem = formatProblem(name, value);
    if (problem === undefined) continue;
    throw new RotationFailure(
      'FORMAT_VERIFICATION_FAILED',
      `the new ${name} ${problem}`,
      'the answer of Genesys is not what it should be: look whether something stands between (a proxy), and try again',
    );
  }
}

function formatProblem(name: string, value: string): string | undefined {
  const shortest = name === 'client_id' || name === 'username' ? 1 : 16;
  if (value.length < shortest) return `is shorter than ${shortest} characters`;
  if (value.length > 4096) return 'is longer than 4096 characters';
  return /^[\x21-\x7e]+$/.test(value) ? undefined : 'holds characters that no header can carry';
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown, name: string): string {
  const text = property(value, name);
  return typeof text === 'string' ? text : '';
}
