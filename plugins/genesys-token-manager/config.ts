/**
 * From Kong's raw configuration to what the plugin works with: one OAuth client, how its tokens are fetched, and the
 * header they go into. Pure; everything that is wrong is refused here, so that the rest need not check.
 */
import { createHash } from 'node:crypto';
import { configError, parseConfig } from '../shared/config.js';
import { regionTokenUrl } from '../shared/regions.js';
import { Schema } from './schema.js';

/** An OAuth client of one token endpoint. */
export interface OauthClient {
  /** Absolute URL, https or loopback. */
  tokenUrl: string;
  /** Host and port of `tokenUrl`, for log lines. */
  tokenHost: string;
  clientId: string;
  clientSecret: string;
  scope: string | undefined;
  /**
   * What tokens are cached under: a digest over endpoint, id, scope and secret. With the secret in it, a configuration
   * that knows only another one's client id gets neither its token nor its failures.
   */
  key: string;
}

/** How tokens are fetched and renewed. */
export interface FetchPolicy {
  refreshAheadMs: number;
  /** For one token request. */
  timeoutMs: number;
  maxAttempts: number;
}

/** A parsed configuration. */
export interface Config {
  client: OauthClient;
  policy: FetchPolicy;
  headerName: string;
}

const HTTP_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 5.6.2
const VAULT_REFERENCE = /^\{vault:\/\/.*\}$/s;

/** Headers that frame or route a message; a token in them would break the request. */
const UNUSABLE_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/**
 * Parses the configuration of an instance.
 * @param raw as Kong sends it: references resolved, with bookkeeping keys of its own
 * @throws Error of one line that names the field and holds no secret
 */
export function readConfig(raw: unknown): Config {
  const config = parseConfig(Schema, raw);
  const tokenUrl = parseTokenUrl(config.token_url ?? regionTokenUrl(config.region));
  const clientId = resolved('client_id', config.client_id);
  const clientSecret = resolved('client_secret', config.client_secret);
  if (!HTTP_TOKEN.test(config.header_name)) throw configError('header_name', 'is not a valid header name');
  if (UNUSABLE_HEADERS.has(config.header_name.toLowerCase())) {
    throw configError('header_name', 'is a header that cannot carry a token');
  }
  return {
    client: oauthClient(tokenUrl, clientId, clientSecret, config.scope),
    policy: {
      refreshAheadMs: config.refresh_ahead_seconds * 1000,
      timeoutMs: config.timeout_ms,
      maxAttempts: config.max_attempts,
    },
    headerName: config.header_name,
  };
}

function oauthClient(url: URL, clientId: string, clientSecret: string, scope: string | undefined): OauthClient {
  const secretDigest = createHash('sha256').update(clientSecret).digest('hex');
  const key = createHash('sha256')
    .update(JSON.stringify([url.href, clientId, scope ?? '', secretDigest]))
    .digest('hex');
  return { tokenUrl: url.href, tokenHost: url.host, clientId, clientSecret, scope, key };
}

/** Kong hands over a reference that it could not resolve as an empty string; other servers hand over its text. */
function resolved(field: string, value: string): string {
  if (value.trim() === '') throw configError(field, 'is empty');
  if (VAULT_REFERENCE.test(value.trim())) throw configError(field, 'is a vault reference that was not resolved');
  return value;
}

function parseTokenUrl(text: string): URL {
  if (!URL.canParse(text)) throw configError('token_url', 'is not an absolute URL');
  const url = new URL(text);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
  if (!secure) throw configError('token_url', 'must be https, or http on a loopback host');
  if (url.username !== '' || url.password !== '') throw configError('token_url', 'must not hold credentials');
  if (text.includes('#')) throw configError('token_url', 'must not hold a fragment');
  return url;
}

/** `hostname` as the URL parser normalised it: 127.1 has become 127.0.0.1 and ::1 has brackets. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
