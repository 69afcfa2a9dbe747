/** An OAuth client at its token endpoint: the content of its token requests, and the cache key of its tokens. */
import { createHash } from 'node:crypto';
import type { Secret } from '../../shared/secret.js';
import type { Egress } from './egress.js';

/** An OAuth client at one token endpoint, for one of its tokens. */
export interface OauthClient {
  /** An absolute URL, https or loopback. */
  tokenUrl: string;
  /** The host and port of `tokenUrl`, for log lines. */
  tokenHost: string;
  clientId: string;
  clientSecret: string;
  /** Whether id and secret are sent by HTTP Basic or in the body (RFC 6749 2.3.1). */
  authMethod: 'basic' | 'post';
  scope: string | undefined;
  /** More parameters of the token request. */
  extraParams: Readonly<Record<string, string>>;
  /** The network path to the token endpoint. */
  egress: Egress;
  /** The number of the token among the client's tokens, from 0. */
  slot: number;
  /**
   * The cache key of the token: a digest of all fields above. It includes the secret, so a configuration that knows
   * only another's client id gets neither its token nor its failures.
   */
  key: string;
}

/** An OAuth client whose id and secret may be in files that change. */
export interface ClientSource {
  /** Returns the client with its current values. Returns the same object while they are unchanged. */
  current(): OauthClient;
  takeWarning(): string | undefined;
}

/** How to fetch and renew tokens. */
export interface FetchPolicy {
  refreshAheadMs: number;
  /** The time limit of one token request. */
  timeoutMs: number;
  maxAttempts: number;
}

/** Everything about a client except its id and secret. */
type ClientSettings = Omit<OauthClient, 'clientId' | 'clientSecret' | 'key'>;

/** Makes the source of one of a client's tokens. Its id and secret may be in files that change. */
export function clientSource(settings: ClientSettings, id: Secret, secret: Secret): ClientSource {
  let client = oauthClient(settings, id.current(), secret.current());
  return {
    current() {
      const clientId = id.current();
      const clientSecret = secret.current();
      if (clientId !== client.clientId || clientSecret !== client.clientSecret) {
        client = oauthClient(settings, clientId, clientSecret);
      }
      return client;
    },
    takeWarning: () => id.takeWarning() ?? secret.takeWarning(),
  };
}

function oauthClient(settings: ClientSettings, clientId: string, clientSecret: string): OauthClient {
  const { tokenUrl, authMethod, scope, extraParams, egress, slot } = settings;
  const secretDigest = createHash('sha256').update(clientSecret).digest('hex');
  const identity = [tokenUrl, clientId, secretDigest, authMethod, scope ?? '', sorted(extraParams), egress.key, slot];
  const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return { ...settings, clientId, clientSecret, key };
}

function sorted(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}
