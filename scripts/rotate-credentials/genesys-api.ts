/** The calls to Genesys Cloud that a rotation makes: login, OAuth clients, security keys and secrets. */

import { basicCredentials } from '../../plugins/shared/client-credentials.js';
import { property } from '../../plugins/shared/property.js';
import { checkFormat, type Grants, missingPermission, readGrants } from './checks.js';
import type { OAuthClient } from './client-copy.js';
import { messageOf, RotationFailure } from './failure.js';
import { type Call, type Http, HttpError } from './http.js';

/** Id and secret of an OAuth client. */
export interface Credentials {
  clientId: string;
  clientSecret: string;
}

/** A security key, without its value. */
export interface SecurityKey extends Readonly<Record<string, unknown>> {
  id: string;
  name: string;
}

export interface GenesysApi {
  /** Gets a token for these credentials. @throws HttpError 400 or 401 if login refuses them */
  login(credentials: Credentials, attempts?: number): Promise<string>;
  /** Calls the API with a credential that is being tried out; rejects unless it succeeds. */
  tryOut(path: string, headers: Record<string, string>, attempts?: number): Promise<void>;
  grants(): Promise<Grants>;
  clients(): Promise<OAuthClient[]>;
  /** Undefined if there is none. */
  client(id: string): Promise<OAuthClient | undefined>;
  /** Made at most once: without an answer it rejects, and a client may exist. */
  createClient(body: Record<string, unknown>): Promise<{ client: OAuthClient; secret: string }>;
  updateClient(id: string, body: Record<string, unknown>): Promise<void>;
  /** Fine if it is gone already. */
  deleteClient(id: string): Promise<void>;
  /** The old secret is dead from the moment that Genesys does it. */
  regenerateSecret(id: string): Promise<string>;
  keys(): Promise<SecurityKey[]>;
  /** Made at most once, as `createClient`. */
  createKey(body: Record<string, unknown>): Promise<{ key: SecurityKey; value: string }>;
  deleteKey(id: string): Promise<void>;
  pushSecret(id: string, value: string, expiresAtMs: number): Promise<void>;
}

/** Genesys refuses a call: says which permission is missing. */
class DeniedError extends Error {
  readonly hint: string;

  constructor(what: string, permission: string) {
    super(`${what} answered 403: the permission ${permission} is missing`);
    this.name = 'DeniedError';
    this.hint = `give a role of the administrating OAuth client the permission ${permission}`;
  }
}

/** An answer that a rotation cannot work with. */
function unusable(what: string): Error {
  return new Error(`${what} answered without what it should hold`);
}

/**
 * @param admin who administrates: not the client that is rotated
 * @param onSecret told every secret that is read, so that it can be kept out of all output
 */
export function createGenesysApi(
  { apiUrl, tokenUrl }: { apiUrl: string; tokenUrl: string },
  admin: Credentials,
  http: Http,
  onSecret: (secret: string) => void,
): GenesysApi {
  let token: string | undefined;

  async function login({ clientId, clientSecret }: Credentials, attempts?: number): Promise<string> {
    const answer = await http.call({
      method: 'POST',
      url: tokenUrl,
      headers: { Authorization: `Basic ${basicCredentials(clientId, clientSecret)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
      ...(attempts === undefined ? {} : { attempts }),
    });
    const granted = property(answer, 'access_token');
    if (typeof granted !== 'string' || granted === '') throw unusable('login');
    onSecret(granted);
    return granted;
  }

  /** A call as the administrator. A token that has died is replaced once. */
  async function call(permission: string, request: Omit<Call, 'url'> & { path: string }): Promise<unknown> {
    const { path, ...rest } = request;
    for (let renewed = false; ; renewed = true) {
      token ??= await login(admin);
      try {
        return await http.call({ ...rest, url: apiUrl + path, headers: { Authorization: `Bearer ${token}` } });
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        if (error.status === 403) {
          throw new DeniedError(`${request.method} ${path}`, missingPermission(error.body, permission));
        }
        if (error.status !== 401 || renewed) throw error;
        token = undefined;
      }
    }
  }

  const remove = async (permission: string, path: string): Promise<void> => {
    try {
      await call(permission, { method: 'DELETE', path });
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 404)) throw error;
    }
  };

  /** All pages of a collection. */
  async function list(permission: string, first: string): Promise<unknown[]> {
    const entities: unknown[] = [];
    for (let path: string | undefined = first; path !== undefined; ) {
      const page = await call(permission, { method: 'GET', path });
      const found = property(page, 'entities');
      if (!Array.isArray(found)) throw unusable(`GET ${first}`);
      entities.push(...found);
      const next = property(page, 'nextUri');
      path = typeof next === 'string' && next.startsWith('/') && next !== path ? next : undefined;
    }
    return entities;
  }

  return {
    login,
    async tryOut(path, headers, attempts) {
      await http.call({ method: 'GET', url: apiUrl + path, headers, ...(attempts === undefined ? {} : { attempts }) });
    },
    async grants() {
      try {
        const path = '/api/v2/authorization/subjects/me';
        return readGrants(await call('authorization:grant:view', { method: 'GET', path }));
      } catch (error) {
        throw new RotationFailure(
          'DEPENDENCY_CHECK_FAILED',
          `what the administrating client may do cannot be read: ${messageOf(error)}`,
          'if Genesys does not tell it to a client, leave the check out with --skip-permission-check',
        );
      }
    },
    clients: async () => (await list('oauth:client:view', '/api/v2/oauth/clients')).filter(isEntity),
    async client(id) {
      try {
        const found = await call('oauth:client:view', { method: 'GET', path: clientPath(id) });
        return isEntity(found) ? found : undefined;
      } catch (error) {
        if (error instanceof HttpError && error.status === 404) return undefined;
        throw error;
      }
    },
    async createClient(body) {
      const request = { method: 'POST', path: '/api/v2/oauth/clients', body, repeatable: false };
      const { secret, ...client } = entityOf(await call('oauth:client:add', request), 'POST /api/v2/oauth/clients');
      if (typeof secret !== 'string') throw unusable('POST /api/v2/oauth/clients');
      onSecret(secret);
      return { client: client as OAuthClient, secret };
    },
    async updateClient(id, body) {
      await call('oauth:client:edit', { method: 'PUT', path: clientPath(id), body });
    },
    deleteClient: (id) => remove('oauth:client:delete', clientPath(id)),
    async regenerateSecret(id) {
      const answer = await call('oauth:client:edit', { method: 'POST', path: `${clientPath(id)}/secret` });
      const secret = property(answer, 'secret');
      if (typeof secret !== 'string') throw unusable('the new secret');
      onSecret(secret);
      return secret;
    },
    keys: async () => (await list('security:key:view', '/api/v2/security/keys?pageSize=100')).filter(isEntity),
    async createKey(body) {
      const request = { method: 'POST', path: '/api/v2/security/keys', body, repeatable: false };
      const { keyValue, ...key } = entityOf(await call('security:key:add', request), 'POST /api/v2/security/keys');
      if (typeof keyValue !== 'string') throw unusable('POST /api/v2/security/keys');
      onSecret(keyValue);
      return { key: key as SecurityKey, value: keyValue };
    },
    deleteKey: (id) => remove('security:key:delete', `/api/v2/security/keys/${encodeURIComponent(id)}`),
    async pushSecret(id, value, expiresAtMs) {
      onSecret(value);
      checkFormat({ token: value });
      const body = { value, dateExpires: new Date(expiresAtMs).toISOString() };
      const path = `/api/v2/security/secrets/${encodeURIComponent(id)}`;
      await call('security:secret:edit', { method: 'PATCH', path, body });
    },
  };
}

function clientPath(id: string): string {
  return `/api/v2/oauth/clients/${encodeURIComponent(id)}`;
}

function isEntity(value: unknown): value is OAuthClient {
  return typeof property(value, 'id') === 'string' && typeof property(value, 'name') === 'string';
}

function entityOf(value: unknown, what: string): Record<string, unknown> {
  if (!isEntity(value)) throw unusable(what);
  return value;
}
