/**
 * The response phase: leaves a mark that it ran. Its being there makes Kong buffer the answer, and the mark tells the log
 * phase that there is an answer of the service to be read: without it Kong aborts the log handler, and one that is aborted
 * leaks one request's data into another.
 */
import { share } from '../runtime/effects.js';
import type { Step } from '../runtime/step.js';

/** Under this key of `ctx.shared` is `true` if the answer was buffered. */
export const RESPONSE_MARKER = 'genesys_pii_log_response';

const VERDICT = { effects: [share(RESPONSE_MARKER, true)] };

/** The step, the same for all configurations. */
export const responseStep: Step = () => () => VERDICT;
