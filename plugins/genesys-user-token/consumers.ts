/** Which of Kong's consumers the owner of a token is. Pure. */
import type { TokenOwner } from './checks/ask-genesys.js';

/** Who may come in, and as whom. */
export interface Admission {
  /** In lower case, as all ids here. */
  organizationIds: ReadonlySet<string>;
  /** The first whose conditions all hold decides. Each has at least one. */
  rules: readonly Rule[];
}

/** A consumer, and the conditions for being it. Undefined is no condition. */
export interface Rule {
  /** The user name or id. */
  consumer: string;
  clientId: string | undefined;
  userId: string | undefined;
  groupId: string | undefined;
}

/** Why an owner may not come in, as the end of a sentence for the client. */
export type Exclusion = 'of an organisation that may not use this gateway' | 'of an app or a user that may not use it';

/** Returns the name of the owner's consumer, or why there is none. */
export function consumerOf(
  { organizationId, homeOrganizationId, clientId, userId, groupIds }: TokenOwner,
  { organizationIds, rules }: Admission,
): { name: string } | { excluded: Exclusion } {
  if (!organizationIds.has(organizationId) || !organizationIds.has(homeOrganizationId)) {
    return { excluded: 'of an organisation that may not use this gateway' };
  }
  const rule = rules.find(
    (one) =>
      (one.clientId === undefined || one.clientId === clientId) &&
      (one.userId === undefined || one.userId === userId) &&
      (one.groupId === undefined || groupIds.has(one.groupId)),
  );
  return rule === undefined ? { excluded: 'of an app or a user that may not use it' } : { name: rule.consumer };
}

/** Lists the groups that rules ask for. */
export function groupsIn({ rules }: Admission): string[] {
  return rules.flatMap(({ groupId }) => groupId ?? []);
}
