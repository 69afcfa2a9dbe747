/**
 * The answers of the token endpoint, in the shape of Genesys Cloud's own login: RFC 6749 5.1 and 5.2, with
 * `description` next to `error_description`, because Genesys' tools print it. Pure: builds the arguments of
 * `kong.response.exit`.
 */

/** Arguments for `kong.response.exit`. */
export interface LoginAnswer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** Why a request gets no token. */
export type Refusal =
  | 'method'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'invalid_request'
  | 'body_too_large'
  | 'unsupported_grant_type';

const REFUSALS: Record<Refusal, { status: number; error: string; text: string; headers?: Record<string, string> }> = {
  // RFC 9110 15.5.6: a 405 names the allowed methods.
  method: {
    status: 405,
    error: 'invalid_request',
    text: 'a token is asked for with POST',
    headers: { Allow: 'POST' },
  },
  // RFC 6749 5.2: a 401 names the scheme that the client must use.
  invalid_client: {
    status: 401,
    error: 'invalid_client',
    text: 'client not found: id and secret are those of the gateway, sent by HTTP Basic',
    headers: { 'WWW-Authenticate': 'Basic realm="gateway", charset="UTF-8"' },
  },
  unauthorized_client: {
    status: 400,
    error: 'unauthorized_client',
    text: 'this client has no user name in the gateway, which its token would have to name',
  },
  invalid_request: { status: 400, error: 'invalid_request', text: 'grant_type is missing or stands there twice' },
  body_too_large: { status: 413, error: 'invalid_request', text: 'the body is too large for a token request' },
  unsupported_grant_type: {
    status: 400,
    error: 'unsupported_grant_type',
    text: 'the gateway knows the grant client_credentials only',
  },
};

/** RFC 6749 5.1: nobody may store the answer. */
const HEADERS = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  Pragma: 'no-cache',
};

/** Builds the answer with a token. */
export function tokenAnswer(accessToken: string, lifetimeSeconds: number): LoginAnswer {
  const body = { access_token: accessToken, token_type: 'bearer', expires_in: lifetimeSeconds };
  return { status: 200, body: JSON.stringify(body), headers: { ...HEADERS } };
}

/** Builds the answer without a token. */
export function refusalAnswer(refusal: Refusal): LoginAnswer {
  const { status, error, text, headers } = REFUSALS[refusal];
  const body = { error, description: text, error_description: text };
  return { status, body: JSON.stringify(body), headers: { ...HEADERS, ...headers } };
}
