/**
 * What a caller may ask about itself and its organisation: /tokens/me, /organizations/me, /organizations/limits/...
 */
import type { Models } from 'purecloud-platform-client-v2';
import { json, notFound } from '../answer.js';
import { DEFAULT_RATE_LIMIT_PER_MINUTE } from '../rate-limit.js';
import type { ApiRoute, ApiServices } from './route.js';

/** Limits by namespace: a few that callers of the API meet. */
const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'platform.api': {
    'client.credentials.token.rate.per.minute': DEFAULT_RATE_LIMIT_PER_MINUTE,
    'token.rate.per.minute': 300,
    'org.app.user.rate.per.minute': 6000,
  },
  'analytics.agents': { 'get.agent.status.limit': 100 },
  'configuration.users': { 'users.max': 20_000 },
};

export function organizationRoutes({ data, clients, tokens }: ApiServices): ApiRoute[] {
  const listLimits = (namespace: string | undefined) => {
    if (namespace === undefined || !Object.hasOwn(LIMITS, namespace)) throw notFound();
    const entities: Models.Limit[] = Object.entries(LIMITS[namespace] ?? {}).map(([key, value]) => ({
      key,
      namespace,
      value,
    }));
    return json(200, { entities });
  };

  return [
    {
      method: 'GET',
      path: '/api/v2/tokens/me',
      handle({ token }) {
        const client = clients.get(token.clientId);
        const organization = { id: data.organization.id, name: data.organization.name ?? '' };
        const info: Models.TokenInfo = {
          organization,
          homeOrganization: organization,
          authorizedScope: client?.scope ?? [],
          OAuthClient: {
            id: token.clientId,
            name: client?.name ?? '',
            authorizedGrantType: client?.authorizedGrantType ?? 'CLIENT_CREDENTIALS',
            scope: client?.scope ?? [],
            organization,
          },
        };
        return json(200, info);
      },
    },
    {
      method: 'GET',
      path: '/api/v2/tokens/timeout',
      handle: () =>
        json(200, {
          idleTokenTimeoutSeconds: tokens.idleTimeoutSeconds ?? 0,
          enableIdleTokenTimeout: tokens.idleTimeoutSeconds !== undefined,
        }),
    },
    {
      method: 'GET',
      path: '/api/v2/authorization/subjects/me',
      handle({ token }) {
        const client = clients.get(token.clientId);
        const roles = client?.roleDivisions ?? [];
        const policies: Models.AuthzGrantPolicy[] = (client?.permissions ?? ['*:*:*']).map((permission) => {
          const [domain = '', entityName = '', action = ''] = permission.split(':');
          return { domain, entityName, actions: [action] };
        });
        // Every role of the simulation allows the same.
        const grant = (roleId: string, divisionId: string): Models.AuthzGrant => ({
          subjectId: token.clientId,
          division: { id: divisionId, name: '', description: '' },
          role: { id: roleId, name: `Role ${roleId}`, policies },
        });
        const grants = roles.map(({ roleId, divisionId }) => grant(roleId, divisionId));
        const subject: Models.AuthzSubject = {
          id: token.clientId,
          name: client?.name ?? '',
          grants: grants.length > 0 ? grants : [grant('simulated-role', data.division.id)],
          version: 1,
        };
        return json(200, subject);
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/tokens/me',
      handle({ token }) {
        tokens.revoke(token.ordinal);
        return { status: 200 };
      },
    },
    { method: 'GET', path: '/api/v2/organizations/me', handle: () => json(200, data.organization) },
    {
      method: 'GET',
      path: '/api/v2/organizations/limits/namespaces',
      handle: () =>
        json(200, { entities: Object.keys(LIMITS).map((name) => ({ name })), total: Object.keys(LIMITS).length }),
    },
    {
      method: 'GET',
      path: '/api/v2/organizations/limits/namespaces/{namespaceName}',
      handle: ({ parameters }) => listLimits(parameters.namespaceName),
    },
    {
      method: 'GET',
      path: '/api/v2/organizations/limits/namespaces/{namespaceName}/defaults',
      handle: ({ parameters }) => listLimits(parameters.namespaceName),
    },
  ];
}
