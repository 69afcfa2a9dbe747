/**
 * One token request to a login service: the client credentials grant (RFC 6749 4.4). Only this file contacts login. It
 * never rejects: every failure is a result.
 */

import { basicCredentials, formEncode } from '../../shared/client-credentials.js';
import { errorCode } from '../../shared/error-code.js';
import { smallFetch } from '../../shared/http/small-fetch.js';
import type { Effects } from '../effects.js';
import { ASSERTION_TYPE, clientSecretJwt, privateKeyJwt } from './assertion.js';
import type { OauthClient } from './client.js';
import { classifyAnswer, type LoginResult, trouble } from './response.js';

/** A token answer is a few KiB at most. A larger one is not read. */
export const MAX_ANSWER_BYTES = 65_536;

/** Shorter parameters are not secrets, and log lines with them masked would be useless. */
const SHORTEST_SECRET = 8;

/**
 * Asks login for a token.
 * @param timeoutMs the limit for the connection, the answer and its body together
 */
export async function requestToken(client: OauthClient, timeoutMs: number, effects: Effects): Promise<LoginResult> {
  const credentials = basicCredentials(client.clientId, client.clientSecret);
  let assertion: string | undefined;
  try {
    assertion = assertionOf(client, effects.wallClockMs());
  } catch (error) {
    return trouble(`login could not be reached (${errorCode(error)})`);
  }
  const request = {
    url: client.tokenUrl,
    method: 'POST',
    headers: {
      'User-Agent': 'genesys-token-manager',
      ...client.tokenHeaders,
      ...(client.authMethod === 'basic' ? { Authorization: `Basic ${credentials}` } : {}),
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: grantBody(client, assertion),
    egress: client.egress,
    timeoutMs,
    maxBytes: MAX_ANSWER_BYTES,
  } as const;
  const answer = await smallFetch(request, effects);
  if ('failure' in answer) return trouble(`login ${answer.failure}`);
  return classifyAnswer(answer, {
    defaultLifetimeMs: client.defaultLifetimeMs,
    secrets: [credentials, ...(assertion === undefined ? [] : [assertion]), ...secretsOf(client)],
  });
}

/** Returns what login may echo of a request, as configured and as sent. An extra parameter may be an assertion. */
function secretsOf({ clientSecret, extraParams, tokenHeaders }: OauthClient): string[] {
  const values = [...Object.values(extraParams), ...Object.values(tokenHeaders)];
  const long = values.filter((value) => value.length >= SHORTEST_SECRET);
  return [clientSecret, ...long].flatMap((secret) => [secret, formEncode(secret), encodeURIComponent(secret)]);
}

/** Returns the JWT with which the client proves itself; undefined if it sends its secret. */
function assertionOf(
  { authMethod, assertion, clientId, clientSecret }: OauthClient,
  nowMs: number,
): string | undefined {
  const content = { ...assertion, clientId, secret: clientSecret };
  switch (authMethod) {
    case 'client_secret_jwt':
      return clientSecretJwt(content, nowMs);
    case 'private_key_jwt':
      return privateKeyJwt(content, nowMs);
    default:
      return undefined;
  }
}

function grantBody(
  { authMethod, clientId, clientSecret, scope, extraParams }: OauthClient,
  assertion: string | undefined,
): string {
  return new URLSearchParams({
    ...extraParams,
    grant_type: 'client_credentials',
    ...(scope === undefined ? {} : { scope }),
    ...(authMethod === 'post' ? { client_id: clientId, client_secret: clientSecret } : {}),
    ...(assertion === undefined
      ? {}
      : { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }),
  }).toString();
}
