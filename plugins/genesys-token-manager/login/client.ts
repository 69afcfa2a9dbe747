/** An OAuth client at its token endpoint: what a token request is made of, and what its tokens are cached under. */
import { createHash } from 'node:crypto';
import type { Secret } from '../../shared/secret.js';
import type { Egress } from './egress.js';

/** An OAuth client of one token endpoint, for one of its tokens. */
export interface OauthClient {
  /** Absolute URL, https or loopback. */
  tokenUrl: string;
  /** Host and port of `tokenUrl`, for log lines. */
  tokenHost: string;
  clientId: string;
  clientSecret: string;
  /** Whether id and secret go into HTTP Basic or into the body (RFC 6749 2.3.1). */
  authMethod: 'basic' | 'post';
  scope: string | undefined;
  /** Further parameters of the token request. */
  extraParams: Readonly<Record<string, string>>;
  /** The way to the token endpoint. */
  egress: Egress;
  /** Which of the client's tokens, from 0. */
  slot: number;
  /**
   * What tokens are cached under: a digest over all of the above. With the secret in it, a configuration that knows only
   * another one's client id gets neither its token nor its failures.
   */
  key: string;
}

/** An OAuth client whose id and secret may be files that change. */
export interface ClientSource {
  /** With the values of now; the same object while they are the same. */
  current(): OauthClient;
  takeWarning(): string | undefined;
}

/** How tokens are fetched and renewed. */
export interface FetchPolicy {
  refreshAheadMs: number;
  /** For one token request. */
  timeoutMs: number;
  maxAttempts: number;
}

/** All of a client but who it is. */
type ClientSettings = Omit<OauthClient, 'clientId' | 'clientSecret' | 'key'>;

/** Makes the source of one of a client's tokens, whose id and secret may be files that change. */
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
