/**
 * The login host: POST /oauth/token with the client-credentials grant (RFC 6749 4.4) and the authorization code grant with
 * PKCE (RFC 7636 4.5), with the answers and error shapes of Genesys Cloud's login service.
 */
import { type Answer, json } from './answer.js';
import type { AuthorizationCodes } from './authorization.js';
import { parseBasic } from './basic-auth.js';
import { addressAllowed, type ClientStore, type OAuthClientRecord, secretMatches } from './clients.js';
import type { IssuedToken, TokenStore } from './tokens.js';

export interface LoginRequest {
  method: string;
  authorization: string | undefined;
  contentType: string | undefined;
  /** The page that a browser asks from. */
  origin: string | undefined;
  /** Where the request came from. */
  address: string;
  body: Buffer;
}

export interface LoginServices {
  clients: ClientStore;
  tokens: TokenStore;
  codes: AuthorizationCodes;
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
  const login = answerTokenRequest(request, services);
  // Apps in a browser exchange their code from their own page.
  if (request.origin !== undefined) {
    login.answer.headers = { ...login.answer.headers, 'access-control-allow-origin': request.origin, vary: 'Origin' };
  }
  return login;
}

function answerTokenRequest(request: LoginRequest, services: LoginServices): { answer: Answer; token?: IssuedToken } {
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
  if (grantType === 'authorization_code' && credentials === undefined) return redeem(form, services);
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

/** Exchanges a code for its user's token. The client has no secret: the verifier proves that it is the same app. */
function redeem(form: URLSearchParams, services: LoginServices): { answer: Answer; token?: IssuedToken } {
  const clientId = form.get('client_id') ?? '';
  const client = services.clients.get(clientId);
  const userId = services.codes.redeem(form.get('code') ?? '', {
    clientId,
    redirectUri: form.get('redirect_uri') ?? '',
    verifier: form.get('code_verifier') ?? '',
  });
  if (client === undefined || client.state !== 'active' || userId === undefined) {
    return { answer: failure(400, 'invalid_grant', 'the code is not valid') };
  }
  return issue(client, services, userId);
}

function issue(
  client: OAuthClientRecord,
  services: LoginServices,
  userId?: string,
): { answer: Answer; token: IssuedToken } {
  const lifetime = services.tokenLifetimeSeconds() ?? client.accessTokenValiditySeconds;
  const { value, token } = services.tokens.issue(client.id, lifetime, userId);
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
