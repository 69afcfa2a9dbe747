/**
 * One token request to a login service: the client credentials grant (RFC 6749 4.4). The only place that talks to it.
 * Never rejects: whatever happens is a result.
 */

import { basicCredentials, formEncode } from '../../shared/client-credentials.js';
import { errorCode } from '../../shared/error-code.js';
import { property } from '../../shared/property.js';
import { parseRetryAfter } from '../../shared/retry-after.js';
import type { Effects } from '../effects.js';
import type { OauthClient } from './client.js';
import { classifyAnswer, type LoginResult, trouble } from './response.js';

/** A token answer is a few KiB at most; what is larger is not read. */
export const MAX_ANSWER_BYTES = 65_536;

/** Shorter parameters are no secrets, and log lines without their text would tell nothing. */
const SHORTEST_SECRET = 8;

/**
 * Asks login for a token.
 * @param timeoutMs for connecting, the answer and its body together
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
      // Not followed: the credentials are for this endpoint only.
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
    // Closes the connection of an answer that was not read to its end.
    abort.abort();
  }
}

/** What login may repeat of a request, as it was given and as it was sent. A further parameter may be an assertion. */
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
