/**
 * The login host: POST /oauth/token with the client-credentials grant (RFC 6749 4.4), with the answers and error shapes
 * of Genesys Cloud's login service.
 */
import { type Answer, json } from './answer.js';
import { parseBasic } from './basic-auth.js';
import { addressAllowed, type ClientStore, type OAuthClientRecord, secretMatches } from './clients.js';
import type { IssuedToken, TokenStore } from './tokens.js';

export interface LoginRequest {
  method: string;
  authorization: string | undefined;
  contentType: string | undefined;
  /** Where the request came from. */
  address: string;
  body: Buffer;
}

export interface LoginServices {
  clients: ClientStore;
  tokens: TokenStore;
  /** Seconds for every new token, over the client's own; undefined leaves it to the client. */
  tokenLifetimeSeconds(): number | undefined;
}

/** Tokens must never be stored by a cache (RFC 6749 5.1). */
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

/**
 * Answers a token request. Errors are Genesys' `{error, description, error_description}`.
 * @returns the answer, and the token if one was issued
 */
export function answerLogin(request: LoginRequest, services: LoginServices): { answer: Answer; token?: IssuedToken } {
  if (request.method !== 'POST') {
    return { answer: failure(405, 'invalid_request', 'method not allowed', { allow: 'POST' }) };
  }
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.contentType ?? '')) {
    return { answer: failure(400, 'invalid_request', 'content type must be application/x-www-form-urlencoded') };
  }
  const form = new URLSearchParams(request.body.toString('utf8'));
  const credentials = credentialsOf(request.authorization, form);
  if (credentials === 'twice') {
    return { answer: failure(400, 'invalid_request', 'more than one way of client authentication') };
  }
  const grantType = form.get('grant_type');
  if (grantType === null) return { answer: failure(400, 'invalid_request', 'missing parameter: grant_type') };
  if (credentials === undefined) return { answer: failure(401, 'invalid_client', 'client credentials are missing') };
  const client = services.clients.get(credentials.clientId);
  if (client === undefined) return { answer: failure(400, 'invalid_client', 'authentication failed') };
  if (!secretMatches(client, credentials.clientSecret)) {
    return { answer: failure(401, 'invalid_client', 'authentication failed') };
  }
  if (!addressAllowed(client, request.address)) {
    return { answer: failure(401, 'invalid_client', 'address not allowed') };
  }
  if (grantType !== 'client_credentials') {
    return { answer: failure(400, 'unsupported_grant_type', `unsupported grant type: ${grantType.slice(0, 100)}`) };
  }
  if (client.authorizedGrantType !== 'CLIENT_CREDENTIALS') {
    return { answer: failure(400, 'unauthorized_client', 'the client may not use this grant') };
  }
  return issue(client, services);
}

function issue(client: OAuthClientRecord, services: LoginServices): { answer: Answer; token: IssuedToken } {
  const lifetime = services.tokenLifetimeSeconds() ?? client.accessTokenValiditySeconds;
  const { value, token } = services.tokens.issue(client.id, lifetime);
  return { answer: json(200, { access_token: value, token_type: 'bearer', expires_in: lifetime }, NO_STORE), token };
}

/** Credentials from the header or the form; `twice` if both carry a secret (RFC 6749 2.3 forbids it). */
function credentialsOf(
  authorization: string | undefined,
  form: URLSearchParams,
): { clientId: string; clientSecret: string } | 'twice' | undefined {
  const clientSecret = form.get('client_secret');
  if (authorization !== undefined) return clientSecret === null ? parseBasic(authorization) : 'twice';
  const clientId = form.get('client_id');
  return clientId === null || clientSecret === null ? undefined : { clientId, clientSecret };
}

function failure(status: number, error: string, description: string, headers: Record<string, string> = {}): Answer {
  return json(status, { error, description, error_description: description }, { ...NO_STORE, ...headers });
}
