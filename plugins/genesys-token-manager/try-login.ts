/**
 * The OAuth clients of a configuration, each with one login to try: what `kong-genesys-cloud doctor` asks for. It keeps
 * no token, and is no part of the plugin as it runs.
 */
import type { Host } from '../shared/host.js';
import type { LoginClient, LoginTrial } from '../shared/login-trial.js';
import { readConfig } from './config.js';
import { type Effects, realEffects } from './effects.js';
import type { OauthClient } from './login/client.js';
import { requestToken } from './login/request.js';

/**
 * Lists the OAuth clients of a configuration, once for each of their tokens; none if it has a static credential.
 * @param raw with references resolved, and without a shared cache
 * @throws ConfigError that names the field and contains no secret
 */
export function listClients(raw: object, host: Host): LoginClient[] {
  const { credential } = readConfig(raw, host);
  if (credential.kind === 'static') return [];
  const sources =
    credential.kind === 'oauth2' ? credential.sources : credential.failover.regions.flatMap((region) => region.sources);
  return sources.map((source) => {
    const client = source.current();
    const { tokenUrl, clientId, clientSecret, authMethod, scope, egress, slot, maxIdleMs } = client;
    return {
      ...{ clientId, clientSecret, tokenUrl, maxIdleMs },
      key: JSON.stringify([tokenUrl, clientId, clientSecret, authMethod, scope, egress.key]),
      tokens: slot + 1,
      loadAgent: () => egress.loadAgent(),
      logIn: (timeoutMs) => logIn(client, Math.min(timeoutMs, credential.policy.timeoutMs)),
    };
  });
}

async function logIn(client: OauthClient, timeoutMs: number): Promise<LoginTrial> {
  let clockAheadMs: number | undefined;
  const effects: Effects = {
    ...realEffects,
    async loadFetch() {
      const fetch = await realEffects.loadFetch();
      const watched = async (...args: Parameters<typeof fetch>) => {
        const sentAtMs = Date.now();
        const response = await fetch(...args);
        const date = Date.parse(response.headers.get('date') ?? '');
        // The header is cut to the second, and was written at some time between.
        if (!Number.isNaN(date)) clockAheadMs = date + 500 - (sentAtMs + Date.now()) / 2;
        return response;
      };
      return Object.assign(watched, fetch);
    },
  };
  const result = await requestToken(client, timeoutMs, effects);
  if (result.kind === 'granted') {
    const { value, lifetimeMs } = result;
    return { token: { value, lifetimeMs }, problem: undefined, retryable: false, clockAheadMs };
  }
  return { token: undefined, problem: result.reason, retryable: result.retryable, clockAheadMs };
}
