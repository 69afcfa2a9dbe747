/** The verdict on a request that the request guard refuses. */
import { log } from './effects.js';
import type { Verdict } from './step.js';

/**
 * Answers 400. The answer says why, and the log only at debug: Kong writes the request line next to what a plugin logs, and
 * anyone can cause as many of these as they like.
 * @param reason of `refusalOf` (plugins/shared/http/request-guard.ts)
 */
export function refused(reason: string): Verdict {
  return {
    effects: [log('debug', `a request is refused: ${reason}`)],
    answer: { code: 'gateway.request.refused', message: `The gateway refuses this request: ${reason}`, status: 400 },
  };
}
