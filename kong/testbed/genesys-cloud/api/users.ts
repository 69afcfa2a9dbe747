/**
 * /api/v2/users: list, read (also the caller's own), create, change, delete. A deleted user stays, in state `deleted`, as with Genesys.
 */
import { randomUUID } from 'node:crypto';
import type { Models } from 'purecloud-platform-client-v2';
import { type Answer, ApiError, badRequest, json, notFound } from '../answer.js';
import type { WithId } from '../data/entity.js';
import { expandUser } from '../data/users.js';
import { pageOf, parsePaging } from './paging.js';
import {
  type ApiRoute,
  type ApiServices,
  choiceParameter,
  type JsonObject,
  jsonObjectBody,
  listParameter,
  optionalText,
  requiredText,
} from './route.js';

const STATES = ['active', 'inactive', 'deleted', 'any'] as const;

/** Answered pages that are kept. */
const KEPT_PAGES = 200;

/** Fields that PATCH and POST take over as they are. */
const TEXT_FIELDS = ['name', 'department', 'email', 'title', 'username', 'preferredName'] as const;

export function userRoutes({ data }: ApiServices): ApiRoute[] {
  const { users } = data;
  // Users change rarely and are listed thousands of times a second: pages are kept until one changes.
  const pages = new Map<string, Answer>();
  let sorted: WithId<Models.User>[] | undefined;
  const byName = (): WithId<Models.User>[] => {
    sorted ??= [...users.values()].sort((a, b) => compareText(a.name, b.name));
    return sorted;
  };
  const put = (user: WithId<Models.User>): void => {
    users.set(user.id, user);
    sorted = undefined;
    pages.clear();
  };
  const find = (id: string | undefined, state: (typeof STATES)[number]): WithId<Models.User> => {
    const user = users.get(id ?? '');
    if (user === undefined || (state !== 'any' && user.state !== state)) throw notFound();
    return user;
  };
  const findUndeleted = (id: string | undefined): WithId<Models.User> => {
    const user = find(id, 'any');
    if (user.state === 'deleted') throw notFound();
    return user;
  };

  return [
    {
      method: 'GET',
      path: '/api/v2/users',
      handle({ path, query }) {
        const key = `${path}?${query}`;
        const known = pages.get(key);
        if (known !== undefined) return known;
        const paging = parsePaging(query);
        const state = choiceParameter(query, 'state', STATES, 'active');
        const descending = choiceParameter(query, 'sortOrder', ['asc', 'desc', 'ascending', 'descending'], 'asc');
        const ids = listParameter(query, 'id');
        const expand = listParameter(query, 'expand');
        const found = byName().filter(
          (user) => (state === 'any' || user.state === state) && (ids.size === 0 || ids.has(user.id)),
        );
        if (descending.startsWith('desc')) found.reverse();
        const page = pageOf(found, path, query, paging);
        const answer = json(200, { ...page, entities: page.entities.map((user) => expandUser(user, expand)) });
        if (pages.size >= KEPT_PAGES) pages.clear();
        pages.set(key, answer);
        return answer;
      },
    },
    {
      method: 'GET',
      path: '/api/v2/users/me',
      handle({ token, query }) {
        const user = users.get(token.userId ?? '');
        if (user === undefined) {
          throw badRequest('This request requires a user context: client credentials cannot be used for it.');
        }
        return json(200, expandUser(user, listParameter(query, 'expand')));
      },
    },
    {
      method: 'GET',
      path: '/api/v2/users/{userId}',
      handle({ parameters, query }) {
        const user = find(parameters.userId, choiceParameter(query, 'state', STATES, 'active'));
        return json(200, expandUser(user, listParameter(query, 'expand')));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/users',
      handle(request) {
        const body = jsonObjectBody(request);
        const email = requiredText(body, 'email');
        const name = requiredText(body, 'name');
        requiredText(body, 'divisionId');
        if ([...users.values()].some((user) => user.email === email && user.state !== 'deleted')) {
          throw new ApiError(409, 'general.conflict', `A user with the email ${email} exists already.`);
        }
        const id = randomUUID();
        const user: WithId<Models.User> = {
          ...changes(body),
          id,
          name,
          email,
          username: email,
          division: data.division,
          chat: { jabberId: `${id.replaceAll('-', '')}@simulated.orgspan.example.com` },
          primaryContactInfo: [{ address: email, mediaType: 'EMAIL', type: 'PRIMARY' }],
          state: optionalText(body, 'state') ?? 'active',
          version: 1,
          acdAutoAnswer: false,
          selfUri: `/api/v2/users/${id}`,
        };
        put(user);
        return json(201, user);
      },
    },
    {
      method: 'PATCH',
      path: '/api/v2/users/{userId}',
      handle(request) {
        const user = findUndeleted(request.parameters.userId);
        const body = jsonObjectBody(request);
        if (typeof body.version !== 'number') throw badRequest('The field version is required.', 'missing.field');
        if (body.version !== user.version) {
          throw new ApiError(409, 'general.conflict', `Version ${body.version} is not the current version.`);
        }
        const state = optionalText(body, 'state') ?? user.state ?? 'active';
        const changed = { ...user, ...changes(body), state, version: user.version + 1 };
        put(changed);
        return json(200, changed);
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/users/{userId}',
      handle({ parameters }) {
        const user = findUndeleted(parameters.userId);
        put({ ...user, state: 'deleted', version: user.version + 1 });
        for (const members of data.queueMembers.values()) members.delete(user.id);
        return json(200, {});
      },
    },
  ];
}

function changes(body: JsonObject): Partial<Models.User> {
  const taken: Partial<Models.User> = {};
  for (const field of TEXT_FIELDS) {
    const value = optionalText(body, field);
    if (value !== undefined) taken[field] = value;
  }
  if (typeof body.acdAutoAnswer === 'boolean') taken.acdAutoAnswer = body.acdAutoAnswer;
  return taken;
}

/** Plain comparison: `localeCompare` takes ten times as long and names here are ASCII. */
function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
