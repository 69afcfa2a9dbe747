/** The verdict on a request that the request guard refuses. */
import { log } from './effects.js';
import type { Verdict } from './step.js';

/** Answers 400 and logs why at notice. @param reason of `refusalOf` (plugins/shared/http/request-guard.ts) */
export function refused(reason: string): Verdict {
  return {
    effects: [log('notice', `a request is refused: ${reason}`)],
    answer: { code: 'gateway.request.refused', message: `The gateway refuses this request: ${reason}`, status: 400 },
  };
}
