/** The login with real credentials at the start of `npm start`, so that a wrong secret is told before the first request. */
import { classifyAnswer } from '../plugins/genesys-token-manager/login/response.js';
import { basicCredentials } from '../plugins/shared/client-credentials.js';
import { errorCode } from '../plugins/shared/error-code.js';
import type { Credentials } from './start-settings.js';

const TIMEOUT_MS = 10_000;

/**
 * Logs in once.
 * @returns a line about the token, without it
 * @throws Error of one line, without the secret, that says why there is none
 */
export async function loginOnce(tokenUrl: string, { clientId, clientSecret }: Credentials): Promise<string> {
  const credentials = basicCredentials(clientId, clientSecret);
  const began = performance.now();
  const { host } = new URL(tokenUrl);
  const answer = await fetch(tokenUrl, {
    method: 'POST',
    headers: { Authorization: `Basic ${credentials}`, Accept: 'application/json' },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error) => {
    throw new Error(`login at ${host} failed: ${errorCode(error.cause ?? error)}`);
  });
  const result = classifyAnswer(
    { status: answer.status, body: await answer.text(), retryAfterMs: undefined },
    { defaultLifetimeMs: 0, secrets: [credentials, clientSecret] },
  );
  if (result.kind === 'fault') throw new Error(`login at ${host} failed: ${result.reason}`);
  const ms = Math.round(performance.now() - began);
  return `login at ${host}: a token for ${Math.round(result.lifetimeMs / 60_000)} min, in ${ms} ms`;
}
