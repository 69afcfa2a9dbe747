/** Runs the steps of one phase for one event. Only this file carries out effects, answers, and decides the order. */
import { answerError } from '../shared/http/answer.js';
import type { Kong } from '../shared/pdk.js';
import { apply } from './effects.js';
import type { ErrorAnswer, PlainAnswer, Step, Verdict } from './step.js';

/**
 * Lets all steps read in the same tick, then lets them decide in order, until one answers.
 * @throws PdkError if Kong has gone, or what a step throws (kong/plugin-server/failure.ts handles it)
 */
export async function runPhase(steps: readonly Step[], kong: Kong): Promise<void> {
  const decisions = steps.map((begin) => begin(kong));
  for (const decide of decisions) {
    for (let verdict: Verdict | undefined = await decide(); verdict !== undefined; verdict = await verdict.next?.()) {
      for (const effect of verdict.effects) apply(kong, effect);
      if (verdict.answer !== undefined) return send(kong, verdict.answer);
    }
  }
}

async function send(kong: Kong, answer: ErrorAnswer | PlainAnswer): Promise<void> {
  if ('code' in answer) return answerError(kong, answer.code, answer.message, answer);
  await kong.response.exit(answer.status, answer.body, answer.headers);
}
