/** Which consumer an owner is. */
import { expect, it } from 'vitest';
import { type Admission, consumerOf, groupsIn, type Rule } from './consumers.js';

const OWNER = {
  organizationId: 'org',
  homeOrganizationId: 'org',
  clientId: 'app',
  userId: 'zoe',
  groupIds: new Set(['agents']),
};
const rule = (consumer: string, conditions: Partial<Rule>): Rule => ({
  clientId: undefined,
  userId: undefined,
  groupId: undefined,
  ...conditions,
  consumer,
});
const admission = (...rules: Rule[]): Admission => ({ organizationIds: new Set(['org']), rules });

it.each<[string, Rule[], string | undefined]>([
  ['by its client', [rule('a', { clientId: 'app' })], 'a'],
  ['by its user', [rule('a', { userId: 'zoe' })], 'a'],
  ['by a group', [rule('a', { groupId: 'agents' })], 'a'],
  [
    'by the first that fits',
    [rule('a', { userId: 'yan' }), rule('b', { clientId: 'app' }), rule('c', { userId: 'zoe' })],
    'b',
  ],
  ['by all conditions', [rule('a', { clientId: 'app', groupId: 'admins' })], undefined],
  ['not by another client', [rule('a', { clientId: 'other' })], undefined],
])('finds it %s', (_, rules, name) => {
  const found = consumerOf(OWNER, admission(...rules));
  expect(found).toEqual(name === undefined ? { excluded: expect.stringContaining('app or a user') } : { name });
});

it.each([
  ['organisation', { organizationId: 'other' }],
  ['home organisation', { homeOrganizationId: 'other' }],
])('lets nobody in of another %s', (_, changes) => {
  const found = consumerOf({ ...OWNER, ...changes }, admission(rule('a', { clientId: 'app' })));
  expect(found).toEqual({ excluded: expect.stringContaining('organisation') });
});

it('knows which groups matter', () => {
  expect(groupsIn(admission(rule('a', { groupId: 'g' }), rule('b', { clientId: 'app' })))).toEqual(['g']);
});
