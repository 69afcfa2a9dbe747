/**
 * What Genesys' Terraform provider asks for, besides the resources themselves, when it is configured and when it creates,
 * reads and deletes a queue or a user: products, the home division, wrap-up codes, skills, languages, utilisation,
 * voicemail. Enough of each to be read back as it was written.
 */
import { json, notFound } from '../answer.js';
import { pageOf, parsePaging } from './paging.js';
import {
  type ApiRequest,
  type ApiRoute,
  type ApiServices,
  isJsonObject,
  type JsonObject,
  jsonBody,
  jsonObjectBody,
  requiredText,
} from './route.js';

const DEFAULT_UTILIZATION = {
  level: 'Organization',
  utilization: Object.fromEntries(
    ['call', 'callback', 'chat', 'email', 'message', 'workitem'].map((media) => [
      media,
      { maximumCapacity: media === 'call' ? 1 : 4, interruptableMediaTypes: [], includeNonAcd: false },
    ]),
  ),
};

export function cxAsCodeRoutes({ data }: ApiServices): ApiRoute[] {
  /** What was written of each user or queue, by its kind and id. */
  const lists = new Map<string, Map<string, JsonObject>>();
  const settings = new Map<string, JsonObject>();

  const listOf = (kind: string, id: string | undefined): Map<string, JsonObject> => {
    const key = `${kind} ${id}`;
    const list = lists.get(key) ?? new Map<string, JsonObject>();
    lists.set(key, list);
    return list;
  };
  const userId = ({ parameters }: ApiRequest): string => {
    if (!data.users.has(parameters.userId ?? '')) throw notFound();
    return parameters.userId ?? '';
  };
  const queueId = ({ parameters }: ApiRequest): string => {
    if (!data.queues.has(parameters.queueId ?? '')) throw notFound();
    return parameters.queueId ?? '';
  };
  const page = (request: ApiRequest, all: readonly JsonObject[]) =>
    json(200, pageOf([...all], request.path, request.query, parsePaging(request.query, { maxSize: 500 })));
  const entries = (request: ApiRequest): JsonObject[] => {
    const body = jsonBody(request);
    return Array.isArray(body) ? body.filter(isJsonObject) : [];
  };

  /** A list of things with ids below a user or queue: read, added to, and removed from. */
  const list = (
    kind: string,
    path: string,
    owner: (request: ApiRequest) => string,
    add: ApiRoute['method'],
    at = path,
  ) => [
    {
      method: 'GET' as const,
      path,
      handle: (request: ApiRequest) => page(request, [...listOf(kind, owner(request)).values()]),
    },
    {
      method: add,
      path: at,
      handle(request: ApiRequest) {
        const held = listOf(kind, owner(request));
        for (const entry of entries(request)) held.set(requiredText(entry, 'id'), { name: '', ...entry });
        return page(request, [...held.values()]);
      },
    },
    {
      method: 'DELETE' as const,
      path: `${path}/{itemId}`,
      handle(request: ApiRequest) {
        if (!listOf(kind, owner(request)).delete(request.parameters.itemId ?? '')) throw notFound();
        return { status: 204 };
      },
    },
  ];

  /** Settings of a user that are read back as they were written. */
  const setting = (path: string, write: ApiRoute['method'], otherwise: JsonObject): ApiRoute[] => [
    { method: 'GET', path, handle: (request) => json(200, settings.get(`${path} ${userId(request)}`) ?? otherwise) },
    {
      method: write,
      path,
      handle(request) {
        const key = `${path} ${userId(request)}`;
        const written = { ...(settings.get(key) ?? otherwise), ...jsonObjectBody(request) };
        settings.set(key, written);
        return json(200, written);
      },
    },
  ];

  return [
    {
      method: 'GET',
      path: '/api/v2/authorization/products',
      handle: () => json(200, { entities: [{ id: 'cloudCX3' }], total: 1 }),
    },
    {
      method: 'GET',
      path: '/api/v2/authorization/divisions/home',
      handle: () => json(200, { ...data.division, homeDivision: true }),
    },
    {
      method: 'PUT',
      path: '/api/v2/routing/queues/{queueId}',
      handle(request) {
        const id = queueId(request);
        const queue = { ...data.queues.get(id), ...jsonObjectBody(request), id };
        data.queues.set(id, queue);
        return json(200, queue);
      },
    },
    ...list('wrapup codes', '/api/v2/routing/queues/{queueId}/wrapupcodes', queueId, 'POST'),
    {
      method: 'POST',
      path: '/api/v2/users/search',
      handle(request) {
        const { query } = jsonObjectBody(request);
        const values = (Array.isArray(query) ? query : []).flatMap((part: unknown) =>
          isJsonObject(part) && typeof part.value === 'string' ? [part.value.toLowerCase()] : [],
        );
        const found = [...data.users.values()].filter(({ email, name, state }) =>
          values.every((value) => [email, name, state].some((text) => text?.toLowerCase() === value)),
        );
        return json(200, {
          total: found.length,
          pageCount: 1,
          pageSize: 25,
          pageNumber: 1,
          results: found.slice(0, 25),
        });
      },
    },
    ...list(
      'skills',
      '/api/v2/users/{userId}/routingskills',
      userId,
      'PATCH',
      '/api/v2/users/{userId}/routingskills/bulk',
    ),
    ...list(
      'languages',
      '/api/v2/users/{userId}/routinglanguages',
      userId,
      'PATCH',
      '/api/v2/users/{userId}/routinglanguages/bulk',
    ),
    {
      method: 'PUT',
      path: '/api/v2/users/{userId}/profileskills',
      handle(request) {
        userId(request);
        return json(200, jsonBody(request));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/users/{userId}/password',
      handle(request) {
        userId(request);
        requiredText(jsonObjectBody(request), 'newPassword');
        return { status: 204 };
      },
    },
    ...setting('/api/v2/routing/users/{userId}/utilization', 'PUT', DEFAULT_UTILIZATION),
    ...setting('/api/v2/voicemail/userpolicies/{userId}', 'PATCH', { enabled: false, alertTimeoutSeconds: 30 }),
    {
      method: 'GET',
      path: '/api/v2/telephony/providers/edges/extensionpools',
      handle: (request) => page(request, []),
    },
  ];
}
