/**
 * One token request to a login service: the client credentials grant (RFC 6749 4.4). Only this file contacts login. It
 * never rejects: every failure is a result.
 */

import { basicCredentials, formEncode } from '../../shared/client-credentials.js';
import { errorCode } from '../../shared/error-code.js';
import { type CodingFault, codingsOf, decodeBody } from '../../shared/http/content-coding.js';
import { property } from '../../shared/property.js';
import { parseRetryAfter } from '../../shared/retry-after.js';
import type { Effects } from '../effects.js';
import { ASSERTION_TYPE, clientSecretJwt, privateKeyJwt } from './assertion.js';
import type { OauthClient } from './client.js';
import { classifyAnswer, type LoginAnswer, type LoginResult, trouble } from './response.js';

/** A token answer is a few KiB at most. A larger one is not read. */
export const MAX_ANSWER_BYTES = 65_536;

/** Shorter parameters are not secrets, and log lines with them masked would be useless. */
const SHORTEST_SECRET = 8;

/**
 * Asks login for a token.
 * @param timeoutMs the limit for the connection, the answer and its body together
 */
export async function requestToken(client: OauthClient, timeoutMs: number, effects: Effects): Promise<LoginResult> {
  const abort = new AbortController();
  const cancelTimer = effects.startTimer(timeoutMs, () => abort.abort());
  try {
    const credentials = basicCredentials(client.clientId, client.clientSecret);
    const assertion = assertionOf(client, effects.wallClockMs());
    const [fetch, agent] = await Promise.all([effects.loadFetch(), client.egress.loadAgent()]);
    const response = await fetch(client.tokenUrl, {
      method: 'POST',
      headers: {
        Accept: 'application/json',
        'User-Agent': 'genesys-token-manager',
        ...client.tokenHeaders,
        ...(client.authMethod === 'basic' ? { Authorization: `Basic ${credentials}` } : {}),
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: grantBody(client, assertion),
      ...(agent === undefined ? {} : { agent }),
      // Redirects are not followed: the credentials are for this endpoint only.
      redirect: 'manual',
      // Decoded below: node-fetch does not limit what a body decompresses to.
      compress: false,
      size: MAX_ANSWER_BYTES,
      signal: abort.signal,
    });
    const codings = codingsOf([response.headers.get('content-encoding') ?? '']);
    const body = await readBody(() => response.arrayBuffer(), codings);
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), effects.wallClockMs());
    return classifyAnswer(
      { status: response.status, body, retryAfterMs },
      {
        defaultLifetimeMs: client.defaultLifetimeMs,
        secrets: [credentials, ...(assertion === undefined ? [] : [assertion]), ...secretsOf(client)],
      },
    );
  } catch (error) {
    if (abort.signal.aborted) return trouble(`login did not answer within ${Math.round(timeoutMs)} ms`);
    return trouble(`login could not be reached (${errorCode(error)})`);
  } finally {
    cancelTimer();
    // Closes the connection if the answer was not read to its end.
    abort.abort();
  }
}

/** Reads and decodes a body. */
async function readBody(read: () => Promise<ArrayBuffer>, codings: readonly string[]): Promise<LoginAnswer['body']> {
  let bytes: Buffer;
  try {
    bytes = Buffer.from(await read());
  } catch (error) {
    if (property(error, 'type') === 'max-size') return { unread: 'over the size limit' };
    throw error;
  }
  try {
    // Decodes UTF-8 and drops a byte order mark.
    return new TextDecoder().decode(await decodeBody(bytes, codings, MAX_ANSWER_BYTES));
  } catch (error) {
    const { code } = error as CodingFault;
    return { unread: code === 'ERR_BUFFER_TOO_LARGE' ? 'over the size limit' : 'in an encoding that cannot be undone' };
  }
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
