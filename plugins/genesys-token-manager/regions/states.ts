/**
 * Which region serves, when another one takes over, and when the first one serves again. A state machine without clock
 * or timers: callers pass the time, ask where to send a request, and report how it went.
 */

/** When a region counts as lost, and when it is tried again. */
export interface FailoverPolicy {
  /** This many failures in a row lose a region, and this many good probes in a row bring it back ... */
  failures: number;
  /** ... if all failures are within this time. */
  windowMs: number;
  /** How long a lost region gets no request before a probe, and again after each failed probe. */
  probeAfterMs: number;
}

/** Where a request goes. Reports about the request pass it back. */
export interface Choice {
  /** The region's place in the configuration; 0 is the primary. */
  index: number;
  /** Counts the region's losses and recoveries. A request from before one says nothing about the time after it. */
  epoch: number;
  /** Whether the region is lost, and this request tries whether it works again. */
  isProbe: boolean;
}

/** `no peer`: Kong has no target that can answer, so one report is enough. `unknown`: says nothing of the region. */
export type Outcome = 'succeeded' | 'failed' | 'no peer' | 'unknown';

/** What a report has changed, to log one line for it. */
export type Transition = 'lost' | 'regained';

/** What operators see of a region. Times are milliseconds from now. */
export interface RegionState {
  isUp: boolean;
  failuresInARow: number;
  /** Undefined unless the region is lost. */
  lost: { agoMs: number; probeInMs: number; goodProbes: number } | undefined;
  /** The number of requests sent to the region. */
  served: number;
}

export interface RegionStates {
  /** Whether every request goes to the primary, whatever its method. */
  readonly primaryServes: boolean;
  /** Chooses the primary, for a request that may go nowhere else. */
  primary(): Choice;
  /**
   * Chooses for a request that may go anywhere: the first region that is up, or an earlier one that is due for a probe.
   * If none is up, the one whose last failure is the oldest, so that requests find a region that works by themselves.
   * @param tried regions that this request could not use; undefined is returned if no other is left
   */
  choose(nowMs: number, tried: ReadonlySet<number>): Choice | undefined;
  /** Returns whether another region is up that was not tried. */
  hasAnother(choice: Choice, tried: ReadonlySet<number>): boolean;
  report(choice: Choice, outcome: Outcome, nowMs: number): Transition | undefined;
  /** Reports that a probe was not sent. The next request may be the probe. */
  release(choice: Choice, nowMs: number): void;
  /** Counts a request that was sent. */
  sent(choice: Choice): void;
  /** Forces one region, whatever its state; undefined ends that. */
  force(index: number | undefined): void;
  readonly forced: number | undefined;
  describe(nowMs: number): RegionState[];
}

/** How long a probe that is never reported delays the next one. Kong drops log events under overload. */
const LOST_PROBE_MS = 60_000;

interface Region {
  epoch: number;
  failuresInARow: number;
  firstFailureMs: number;
  lastFailureMs: number;
  served: number;
  lost: { sinceMs: number; probeAtMs: number; goodProbes: number } | undefined;
}

/** Makes the states of some regions, all of them up. */
export function createRegionStates(count: number, { failures, windowMs, probeAfterMs }: FailoverPolicy): RegionStates {
  const regions = Array.from(
    { length: count },
    (): Region => ({
      epoch: 0,
      failuresInARow: 0,
      firstFailureMs: 0,
      lastFailureMs: Number.NEGATIVE_INFINITY,
      served: 0,
      lost: undefined,
    }),
  );
  const probeLeaseMs = Math.max(probeAfterMs, LOST_PROBE_MS);
  let forced: number | undefined;

  const at = (index: number): Region => {
    const region = regions[index];
    if (region === undefined) throw new Error(`there is no region ${index}`);
    return region;
  };
  const choiceOf = (index: number, isProbe = false): Choice => ({ index, epoch: at(index).epoch, isProbe });

  function choose(nowMs: number, tried: ReadonlySet<number>): Choice | undefined {
    if (forced !== undefined) return tried.has(forced) ? undefined : choiceOf(forced);
    let leastRecent: number | undefined;
    for (const [index, region] of regions.entries()) {
      if (tried.has(index)) continue;
      if (region.lost === undefined) return choiceOf(index);
      if (nowMs >= region.lost.probeAtMs) {
        region.lost.probeAtMs = nowMs + probeLeaseMs;
        return choiceOf(index, true);
      }
      if (leastRecent === undefined || region.lastFailureMs < at(leastRecent).lastFailureMs) leastRecent = index;
    }
    return leastRecent === undefined ? undefined : choiceOf(leastRecent);
  }

  function reportLost(
    region: Region,
    lost: NonNullable<Region['lost']>,
    outcome: Outcome,
    nowMs: number,
  ): Transition | undefined {
    if (outcome !== 'succeeded') {
      // Also if the client did not wait: a slow region may be the reason.
      lost.probeAtMs = nowMs + probeAfterMs;
      if (outcome !== 'unknown') lost.goodProbes = 0;
      return undefined;
    }
    lost.goodProbes += 1;
    lost.probeAtMs = nowMs;
    if (lost.goodProbes < failures) return undefined;
    Object.assign(region, { epoch: region.epoch + 1, failuresInARow: 0, lost: undefined });
    return 'regained';
  }

  function reportUp(region: Region, outcome: Outcome, nowMs: number): Transition | undefined {
    if (outcome === 'unknown') return undefined;
    if (outcome === 'succeeded') {
      region.failuresInARow = 0;
      return undefined;
    }
    if (region.failuresInARow === 0 || nowMs - region.firstFailureMs > windowMs) {
      region.failuresInARow = 0;
      region.firstFailureMs = nowMs;
    }
    region.failuresInARow += 1;
    if (outcome !== 'no peer' && region.failuresInARow < failures) return undefined;
    region.epoch += 1;
    region.lost = { sinceMs: nowMs, probeAtMs: nowMs + probeAfterMs, goodProbes: 0 };
    return 'lost';
  }

  return {
    get primaryServes() {
      return forced === undefined ? at(0).lost === undefined : forced === 0;
    },
    primary: () => choiceOf(0),
    choose,
    hasAnother: ({ index }, tried) =>
      forced === undefined &&
      regions.some((region, other) => other !== index && !tried.has(other) && region.lost === undefined),
    report({ index, epoch, isProbe }, outcome, nowMs) {
      const region = at(index);
      if (epoch !== region.epoch) return undefined;
      if (outcome === 'failed' || outcome === 'no peer') region.lastFailureMs = nowMs;
      if (region.lost === undefined) return reportUp(region, outcome, nowMs);
      // Writes still go to a lost primary. They may hit one broken route, so they do not decide for the others.
      return isProbe ? reportLost(region, region.lost, outcome, nowMs) : undefined;
    },
    release({ index, epoch }, nowMs) {
      const region = at(index);
      if (region.lost !== undefined && epoch === region.epoch) region.lost.probeAtMs = nowMs;
    },
    sent({ index }) {
      at(index).served += 1;
    },
    force(index) {
      forced = index;
    },
    get forced() {
      return forced;
    },
    describe: (nowMs) =>
      regions.map(({ lost, failuresInARow, served }) => ({
        isUp: lost === undefined,
        failuresInARow,
        lost: lost && {
          agoMs: nowMs - lost.sinceMs,
          probeInMs: Math.max(0, lost.probeAtMs - nowMs),
          goodProbes: lost.goodProbes,
        },
        served,
      })),
  };
}
