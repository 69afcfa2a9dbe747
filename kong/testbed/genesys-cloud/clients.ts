/**
 * The organisation's OAuth clients with their secrets. Login checks credentials here, the API's /oauth/clients edits
 * them, the control API replaces secrets. Secrets leave this file only towards whoever just created one.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv4 } from 'node:net';

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
  /** Addresses and CIDR ranges that may log in; empty: any. Genesys has announced it without naming the field. */
  ipAllowlist: string[];
  /** Where browsers may be sent back to, of a client for apps with users (grant CODE). Stays inside. */
  redirectUris?: readonly string[];
  /** What its roles allow, such as `oauth:client:add`; undefined: everything. Stays inside. */
  permissions: string[] | undefined;
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
  /** What its roles allow among OAuth clients and security keys; default: everything. */
  permissions?: string[];
  scope?: string[];
  roleDivisions?: { roleId: string; divisionId: string }[];
  ipAllowlist?: string[];
  /** Makes it a client for apps with users: authorization code with PKCE, without a secret. */
  redirectUris?: readonly string[];
}

/** The client that every simulator has unless told otherwise. */
export const DEFAULT_CLIENT = { clientId: 'genesys-client-id', clientSecret: 'genesys-client-secret' } as const;

/** The app with users of a simulator that people try things with. */
export const DEMO_APP = {
  clientId: 'demo-app',
  clientSecret: 'unused-by-pkce',
  redirectUris: ['http://localhost:8080/'],
} as const;

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
        authorizedGrantType: client.redirectUris === undefined ? 'CLIENT_CREDENTIALS' : 'CODE',
        ...(client.redirectUris && { redirectUris: client.redirectUris }),
        scope: client.scope ?? [],
        roleDivisions: client.roleDivisions ?? [],
        ipAllowlist: client.ipAllowlist ?? [],
        permissions: client.permissions,
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

/** Whether the client may log in from this address. */
export function addressAllowed(client: OAuthClientRecord, address: string): boolean {
  if (client.ipAllowlist.length === 0) return true;
  const plain = address.replace(/^::ffff:/, '');
  const list = new BlockList();
  for (const entry of client.ipAllowlist) {
    const [net = '', prefix] = entry.split('/');
    const family = isIPv4(net) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(net, family);
    else list.addSubnet(net, Number(prefix), family);
  }
  return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}
