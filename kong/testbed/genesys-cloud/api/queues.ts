/**
 * /api/v2/routing/queues: list, read, create, delete, and the members, under both of their paths (`/members`, and the
 * deprecated `/users`).
 */
import { randomUUID } from 'node:crypto';
import type { Models } from 'purecloud-platform-client-v2';
import { type Answer, badRequest, json, notFound } from '../answer.js';
import type { WithId } from '../data/entity.js';
import { defaultQueueSettings } from '../data/queues.js';
import { pageOf, parsePaging } from './paging.js';
import {
  type ApiRequest,
  type ApiRoute,
  type ApiServices,
  choiceParameter,
  isJsonObject,
  jsonBody,
  jsonObjectBody,
  listParameter,
  optionalText,
  requiredText,
} from './route.js';

/** At most so many members are added or removed by one request (Genesys' limit). */
const BULK_MEMBERS = 100;

export function queueRoutes({ data }: ApiServices): ApiRoute[] {
  const find = (id: string | undefined): { queue: WithId<Models.Queue>; members: Set<string> } => {
    const queue = data.queues.get(id ?? '');
    if (queue === undefined) throw notFound();
    return { queue, members: data.queueMembers.get(queue.id) ?? new Set() };
  };

  const listMembers = ({ parameters, query, path }: ApiRequest): Answer => {
    const { queue, members } = find(parameters.queueId);
    const joined = query.get('joined');
    const all = joined === 'false' ? [] : [...members];
    const page = pageOf(all, path, query, parsePaging(query, { maxSize: 100 }));
    return json(200, { ...page, entities: page.entities.map((userId) => memberOf(queue, userId)) });
  };

  const memberOf = (queue: WithId<Models.Queue>, userId: string): Models.QueueMember => {
    const user = data.users.get(userId);
    return {
      id: userId,
      name: user?.name ?? '',
      ...(user === undefined ? {} : { user }),
      ringNumber: 1,
      joined: true,
      memberBy: 'user',
      routingStatus: { userId, status: 'IDLE', startTime: '2026-01-12T09:00:00.000Z' },
      selfUri: `/api/v2/routing/queues/${queue.id}/members/${userId}`,
    };
  };

  const changeMembers = (request: ApiRequest): Answer => {
    const { queue, members } = find(request.parameters.queueId);
    const body = jsonBody(request);
    if (!Array.isArray(body) || body.length > BULK_MEMBERS) {
      throw badRequest(`The request body must be a list of at most ${BULK_MEMBERS} users.`);
    }
    const ids = body.map((entry: unknown) => requiredText(isJsonObject(entry) ? entry : {}, 'id'));
    if (ids.some((id) => !data.users.has(id))) throw notFound();
    const remove = request.query.get('delete') === 'true';
    for (const id of ids) {
      if (remove) members.delete(id);
      else members.add(id);
    }
    const memberCount = members.size;
    data.queues.set(queue.id, { ...queue, memberCount, userMemberCount: memberCount, joinedMemberCount: memberCount });
    return { status: 204 };
  };

  return [
    {
      method: 'GET',
      path: '/api/v2/routing/queues',
      handle({ query, path }) {
        const paging = parsePaging(query);
        const order = choiceParameter(query, 'sortOrder', ['asc', 'desc'], 'asc');
        const ids = listParameter(query, 'id');
        const name = query.get('name')?.toLowerCase().replaceAll('*', '') ?? '';
        const found = [...data.queues.values()]
          .filter((queue) => (ids.size === 0 || ids.has(queue.id)) && queue.name?.toLowerCase().includes(name))
          .sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
        if (order === 'desc') found.reverse();
        return json(200, pageOf(found, path, query, paging));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/routing/queues',
      handle(request) {
        const body = jsonObjectBody(request);
        const id = randomUUID();
        const now = new Date().toISOString();
        const queue: WithId<Models.Queue> = {
          ...defaultQueueSettings(),
          id,
          name: requiredText(body, 'name'),
          description: optionalText(body, 'description') ?? '',
          division: data.division,
          dateCreated: now,
          dateModified: now,
          createdBy: request.token.clientId,
          modifiedBy: request.token.clientId,
          memberCount: 0,
          userMemberCount: 0,
          joinedMemberCount: 0,
          selfUri: `/api/v2/routing/queues/${id}`,
        };
        data.queues.set(id, queue);
        data.queueMembers.set(id, new Set());
        return json(200, queue);
      },
    },
    {
      method: 'GET',
      path: '/api/v2/routing/queues/{queueId}',
      handle: ({ parameters }) => json(200, find(parameters.queueId).queue),
    },
    {
      method: 'DELETE',
      path: '/api/v2/routing/queues/{queueId}',
      handle({ parameters }) {
        const { queue } = find(parameters.queueId);
        data.queues.delete(queue.id);
        data.queueMembers.delete(queue.id);
        return { status: 204 };
      },
    },
    { method: 'GET', path: '/api/v2/routing/queues/{queueId}/users', handle: listMembers },
    { method: 'GET', path: '/api/v2/routing/queues/{queueId}/members', handle: listMembers },
    { method: 'POST', path: '/api/v2/routing/queues/{queueId}/users', handle: changeMembers },
    { method: 'POST', path: '/api/v2/routing/queues/{queueId}/members', handle: changeMembers },
  ];
}
