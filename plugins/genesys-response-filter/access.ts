/**
 * The access phase. Kong does not buffer a request that asks for another protocol: no response handler would run, and the
 * service's body would leave as it is. So such a request does not go to the service.
 */
import { refused } from '../runtime/refused.js';
import { GO_ON, type Step, step } from '../runtime/step.js';
import { readGuarded, refusalOf } from '../shared/http/request-guard.js';
import type { Totals } from './metrics.js';

const NO_UPGRADE =
  'The gateway filters the responses of this service, which it cannot do after a change of protocol. Leave out the Upgrade header.';

/** Makes the step. */
export function accessStep(totals: Totals): Step {
  return step(
    // Not the client's header: of those, upstream_upgrade is Kong's own decision (measured), so that the two cannot differ.
    (event) => Promise.all([...readGuarded(event), event.nginx.getVar('upstream_upgrade')]),
    ([connection, upstreamUri, upgrade]) => {
      const refusal = refusalOf({ connection, upstreamUri });
      if (refusal === undefined && upgrade === '') return GO_ON;
      totals.count('refused', 0, 0);
      if (refusal !== undefined) return refused(refusal);
      return { effects: [], answer: { code: 'gateway.response.blocked', message: NO_UPGRADE, status: 400 } };
    },
  );
}
