/**
 * What the simulator's own tests share: a client that logs in and calls the API over real HTTP.
 */
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

/** Calls the API with a token. */
export function call(cloud: GenesysCloud, token: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(cloud.url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
}

/** The JSON of an answer, as a shape the test names. */
export async function read<Shape>(response: Response | Promise<Response>): Promise<Shape> {
  return (await (await response).json()) as Shape;
}
