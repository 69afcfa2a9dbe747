/** How a rotation ends, with a strategy of two steps in the place of a real one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { abort, type Engine, figures, mismatch, run } from './engine.js';
import { RotationFailure } from './failure.js';
import type { GenesysApi } from './genesys-api.js';
import { createHttp } from './http.js';
import { createReport } from './report.js';
import type { RotationState } from './state.js';
import type { SecretStore } from './store.js';
import type { Context, Settings, Step, StepName, Strategy } from './strategy.js';
import { LostSecretError } from './strategy.js';
import { testEffects } from './testing.js';

let trail: string[];
let lines: string[];
beforeEach(() => {
  trail = [];
  lines = [];
});
afterEach(() => {
  // Whatever happened, it was told in order.
  expect(trail.every((entry) => /^[\w-]+ [\w-]+$/.test(entry))).toBe(true);
});

const step = (name: StepName, act: () => void = () => {}): Step => ({
  name,
  failure: 'KEY_CREATION_FAILED',
  hint: 'the hint of the step',
  plan: () => name,
  async run() {
    act();
    return `${name} is done`;
  },
});

function rotation(
  steps: Step[],
  changes: Partial<Strategy> = {},
): { context: Context; engine: Engine; state: RotationState } {
  const effects = testEffects(() => ({ status: 200 }));
  const state: RotationState = {
    version: 1,
    id: 'r1',
    strategy: 'new-client',
    target: 't',
    settings: 's',
    phase: 'running',
    startedAtMs: effects.nowMs(),
    done: [],
    timings: {},
    data: {},
  };
  const strategy: Strategy = {
    steps,
    canRollBack: ({ done }) => !done.includes('adopt'),
    rollBack: async () => void trail.push('rolled back'),
    keepBothAlive: async () => 'both work',
    ...changes,
  };
  const output = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
  const context: Context = {
    settings: {} as Settings,
    state,
    save: () => {},
    effects,
    http: createHttp(effects),
    api: {} as GenesysApi,
    store: {} as SecretStore,
    say: () => {},
    values: undefined,
  };
  const audit = {
    path: '',
    append: ({ step: name, event }: { step: string; event: string }) => void trail.push(`${name} ${event}`),
    deliver: async () => undefined,
  };
  return { context, state, engine: { strategy, audit, report: createReport(false, output, (line) => line) } };
}

const failing = (): never => {
  throw new Error('Genesys answered 500');
};

describe('a rotation', () => {
  it('does each step once, in order, and those that are done not again', async () => {
    const { context, engine, state } = rotation([step('inventory'), step('check'), step('create')]);
    state.done = ['inventory'];
    expect(await run(context, engine)).toBe('done');
    expect(trail).toEqual(['check started', 'check done', 'create started', 'create done', 'finish completed']);
    expect(state).toMatchObject({ phase: 'done', done: ['inventory', 'check', 'create'] });
  });

  it('is refused, with nothing to put back, before the checks are over', async () => {
    const { context, engine, state } = rotation([step('inventory'), step('check', failing)]);
    expect(await run(context, engine)).toBe('refused');
    expect(trail).not.toContain('rolled back');
    expect(state).toMatchObject({ phase: 'rolled-back', failure: { failure: 'KEY_CREATION_FAILED', step: 'check' } });
    expect(lines).toContain('KEY_CREATION_FAILED in check: Genesys answered 500');
    expect(lines).toContain('  hint: the hint of the step');
  });

  it('goes back after that, and keeps the name and hint that a failure brings', async () => {
    const own = new RotationFailure('QUOTA_EXCEEDED', 'ten keys', 'delete one');
    const fail = (): never => {
      throw own;
    };
    const { context, engine, state } = rotation([step('check'), step('create', fail)]);
    expect(await run(context, engine)).toBe('rolled-back');
    expect(trail.slice(-4)).toEqual(['create failed', 'rollback started', 'rolled back', 'rollback done']);
    expect(state.failure).toMatchObject({ failure: 'QUOTA_EXCEEDED', hint: 'delete one' });
    expect(lines).toContain('ROLLBACK_TRIGGERED in rollback: going back because: ten keys');
  });

  it('goes on with going back when that was interrupted', async () => {
    const { context, engine, state } = rotation([step('check')], { rollBack: failing });
    state.done = ['check'];
    expect(await abort(context, engine)).toBe('stuck');
    expect(state.phase).toBe('rolling-back');
    expect(lines.join('\n')).toContain('!!! NOT ROLLED BACK COMPLETELY, old and new are both alive');
    engine.strategy = { ...engine.strategy, rollBack: async () => {} };
    expect(await run(context, engine)).toBe('rolled-back');
  });

  it('leaves both alive after adoption, loudly, and cannot be aborted then', async () => {
    const { context, engine, state } = rotation([step('check'), step('adopt'), step('delete', failing)]);
    expect(await run(context, engine)).toBe('both-alive');
    expect(state.phase).toBe('running');
    expect(lines.join('\n')).toContain('!!! NOT FINISHED, NOT ROLLED BACK: both work');
    await expect(abort(context, engine)).rejects.toThrow(/past the point of going back/);
  });

  it('makes a secret anew that the store cannot give back, a few times', async () => {
    let lost = 2;
    const verify = step('verify', () => {
      lost -= 1;
      if (lost >= 0) throw new LostSecretError('lost');
    });
    const { context, engine } = rotation([step('inventory'), step('check'), step('create'), verify]);
    expect(await run(context, engine)).toBe('done');
    expect(trail.filter((entry) => entry === 'create done')).toHaveLength(3);
    lost = 100;
    const again = rotation([step('check'), step('create'), verify]);
    expect(await run(again.context, again.engine)).toBe('rolled-back');
  });

  it('asks before each step, if so wished, and stops where it is told no', async () => {
    const { context, engine, state } = rotation([step('check'), step('create')]);
    engine.confirm = async (name) => name === 'check';
    await expect(run(context, engine)).rejects.toThrow(/^stopped before create: run the same command again/);
    expect(state.done).toEqual(['check']);
  });
});

it('one that is not finished is gone on with by its own command only', () => {
  const { state } = rotation([]);
  state.data.oldName = 'Gateway';
  const wanted = { strategy: 'new-client', target: 't', settings: 's' };
  expect(mismatch(undefined, wanted)).toBeUndefined();
  expect(mismatch(state, wanted)).toBeUndefined();
  expect(mismatch(state, { ...wanted, target: 'Gateway' })).toBeUndefined();
  expect(mismatch(state, { ...wanted, target: 'u' })?.message).toMatch(/is not finished/);
  expect(mismatch(state, { ...wanted, strategy: 'consumer' })?.message).toMatch(/is not finished/);
  expect(mismatch(state, { ...wanted, settings: 'x' })?.message).toMatch(/another store, region or file/);
  expect(mismatch({ ...state, phase: 'done' }, { ...wanted, target: 'u' })).toBeUndefined();
});

it('the figures hold latencies, retries and adoption', async () => {
  const { context } = rotation([]);
  for (let i = 0; i < 3; i += 1) await context.http.call({ method: 'GET', url: 'https://x.example/' });
  Object.assign(context.state.data, { adoptionMs: { node: 900 }, regeneratedAtMs: 100, publishedAtMs: 350 });
  expect(figures(context)).toMatchObject({
    calls: 3,
    retries: 0,
    latency_ms: { p50: 10, p95: 10, max: 10 },
    adoption_ms: { node: 900 },
    regenerate_to_publish_ms: 250,
  });
});
