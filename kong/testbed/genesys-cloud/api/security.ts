/** /api/v2/security: keys, whose value is answered once, and secrets, whose value never leaves. */
import { randomUUID } from 'node:crypto';
import { ApiError, badRequest, json, notFound } from '../answer.js';
import type { SecurityKey } from '../security.js';
import { pageOf, parsePaging } from './paging.js';
import {
  type ApiRoute,
  type ApiServices,
  jsonObjectBody,
  optionalText,
  requiredText,
  requirePermission,
} from './route.js';

/** So many keys may be active. */
const MAX_KEYS = 10;
const DAY_MS = 86_400_000;

export function securityRoutes({ clients, tokens, security }: ApiServices): ApiRoute[] {
  const { keys, secrets } = security;
  const find = <T>(all: Map<string, T>, id: string | undefined): T => {
    const found = all.get(id ?? '');
    if (found === undefined) throw notFound();
    return found;
  };
  const shown = (key: SecurityKey) => ({ ...key, selfUri: `/api/v2/security/keys/${key.id}` });

  return [
    {
      method: 'GET',
      path: '/api/v2/security/keys',
      handle(request) {
        requirePermission(clients, request, 'security:key:view');
        const all = [...keys.values()].map(shown);
        return json(200, pageOf(all, request.path, request.query, parsePaging(request.query)));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/security/keys',
      handle(request) {
        requirePermission(clients, request, 'security:key:add');
        const body = jsonObjectBody(request);
        const days = body.expiresInDays;
        if (typeof days !== 'number' || !(days >= 1 && days <= 365)) {
          throw badRequest('The field expiresInDays must be between 1 and 365.', 'invalid.value');
        }
        if (keys.size >= MAX_KEYS) {
          throw new ApiError(409, 'limit.exceeded', `At most ${MAX_KEYS} keys may be active.`);
        }
        const now = Date.now();
        const key: SecurityKey = {
          id: randomUUID(),
          name: requiredText(body, 'name'),
          description: optionalText(body, 'description') ?? '',
          scopes: Array.isArray(body.scopes) ? body.scopes.filter((scope) => typeof scope === 'string') : [],
          state: 'active',
          dateCreated: new Date(now).toISOString(),
          dateExpires: new Date(now + days * DAY_MS).toISOString(),
        };
        keys.set(key.id, key);
        const { value: keyValue } = tokens.issue(key.id, days * 86_400);
        return json(200, { ...shown(key), keyValue });
      },
    },
    {
      method: 'GET',
      path: '/api/v2/security/keys/{keyId}',
      handle(request) {
        requirePermission(clients, request, 'security:key:view');
        return json(200, shown(find(keys, request.parameters.keyId)));
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/security/keys/{keyId}',
      handle(request) {
        requirePermission(clients, request, 'security:key:delete');
        const { id } = find(keys, request.parameters.keyId);
        keys.delete(id);
        tokens.revokeClient(id);
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/api/v2/security/secrets/{secretId}',
      handle(request) {
        requirePermission(clients, request, 'security:secret:view');
        return json(200, find(secrets, request.parameters.secretId));
      },
    },
    {
      method: 'PATCH',
      path: '/api/v2/security/secrets/{secretId}',
      handle(request) {
        requirePermission(clients, request, 'security:secret:edit');
        const secret = find(secrets, request.parameters.secretId);
        const body = jsonObjectBody(request);
        requiredText(body, 'value');
        secret.dateExpires = optionalText(body, 'dateExpires') ?? null;
        secret.dateModified = new Date().toISOString();
        secret.version += 1;
        return json(200, secret);
      },
    },
  ];
}
