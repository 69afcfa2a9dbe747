/** The login with real credentials at the start of `npm start`, so that a wrong secret is told before the first request. */
import { listClients } from '../plugins/genesys-token-manager/try-login.js';
import { BARE_HOST } from '../plugins/shared/host.js';
import type { Credentials } from './start-settings.js';

const TIMEOUT_MS = 10_000;

/**
 * Logs in once.
 * @returns a line about the token, without it
 * @throws Error of one line, without the secret, that says why there is none
 */
export async function loginOnce(tokenUrl: string, { clientId, clientSecret }: Credentials): Promise<string> {
  const config = { token_url: tokenUrl, client_id: clientId, client_secret: clientSecret, timeout_ms: TIMEOUT_MS };
  const [client] = listClients(config, BARE_HOST);
  const began = performance.now();
  const { host } = new URL(tokenUrl);
  const trial = await client?.logIn(TIMEOUT_MS);
  if (trial?.token === undefined) throw new Error(`login at ${host} failed: ${trial?.problem}`);
  const ms = Math.round(performance.now() - began);
  return `login at ${host}: a token for ${Math.round(trial.token.lifetimeMs / 60_000)} min, in ${ms} ms`;
}
