/**
 * The access phase. Kong does not buffer a request that asks for another protocol: no response handler would run, and the
 * service's body would leave as it is. So such a request does not go to the service.
 */
import { gatewayError } from '../shared/gateway-error.js';
import type { Kong } from '../shared/pdk.js';
import type { Totals } from './metrics.js';

/** Runs the access phase. Rejects only if Kong does. */
export async function handleAccess(kong: Kong, totals: Totals): Promise<void> {
  // Not the client's header: of those, this variable is Kong's own decision (measured), so that the two cannot differ.
  if ((await kong.nginx.getVar('upstream_upgrade')) === '') return;
  totals.count('refused', 0, 0);
  const contextId = await kong.nginx.getVar('kong_request_id');
  const { status, body, headers } = gatewayError(
    'gateway.response.blocked',
    'The gateway filters the responses of this service, which it cannot do after a change of protocol. Leave out the Upgrade header.',
    { contextId, status: 400 },
  );
  await kong.response.exit(status, body, headers);
}
