/**
 * The access phase: a request gets the token, or an answer that says when to come back. With a token in memory it costs
 * one call of Kong's PDK, which leaves in the same write as the end of the event, and nothing is read.
 */
import { gatewayError } from '../shared/gateway-error.js';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import type { FetchPolicy, OauthClient } from './config.js';
import type { NoToken, TokenBroker } from './token-broker.js';

/** What the access phase of one configuration needs. */
export interface Access {
  client: OauthClient;
  policy: FetchPolicy;
  /** Headers for the service, with the token in. */
  headersWith: (token: string) => HeaderValues;
  broker: TokenBroker;
}

/** Runs the access phase. Rejects only if Kong does. */
export async function handleAccess(kong: Kong, access: Access): Promise<void> {
  const answer = access.broker.get(access.client, access.policy);
  const outcome = answer instanceof Promise ? await answer : answer;
  if (outcome.kind === 'none') return refuse(kong, access.client, outcome);
  const calls = [kong.service.request.setHeaders(access.headersWith(outcome.value))];
  if (outcome.warning !== undefined) {
    calls.push(kong.log.warn(`the token of ${clientName(access.client)} was not renewed: ${outcome.warning}`));
  }
  await Promise.all(calls);
}

/** The client learns that the gateway cannot serve it now and when to try again; the cause is for the log only. */
async function refuse(kong: Kong, client: OauthClient, none: NoToken): Promise<void> {
  const seconds = Math.max(1, Math.ceil(none.retryAfterMs / 1000));
  const [contextId] = await Promise.all([
    kong.nginx.getVar('kong_request_id'),
    kong.log.err(`no token for ${clientName(client)}: ${none.reason}; not asking again for ${seconds} s`),
  ]);
  const { status, body, headers } = gatewayError(
    'gateway.token.unavailable',
    `The gateway has no access token for the service at the moment. Retry the request in [${seconds}] seconds`,
    { contextId, retryAfterSeconds: seconds },
  );
  await kong.response.exit(status, body, headers);
}

/** For log lines; quoted, since an id is whatever the configuration says. */
function clientName(client: OauthClient): string {
  return `OAuth client ${JSON.stringify(client.clientId.slice(0, 100))} at ${client.tokenHost}`;
}
