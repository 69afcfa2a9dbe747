/**
 * One token request to a login service: the client credentials grant (RFC 6749 4.4). Only this file contacts login. It
 * never rejects: every failure is a result.
 */

import { basicCredentials, formEncode } from '../../shared/client-credentials.js';
import { errorCode } from '../../shared/error-code.js';
import { property } from '../../shared/property.js';
import { parseRetryAfter } from '../../shared/retry-after.js';
import type { Effects } from '../effects.js';
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
  const abort = new AbortController();
  const cancelTimer = effects.startTimer(timeoutMs, () => abort.abort());
  try {
    const credentials = basicCredentials(client.clientId, client.clientSecret);
    const [fetch, agent] = await Promise.all([effects.loadFetch(), client.egress.loadAgent()]);
    const response = await fetch(client.tokenUrl, {
      method: 'POST',
      headers: {
        Accept: 'application/json',
        ...(client.authMethod === 'basic' ? { Authorization: `Basic ${credentials}` } : {}),
        'Content-Type': 'application/x-www-form-urlencoded',
        'User-Agent': 'genesys-token-manager',
      },
      body: grantBody(client),
      ...(agent === undefined ? {} : { agent }),
      // Redirects are not followed: the credentials are for this endpoint only.
      redirect: 'manual',
      compress: false,
      size: MAX_ANSWER_BYTES,
      signal: abort.signal,
    });
    const body = await response.text().catch((error: unknown) => {
      if (property(error, 'type') === 'max-size') return undefined;
      throw error;
    });
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), effects.wallClockMs());
    return classifyAnswer({ status: response.status, body, retryAfterMs }, [credentials, ...secretsOf(client)]);
  } catch (error) {
    if (abort.signal.aborted) return trouble(`login did not answer within ${Math.round(timeoutMs)} ms`);
    return trouble(`login could not be reached (${errorCode(error)})`);
  } finally {
    cancelTimer();
    // Closes the connection if the answer was not read to its end.
    abort.abort();
  }
}

/** Returns what login may echo of a request, as configured and as sent. An extra parameter may be an assertion. */
function secretsOf({ clientSecret, extraParams }: OauthClient): string[] {
  const long = Object.values(extraParams).filter((value) => value.length >= SHORTEST_SECRET);
  return [clientSecret, ...long].flatMap((secret) => [secret, formEncode(secret)]);
}

function grantBody({ authMethod, clientId, clientSecret, scope, extraParams }: OauthClient): string {
  return new URLSearchParams({
    ...extraParams,
    grant_type: 'client_credentials',
    ...(scope === undefined ? {} : { scope }),
    ...(authMethod === 'post' ? { client_id: clientId, client_secret: clientSecret } : {}),
  }).toString();
}
