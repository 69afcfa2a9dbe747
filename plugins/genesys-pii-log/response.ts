/**
 * The response phase. Because it exists, Kong buffers the answer. It also marks that it ran, so the log phase knows
 * that there is an answer of the service to read. If there is none, reading it makes Kong abort the log handler, and an
 * aborted handler leaks one request's data into another.
 */
import { share } from '../runtime/effects.js';
import type { Step } from '../runtime/step.js';
import { RESPONSE_MARKER } from '../shared/response-marker.js';

export { RESPONSE_MARKER };

const VERDICT = { effects: [share(RESPONSE_MARKER, true)] };

/** Sets the mark. It is the same step for all configurations. */
export const responseStep: Step = () => () => VERDICT;
