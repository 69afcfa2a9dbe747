/** When regions are lost, probed and regained, at times that the tests say. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Choice, createRegionStates, type Outcome, type RegionStates } from './states.js';

const POLICY = { failures: 3, windowMs: 10_000, probeAfterMs: 30_000 };
const NONE: ReadonlySet<number> = new Set();

let states: RegionStates;
beforeEach(() => {
  states = createRegionStates(2, POLICY);
});

function choose(nowMs: number, tried = NONE): Choice {
  const choice = states.choose(nowMs, tried);
  if (choice === undefined) throw new Error('no region');
  return choice;
}

const to = (index: number): Choice => choose(0, new Set([0, 1].filter((other) => other !== index)));

function report(choice: Choice, nowMs: number, ...outcomes: Outcome[]): unknown {
  return outcomes.map((outcome) => states.report(choice, outcome, nowMs)).at(-1);
}

/** Loses a region that is up. */
function lose(index: number, nowMs: number): void {
  expect(report(to(index), nowMs, 'no peer')).toBe('lost');
}

describe('a region that is up', () => {
  it('is lost by failures in a row within the time', () => {
    expect(states.primaryServes).toBe(true);
    expect(report(choose(0), 0, 'failed', 'failed')).toBeUndefined();
    expect(states.primaryServes).toBe(true);
    expect(report(states.primary(), 9_000, 'failed')).toBe('lost');
    expect(states.primaryServes).toBe(false);
    expect(choose(9_001).index).toBe(1);
  });

  it('is not lost by failures with a success between them, such as one broken route makes them', () => {
    for (let i = 0; i < 20; i += 1) expect(report(choose(i), i, 'failed', 'failed', 'succeeded')).toBeUndefined();
    expect(states.primaryServes).toBe(true);
  });

  it('is not lost by failures further apart', () => {
    for (let i = 0; i < 20; i += 1) report(choose(i), i * 6_000, 'failed');
    expect(states.primaryServes).toBe(true);
  });

  it('is lost at once if Kong has no peer for it', () => {
    expect(report(choose(0), 0, 'no peer')).toBe('lost');
  });

  it('is not lost by clients that go away', () => {
    report(choose(0), 0, 'unknown', 'unknown', 'unknown', 'unknown');
    expect(states.primaryServes).toBe(true);
  });
});

describe('a lost region', () => {
  it('is probed by one request at a time once the time has come', () => {
    lose(0, 0);
    expect(choose(29_999)).toMatchObject({ index: 1, isProbe: false });
    expect(choose(30_000)).toMatchObject({ index: 0, isProbe: true });
    expect(choose(30_001)).toMatchObject({ index: 1, isProbe: false });
    expect(choose(59_000)).toMatchObject({ index: 1, isProbe: false });
  });

  it('is back after as many good probes in a row as failures lose it', () => {
    lose(0, 0);
    for (const nowMs of [30_000, 30_010]) {
      expect(report(choose(nowMs), nowMs + 5, 'succeeded')).toBeUndefined();
      expect(states.primaryServes).toBe(false);
    }
    const last = choose(30_020);
    expect(last.isProbe).toBe(true);
    expect(report(last, 30_030, 'succeeded')).toBe('regained');
    expect(choose(30_031)).toMatchObject({ index: 0, isProbe: false });
  });

  it('is left alone again after a bad probe, and the good ones before it do not count', () => {
    lose(0, 0);
    report(choose(30_000), 30_000, 'succeeded');
    report(choose(30_001), 30_002, 'failed');
    expect(choose(60_001).index).toBe(1);
    for (const nowMs of [60_002, 60_003]) report(choose(nowMs), nowMs, 'succeeded');
    expect(states.primaryServes).toBe(false);
    report(choose(60_004), 60_004, 'succeeded');
    expect(states.primaryServes).toBe(true);
  });

  it('is left alone too after a probe whose client went away: it may be the region that is slow', () => {
    lose(0, 0);
    report(choose(30_000), 31_000, 'unknown');
    expect(choose(60_999).index).toBe(1);
    expect(choose(61_000)).toMatchObject({ index: 0, isProbe: true });
  });

  it('is probed again if a probe is never heard of', () => {
    lose(0, 0);
    expect(choose(30_000).isProbe).toBe(true);
    expect(choose(89_999).isProbe).toBe(false);
    expect(choose(90_000).isProbe).toBe(true);
  });

  it('is probed by the next request if a probe was not sent', () => {
    lose(0, 0);
    states.release(choose(30_000), 30_001);
    expect(choose(30_002).isProbe).toBe(true);
  });

  it('learns nothing from what was sent before it was lost, nor from requests that are no probes', () => {
    const before = choose(0);
    lose(0, 0);
    report(before, 1, 'succeeded', 'succeeded', 'succeeded');
    const write = states.primary();
    report(write, 2, 'succeeded', 'succeeded', 'succeeded', 'failed');
    expect(states.primaryServes).toBe(false);
    expect(choose(30_000).isProbe).toBe(true);
  });

  it('that is back is not lost again by what was sent while it was not', () => {
    lose(0, 0);
    const write = states.primary();
    for (const nowMs of [30_000, 30_001, 30_002]) report(choose(nowMs), nowMs, 'succeeded');
    expect(report(write, 30_003, 'failed', 'failed', 'failed', 'no peer')).toBeUndefined();
    expect(states.primaryServes).toBe(true);
  });
});

describe('with no region up', () => {
  it('requests go to the one whose last failure is longest ago, and so find one that works', () => {
    lose(0, 0);
    lose(1, 1_000);
    const primary = choose(2_000);
    expect(primary).toMatchObject({ index: 0, isProbe: false });
    report(primary, 2_100, 'failed');
    const secondary = choose(2_200);
    expect(secondary.index).toBe(1);
    report(secondary, 2_300, 'succeeded');
    expect(choose(2_400).index).toBe(1);
  });

  it('each is probed in its turn', () => {
    lose(0, 0);
    lose(1, 1_000);
    expect(choose(31_000)).toMatchObject({ index: 0, isProbe: true });
    expect(choose(31_000)).toMatchObject({ index: 1, isProbe: true });
    expect(choose(31_000)).toMatchObject({ index: 0, isProbe: false });
  });

  it('a request that tried all is told so', () => {
    expect(states.choose(0, new Set([0, 1]))).toBeUndefined();
  });
});

describe('a forced region', () => {
  it('serves whatever its state, and the rules hold again afterwards', () => {
    states.force(1);
    expect(states.primaryServes).toBe(false);
    lose(1, 0);
    expect(choose(1)).toMatchObject({ index: 1, isProbe: false });
    expect(states.hasAnother(choose(1), NONE)).toBe(false);
    expect(states.choose(1, new Set([1]))).toBeUndefined();
    states.force(undefined);
    expect(states.primaryServes).toBe(true);
  });
});

it('tells whether another region would serve', () => {
  expect(states.hasAnother(choose(0), NONE)).toBe(true);
  expect(states.hasAnother(choose(0), new Set([1]))).toBe(false);
  lose(1, 0);
  expect(states.hasAnother(choose(0), NONE)).toBe(false);
});

it('describes what an operator may know', () => {
  states.sent(choose(0));
  lose(0, 1_000);
  expect(states.describe(11_000)).toEqual([
    { isUp: false, failuresInARow: 1, served: 1, lost: { agoMs: 10_000, probeInMs: 20_000, goodProbes: 0 } },
    { isUp: true, failuresInARow: 0, served: 0, lost: undefined },
  ]);
});
