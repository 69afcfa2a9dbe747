/** The verdict on a request that the request guard refuses. */
import { log } from './effects.js';
import type { Verdict } from './step.js';

/**
 * Answers 400 with the reason. Logs it only at debug: Kong writes the request line next to a plugin's log line, and
 * anyone can send any number of such requests.
 * @param reason from `refusalOf` (plugins/shared/http/request-guard.ts)
 */
export function refused(reason: string): Verdict {
  return {
    effects: [log('debug', `a request is refused: ${reason}`)],
    answer: { code: 'gateway.request.refused', message: `The gateway refuses this request: ${reason}`, status: 400 },
  };
}
