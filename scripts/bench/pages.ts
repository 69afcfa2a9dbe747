/** Bodies for benchmarks: the simulator's pages of users, and what a filter is to leave of them. */
import { createOrganizationData } from '../../kong/testbed/genesys-cloud/data/organization.js';

/** What the filters of benchmarks keep of a user. */
export const KEPT_FIELDS = ['id', 'name', 'email'];

/** About what one user takes in a page, in bytes. */
const USER_BYTES = 545;

/** A page of the simulator's users, without the lists that make them larger than most. */
export function pageOfUsers(users: number): Buffer {
  const entities = [...createOrganizationData('us_east_1', users).users.values()].map((user) => {
    const { addresses: _a, images: _i, primaryContactInfo: _p, acdAutoAnswer: _d, ...rest } = user;
    return rest;
  });
  return Buffer.from(JSON.stringify({ entities, pageSize: users, pageNumber: 1, total: users, pageCount: 1 }));
}

/** A page of about so many bytes, and how many users that is. */
export function pageOfBytes(bytes: number): { users: number; body: Buffer } {
  const users = Math.max(1, Math.round(bytes / USER_BYTES));
  return { users, body: pageOfUsers(users) };
}

/** Whether a page holds so many users with the kept fields and nothing else. */
export function isFilteredPage(text: string, users: number): boolean {
  const { entities } = JSON.parse(text) as { entities: Record<string, unknown>[] };
  const isKept = (user: Record<string, unknown>): boolean =>
    Object.keys(user).length === KEPT_FIELDS.length && KEPT_FIELDS.every((key) => key in user);
  return entities.length === users && entities.every(isKept);
}
