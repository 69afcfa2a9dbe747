/**
 * The access phase. Kong does not buffer a request that asks for another protocol: no response handler would run, and the
 * service's body would leave as it is. So such a request does not go to the service.
 */
import { answerError } from '../shared/http/answer.js';
import { readGuarded, refusalOf, refuseRequest } from '../shared/http/request-guard.js';
import type { Kong } from '../shared/pdk.js';
import type { Totals } from './metrics.js';

/** Runs the access phase. Rejects only if Kong does. */
export async function handleAccess(kong: Kong, totals: Totals): Promise<void> {
  const [connection, upstreamUri, upgrade] = await Promise.all([
    ...readGuarded(kong),
    // Not the client's header: of those, this variable is Kong's own decision (measured), so that the two cannot differ.
    kong.nginx.getVar('upstream_upgrade'),
  ]);
  const refusal = refusalOf({ connection, upstreamUri });
  if (refusal === undefined && upgrade === '') return;
  totals.count('refused', 0, 0);
  if (refusal !== undefined) return refuseRequest(kong, refusal);
  await answerError(
    kong,
    'gateway.response.blocked',
    'The gateway filters the responses of this service, which it cannot do after a change of protocol. Leave out the Upgrade header.',
    { status: 400 },
  );
}
