/** An OAuth client at its token endpoint: the content of its token requests, and the cache key of its tokens. */
import { createHash } from 'node:crypto';
import type { Egress } from '../../shared/http/egress.js';
import type { Secret } from '../../shared/secret.js';

/** `basic`: by HTTP Basic; `post`: in the body; the others send a signed JWT instead of the secret. */
export type AuthMethod = 'basic' | 'post' | 'client_secret_jwt' | 'private_key_jwt';

/** An OAuth client at one token endpoint, for one of its tokens. */
export interface OauthClient {
  /** An absolute URL, https or loopback. */
  tokenUrl: string;
  /** The host and port of `tokenUrl`, for log lines. */
  tokenHost: string;
  clientId: string;
  /** Its secret, or its private key with `private_key_jwt`. */
  clientSecret: string;
  /** How the client proves itself: id and secret (RFC 6749 2.3.1), or a signed JWT (RFC 7523 2.2). */
  authMethod: AuthMethod;
  /** What a signed JWT says besides the client's id. */
  assertion: { audience: string; keyId: string | undefined };
  scope: string | undefined;
  /** More parameters of the token request. */
  extraParams: Readonly<Record<string, string>>;
  /** More headers of the token request. */
  tokenHeaders: Readonly<Record<string, string>>;
  /** The lifetime of a token whose answer names none. */
  defaultLifetimeMs: number;
  /** From this long without use on, a token may be dead; undefined: not known. */
  maxIdleMs: number | undefined;
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
  const { tokenUrl, authMethod, assertion, scope, extraParams, tokenHeaders, egress, slot } = settings;
  const { defaultLifetimeMs, maxIdleMs } = settings;
  const secretDigest = createHash('sha256').update(clientSecret).digest('hex');
  const identity = [
    ...[tokenUrl, clientId, secretDigest, authMethod, assertion, scope ?? '', sorted(extraParams)],
    ...[sorted(tokenHeaders), defaultLifetimeMs, maxIdleMs ?? 0, egress.key, slot],
  ];
  const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return { ...settings, clientId, clientSecret, key };
}

function sorted(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}
