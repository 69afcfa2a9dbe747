/** For tests: one OAuth client's part of a configuration. */

import { type Credential, readConfig } from '../../plugins/genesys-token-manager/config.js';
import type { FetchPolicy, OauthClient } from '../../plugins/genesys-token-manager/login/client.js';
import { BARE_HOST } from '../../plugins/shared/host.js';

/** The credential of a configuration of kind oauth2. */
export function readOauth(raw: Record<string, unknown>, host = BARE_HOST): Extract<Credential, { kind: 'oauth2' }> {
  const { credential } = readConfig(raw, host);
  if (credential.kind !== 'oauth2') throw new Error('not oauth2');
  return credential;
}

/** Its first OAuth client, and how that one's tokens are fetched. */
export function readClient(
  raw: Record<string, unknown>,
  host = BARE_HOST,
): { client: OauthClient; policy: FetchPolicy } {
  const { sources, policy } = readOauth(raw, host);
  const client = sources[0]?.current();
  if (client === undefined) throw new Error('no client');
  return { client, policy };
}
