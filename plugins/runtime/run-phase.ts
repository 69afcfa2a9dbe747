/** Runs the steps of one phase for one event. Only this file carries out effects, answers, and decides the order. */
import { answerError } from '../shared/http/answer.js';
import type { Kong } from '../shared/pdk.js';
import type { Timeline } from '../shared/timeline.js';
import { askedOnce } from './asked-once.js';
import { apply } from './effects.js';
import type { ErrorAnswer, PlainAnswer, Reader, Step, Verdict } from './step.js';

/**
 * Lets all steps read in the same tick, then lets them decide in order, until one answers.
 * @throws PdkError if Kong has gone, or what a step throws (kong/plugin-server/failure.ts handles it)
 */
export function runPhase(steps: readonly Step[], kong: Kong, timeline?: Timeline): Promise<void> {
  return run(steps, steps.length > 1 ? askedOnce(kong) : kong, kong, timeline);
}

/**
 * Runs the steps of the log phase. Nothing can be answered there, so a step neither waits for another nor fails with it,
 * as if each were a plugin of its own.
 * @throws the error of a step; if several fail, one error with all their messages
 */
export function runLogPhase(steps: readonly Step[], kong: Kong, timeline?: Timeline): Promise<void> {
  return steps.length > 1 ? runApart(steps, kong, timeline) : runPhase(steps, kong, timeline);
}

async function runApart(steps: readonly Step[], kong: Kong, timeline?: Timeline): Promise<void> {
  const reader = askedOnce(kong);
  const ended = await Promise.allSettled(steps.map((step) => run([step], reader, kong, timeline)));
  const [error, ...others] = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  if (error === undefined) return;
  throw others.length === 0 ? error : new Error([error, ...others].map(({ message }) => message).join('; '));
}

async function run(steps: readonly Step[], reader: Reader, kong: Kong, timeline?: Timeline): Promise<void> {
  const decisions = steps.map((begin) => begin(reader, timeline));
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
