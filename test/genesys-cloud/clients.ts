/**
 * The organisation's OAuth clients with their secrets. Login checks credentials here, the API's /oauth/clients edits
 * them, the control API replaces secrets. Secrets leave this file only towards whoever just created one.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What the simulator knows of an OAuth client. `secret` stays inside; lifetimes are in seconds. */
export interface OAuthClientRecord {
  id: string;
  name: string;
  secret: string;
  accessTokenValiditySeconds: number;
  description: string;
  authorizedGrantType: string;
  scope: string[];
  roleDivisions: { roleId: string; divisionId: string }[];
  state: 'active' | 'inactive';
  dateCreated: string;
  dateModified: string;
}

/** A client as the options of the simulator name it. */
export interface ClientOptions {
  clientId: string;
  clientSecret: string;
  /** What `expires_in` says for its tokens; Genesys' default is 86399. */
  tokenLifetimeSeconds?: number;
}

/** The client that every simulator has unless told otherwise. */
export const DEFAULT_CLIENT = { clientId: 'genesys-client-id', clientSecret: 'genesys-client-secret' } as const;

/** `expires_in` of a client that sets none (Genesys Cloud's default). */
export const DEFAULT_TOKEN_LIFETIME_SECONDS = 86_399;

/** The clients by id. */
export type ClientStore = Map<string, OAuthClientRecord>;

/** Makes the store from the simulator's options. */
export function createClientStore(clients: readonly ClientOptions[]): ClientStore {
  const created = '2026-01-05T09:00:00.000Z';
  return new Map(
    clients.map((client) => [
      client.clientId,
      {
        id: client.clientId,
        name: `Client ${client.clientId}`,
        secret: client.clientSecret,
        accessTokenValiditySeconds: client.tokenLifetimeSeconds ?? DEFAULT_TOKEN_LIFETIME_SECONDS,
        description: 'Client of the simulated organisation',
        authorizedGrantType: 'CLIENT_CREDENTIALS',
        scope: [],
        roleDivisions: [],
        state: 'active',
        dateCreated: created,
        dateModified: created,
      },
    ]),
  );
}

/** A new secret, as long as Genesys' own. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** True if the secret is the client's current one and the client is active. */
export function secretMatches(client: OAuthClientRecord, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return client.state === 'active' && timingSafeEqual(digest(client.secret), digest(secret));
}
