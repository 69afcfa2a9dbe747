/**
 * What tests with the simulator share: a client that logs in and calls the API over real HTTP.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { GenesysCloud } from './index.js';
import { DEFAULT_CLIENT } from './index.js';

/** The Authorization header of a client, form-encoded before Base64 (RFC 6749 2.3.1). */
export function basic(clientId: string, clientSecret: string): string {
  const encode = (text: string): string => new URLSearchParams({ _: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`;
}

/** Posts a token request; `form` replaces the usual body. */
export function postToken(
  cloud: GenesysCloud,
  options: { authorization?: string | undefined; form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Response> {
  const authorization =
    'authorization' in options ? options.authorization : basic(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret);
  return fetch(cloud.tokenUrl, {
    method: 'POST',
    headers: { ...(authorization === undefined ? {} : { authorization }), ...options.headers },
    body: new URLSearchParams(options.form ?? { grant_type: 'client_credentials' }),
  });
}

/** Logs in as the default client. */
export async function login(cloud: GenesysCloud): Promise<string> {
  const response = await postToken(cloud);
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`No token: ${response.status}`);
  return token;
}

/** An OAuth client for apps with users. */
export const APP_CLIENT = {
  clientId: 'genesys-app-id',
  clientSecret: 'unused-by-pkce',
  redirectUris: ['http://127.0.0.1/app'],
} as const;

/**
 * Logs a user in through the authorization code grant with PKCE, as a browser and its app do.
 * @param email of the user; the first one if left out
 */
export async function loginUser(
  cloud: Pick<GenesysCloud, 'url' | 'tokenUrl'>,
  { email, clientId = APP_CLIENT.clientId }: { email?: string | undefined; clientId?: string } = {},
): Promise<string> {
  const [redirect_uri] = APP_CLIENT.redirectUris;
  const code_verifier = randomBytes(48).toString('base64url');
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri,
    response_type: 'code',
    code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(email !== undefined && { login_hint: email }),
  });
  const sent = await fetch(`${cloud.url}/oauth/authorize?${query}`, { redirect: 'manual' });
  const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? '';
  const response = await fetch(cloud.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      ...{ code, code_verifier, redirect_uri },
    }),
  });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`No token: ${response.status}`);
  return token;
}

/** Calls the API with a token. */
export function call(cloud: GenesysCloud, token: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(cloud.url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
}

/** The JSON of an answer, as a shape the test names. */
export async function read<Shape>(response: Response | Promise<Response>): Promise<Shape> {
  return (await (await response).json()) as Shape;
}
