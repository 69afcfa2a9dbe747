/**
 * /api/v2/oauth/clients: the OAuth clients and their secrets. A secret is answered once, to whoever creates it; the old
 * one dies at once. Tokens outlive a change of secret, not the deletion of their client.
 */
import { randomUUID } from 'node:crypto';
import type { Models } from 'purecloud-platform-client-v2';
import { ApiError, badRequest, json, notFound } from '../answer.js';
import { DEFAULT_TOKEN_LIFETIME_SECONDS, newSecret, type OAuthClientRecord } from '../clients.js';
import { pageOf } from './paging.js';
import {
  type ApiRequest,
  type ApiRoute,
  type ApiServices,
  isJsonObject,
  type JsonObject,
  jsonObjectBody,
  optionalText,
  requiredText,
  requirePermission,
} from './route.js';

const GRANT_TYPES = ['CLIENT_CREDENTIALS', 'CODE', 'TOKEN', 'SAML2-BEARER', 'PASSWORD'];

/** Limits of `accessTokenValiditySeconds` for most scopes: 5 minutes to 2 days. */
const VALIDITY_SECONDS = { min: 300, max: 172_800 };

export function oauthClientRoutes({ clients, tokens }: ApiServices): ApiRoute[] {
  const find = (id: string | undefined): OAuthClientRecord => {
    const client = clients.get(id ?? '');
    if (client === undefined) throw notFound();
    return client;
  };

  /** Who edits a client, or makes one, must hold the roles that it has. */
  const requireRoles = ({ token }: ApiRequest, wanted: OAuthClientRecord['roleDivisions']): void => {
    const caller = clients.get(token.clientId);
    if (caller === undefined || caller.permissions === undefined) return;
    const holds = (role: { roleId: string; divisionId: string }): boolean =>
      caller.roleDivisions.some(({ roleId, divisionId }) => roleId === role.roleId && divisionId === role.divisionId);
    if (wanted.every(holds)) return;
    throw new ApiError(403, 'bad.request', 'You must have the roles of the OAuth client to edit it.');
  };

  return [
    {
      method: 'GET',
      path: '/api/v2/oauth/clients',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:view');
        const { path, query } = request;
        const all = [...clients.values()].map(shown);
        return json(200, pageOf(all, path, query, { pageSize: Math.max(25, all.length), pageNumber: 1 }));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/oauth/clients',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:add');
        const now = new Date().toISOString();
        const client: OAuthClientRecord = {
          description: '',
          scope: [],
          roleDivisions: [],
          ipAllowlist: [],
          permissions: [],
          state: 'active',
          accessTokenValiditySeconds: DEFAULT_TOKEN_LIFETIME_SECONDS,
          ...settings(jsonObjectBody(request)),
          id: randomUUID(),
          secret: newSecret(),
          dateCreated: now,
          dateModified: now,
        };
        requireRoles(request, client.roleDivisions);
        clients.set(client.id, client);
        return json(200, { ...shown(client), secret: client.secret });
      },
    },
    {
      method: 'GET',
      path: '/api/v2/oauth/clients/{clientId}',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:view');
        return json(200, shown(find(request.parameters.clientId)));
      },
    },
    {
      method: 'PUT',
      path: '/api/v2/oauth/clients/{clientId}',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:edit');
        const client = find(request.parameters.clientId);
        requireRoles(request, client.roleDivisions);
        Object.assign(client, settings(jsonObjectBody(request)), { dateModified: new Date().toISOString() });
        return json(200, shown(client));
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/oauth/clients/{clientId}',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:delete');
        const client = find(request.parameters.clientId);
        clients.delete(client.id);
        tokens.revokeClient(client.id);
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: '/api/v2/oauth/clients/{clientId}/secret',
      handle(request) {
        requirePermission(clients, request, 'oauth:client:edit');
        const client = find(request.parameters.clientId);
        client.secret = newSecret();
        client.dateModified = new Date().toISOString();
        return json(200, { ...shown(client), secret: client.secret });
      },
    },
  ];
}

/** A client as GET shows it: without its secret, and without what only its roles' definitions tell. */
function shown(client: OAuthClientRecord): Models.OAuthClient {
  const { secret: _, permissions: __, redirectUris: ___, ...rest } = client;
  return { ...rest, selfUri: `/api/v2/oauth/clients/${client.id}` };
}

type Settings = Pick<OAuthClientRecord, 'name' | 'authorizedGrantType'> & Partial<OAuthClientRecord>;

function settings(body: JsonObject): Settings {
  const authorizedGrantType = requiredText(body, 'authorizedGrantType').toUpperCase();
  if (!GRANT_TYPES.includes(authorizedGrantType)) {
    throw badRequest('The field authorizedGrantType is not valid.', 'invalid.value');
  }
  const taken: Settings = { name: requiredText(body, 'name'), authorizedGrantType };
  const description = optionalText(body, 'description');
  if (description !== undefined) taken.description = description;
  const state = optionalText(body, 'state');
  if (state === 'active' || state === 'inactive') taken.state = state;
  else if (state !== undefined) throw badRequest('The field state is not valid.', 'invalid.value');
  const validity = body.accessTokenValiditySeconds;
  if (validity !== undefined && validity !== null) {
    if (typeof validity !== 'number' || !(validity >= VALIDITY_SECONDS.min && validity <= VALIDITY_SECONDS.max)) {
      throw badRequest(
        `The field accessTokenValiditySeconds must be between ${VALIDITY_SECONDS.min} and ${VALIDITY_SECONDS.max}.`,
        'invalid.value',
      );
    }
    taken.accessTokenValiditySeconds = validity;
  }
  if (Array.isArray(body.scope)) taken.scope = body.scope.filter((item) => typeof item === 'string');
  if (Array.isArray(body.ipAllowlist)) taken.ipAllowlist = body.ipAllowlist.filter((item) => typeof item === 'string');
  if (Array.isArray(body.roleDivisions)) {
    taken.roleDivisions = body.roleDivisions.map((item: unknown) => {
      const entry = isJsonObject(item) ? item : {};
      return { roleId: requiredText(entry, 'roleId'), divisionId: requiredText(entry, 'divisionId') };
    });
  }
  return taken;
}
