/**
 * The access phase. It refuses requests that ask for another protocol. Kong does not buffer their answers, so the
 * response handler would not run, and the service's body would go out unfiltered.
 */
import { refused } from '../runtime/refused.js';
import { GO_ON, type Step, step } from '../runtime/step.js';
import { readGuarded, refusalOf } from '../shared/http/request-guard.js';
import type { Totals } from './metrics.js';

const NO_UPGRADE =
  'The gateway filters the responses of this service, which it cannot do after a change of protocol. Leave out the Upgrade header.';

/** Makes the step of the access phase. */
export function accessStep(totals: Totals): Step {
  return step(
    // Not the client's header: Kong decides by upstream_upgrade (measured), so the plugin can never decide otherwise.
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
