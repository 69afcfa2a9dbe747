/** Answers in place of the service. Each marks its request as one without a token, for other plugins. Pure. */
import { type Effect, share } from '../runtime/effects.js';
import type { ErrorAnswer, Verdict } from '../runtime/step.js';
import { REFUSED_MARK, TOKEN_MARK } from '../shared/token-mark.js';

/** Marks a request as one without a token. */
export function withoutToken({ effects, answer }: Verdict): Verdict {
  return { effects: [...effects, share(TOKEN_MARK, REFUSED_MARK)], ...(answer && { answer }) };
}

/** Answers in place of the service. */
export function answered(answer: ErrorAnswer, effects: readonly Effect[] = []): Verdict {
  return withoutToken({ effects, answer });
}
