/** Runs the steps of a strategy, one after the other, so that any of them may be the last of this process. */
import type { Audit } from './audit.js';
import { asFailure, messageOf, RotationFailure } from './failure.js';
import type { Report } from './report.js';
import { isUnfinished, type RotationState } from './state.js';
import { type Context, LostSecretError, type Step, type StepName, type Strategy } from './strategy.js';

export type Outcome = 'done' | 'refused' | 'rolled-back' | 'stuck' | 'both-alive';

export interface Engine {
  strategy: Strategy;
  audit: Audit;
  report: Report;
  /** Asks whether to go on with a step; without, all are run. */
  confirm?: (step: StepName) => Promise<boolean>;
}

/** How often a secret that the store cannot give back is made anew. */
const MAX_REMAKES = 3;

/** Runs what is left of a rotation. Never rejects for what the rotation meets; the outcome says how it ended. */
export async function run(context: Context, engine: Engine): Promise<Outcome> {
  const { state } = context;
  if (state.phase === 'rolling-back') return rollBack(context, engine);
  let remakes = 0;
  for (let step = nextStep(engine.strategy, state); step !== undefined; step = nextStep(engine.strategy, state)) {
    if (engine.confirm !== undefined && !(await engine.confirm(step.name))) {
      throw new Error(`stopped before ${step.name}: run the same command again to go on, or with --abort to go back`);
    }
    try {
      await runStep(context, engine, step);
    } catch (error) {
      if (error instanceof LostSecretError && !state.data.publishing && remakes < MAX_REMAKES) {
        remakes += 1;
        engine.report.note('the store cannot give the new secret back: it is made anew');
        state.done = state.done.filter((name) => name === 'inventory' || name === 'check');
        context.save();
        continue;
      }
      return fail(context, engine, step, error);
    }
  }
  delete state.failure;
  // Before the state: a process that ends here says so twice rather than never.
  await write(engine, state, 'finish', 'completed', figures(context));
  state.phase = 'done';
  context.save();
  return 'done';
}

/** Goes back from wherever a rotation stands, as an operator wishes. */
export async function abort(context: Context, engine: Engine): Promise<Outcome> {
  const { state } = context;
  if (!engine.strategy.canRollBack(state)) {
    throw new Error('this rotation is past the point of going back: run it again without --abort');
  }
  state.failure = { failure: 'ROLLBACK_TRIGGERED', step: 'abort', message: 'aborted', hint: '' };
  return rollBack(context, engine);
}

function nextStep({ steps }: Strategy, { done }: RotationState): Step | undefined {
  return steps.find(({ name }) => !done.includes(name));
}

async function runStep(context: Context, engine: Engine, step: Step): Promise<void> {
  const { state, effects } = context;
  const { steps } = engine.strategy;
  engine.report.started(step.name, steps.indexOf(step) + 1, steps.length);
  await write(engine, state, step.name, 'started');
  const startedAtMs = effects.nowMs();
  const detail = await step.run(context);
  const ms = effects.nowMs() - startedAtMs;
  state.done.push(step.name);
  state.timings[step.name] = (state.timings[step.name] ?? 0) + ms;
  context.save();
  await write(engine, state, step.name, 'done', { detail, ms });
  engine.report.finished(step.name, ms, detail);
}

async function fail(context: Context, engine: Engine, step: Step, error: unknown): Promise<Outcome> {
  const { state } = context;
  const { failure, message, hint } = asFailure(error, step.failure, step.hint);
  state.failure = { failure, step: step.name, message, hint };
  engine.report.failed(step.name, failure, message, hint);
  await write(engine, state, step.name, 'failed', { failure, message });
  if (!state.done.includes('check')) {
    state.phase = 'rolled-back';
    context.save();
    return 'refused';
  }
  if (engine.strategy.canRollBack(state)) return rollBack(context, engine);
  context.save();
  try {
    const result = await engine.strategy.keepBothAlive(context);
    engine.report.alarm(`NOT FINISHED, NOT ROLLED BACK: ${result}`, hint);
    await write(engine, state, step.name, 'both-alive', { result });
  } catch (worse) {
    engine.report.alarm(`NOT FINISHED, AND THE OLD CREDENTIAL MAY BE DEAD: ${messageOf(worse)}`, hint);
    await write(engine, state, step.name, 'unknown', { message: messageOf(worse) });
  }
  return 'both-alive';
}

async function rollBack(context: Context, engine: Engine): Promise<Outcome> {
  const { state } = context;
  const cause = state.failure?.message ?? 'unknown';
  state.phase = 'rolling-back';
  context.save();
  engine.report.failed('rollback', 'ROLLBACK_TRIGGERED', `going back because: ${cause}`, state.failure?.hint ?? '');
  await write(engine, state, 'rollback', 'started', { failure: 'ROLLBACK_TRIGGERED', cause });
  try {
    await engine.strategy.rollBack(context);
  } catch (error) {
    const { message, hint } = asFailure(
      error,
      'ROLLBACK_TRIGGERED',
      'run the same command again: it goes on with going back',
    );
    engine.report.alarm(`NOT ROLLED BACK COMPLETELY, old and new are both alive: ${message}`, hint);
    await write(engine, state, 'rollback', 'failed', { message });
    return 'stuck';
  }
  state.phase = 'rolled-back';
  context.save();
  await write(engine, state, 'rollback', 'done');
  engine.report.note('everything is as it was before');
  return 'rolled-back';
}

/** Writes to the trail, and tells the webhook: a failure there stops nothing. */
async function write(
  { audit, report }: Engine,
  state: RotationState,
  step: string,
  event: string,
  details?: Record<string, unknown>,
): Promise<void> {
  const { id: rotation, strategy, target } = state;
  audit.append({ rotation, strategy, target, step, event, ...(details === undefined ? {} : { details }) });
  const problem = await audit.deliver();
  if (problem !== undefined) report.note(problem);
}

/** What is told at the end. */
export function figures({ state, http, effects }: Context): Record<string, unknown> {
  const sorted = [...http.figures.latencies].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const { regeneratedAtMs, publishedAtMs } = state.data;
  return {
    total_ms: effects.nowMs() - state.startedAtMs,
    steps_ms: state.timings,
    calls: sorted.length,
    retries: http.figures.retries,
    latency_ms: { p50: at(0.5), p95: at(0.95), max: sorted.at(-1) ?? 0 },
    ...(state.data.adoptionMs === undefined ? {} : { adoption_ms: state.data.adoptionMs }),
    ...(regeneratedAtMs === undefined || publishedAtMs === undefined
      ? {}
      : { regenerate_to_publish_ms: publishedAtMs - regeneratedAtMs }),
  };
}

/** Why a rotation that was found cannot be gone on with by this command; undefined if it can. */
export function mismatch(
  found: RotationState | undefined,
  wanted: { strategy: string; target: string; settings: string },
): RotationFailure | undefined {
  if (!isUnfinished(found)) return undefined;
  const named = found.target === wanted.target || found.data.oldName === wanted.target;
  if (found.strategy !== wanted.strategy || !named) {
    return new RotationFailure(
      'DEPENDENCY_CHECK_FAILED',
      `a rotation (${found.strategy} of ${found.target}) is not finished`,
      'finish it by its own command, or go back with that and --abort; or choose another --state-dir',
    );
  }
  if (found.settings === wanted.settings) return undefined;
  return new RotationFailure(
    'DEPENDENCY_CHECK_FAILED',
    'the rotation that is not finished was started with another store, region or file',
    'give the same --store, --entry, --region, --api-url and --file as at its start',
  );
}
