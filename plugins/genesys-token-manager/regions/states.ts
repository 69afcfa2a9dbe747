/**
 * Which region serves, when another one takes over, and when the first one gets its requests back. A state machine
 * without clock or timer: callers pass the time in, ask where to send, and report how it went.
 */

/** When a region counts as lost, and when it is tried again. */
export interface FailoverPolicy {
  /** So many failures in a row lose a region, and so many good probes in a row bring it back ... */
  failures: number;
  /** ... if the failures all lie within this time. */
  windowMs: number;
  /** How long a lost region is left alone before a request tries it, and after each try that failed. */
  probeAfterMs: number;
}

/** Where one request goes. What is reported of it names this again. */
export interface Choice {
  /** Of the region, in the order of the configuration: 0 is the primary. */
  index: number;
  /** Counts the region's losses and returns: what was sent before one of them says nothing of the time after it. */
  epoch: number;
  /** The region is lost, and this request tries whether it is back. */
  isProbe: boolean;
}

/** `no peer`: Kong knows that nobody can answer, so there is no need to count. `unknown`: it says nothing of the region. */
export type Outcome = 'succeeded' | 'failed' | 'no peer' | 'unknown';

/** What a report has changed, so that one line is logged for it. */
export type Transition = 'lost' | 'regained';

/** What an operator may know of a region. Times are milliseconds from now. */
export interface RegionState {
  isUp: boolean;
  failuresInARow: number;
  /** Of a lost region. */
  lost: { agoMs: number; probeInMs: number; goodProbes: number } | undefined;
  /** Requests sent there. */
  served: number;
}

export interface RegionStates {
  /** Every request goes to the primary, whatever its method: nothing else need be asked. */
  readonly primaryServes: boolean;
  /** For a request that may go nowhere else. */
  primary(): Choice;
  /**
   * For a request that may go anywhere: the first region that is up, or one before it whose time to be probed has come.
   * If none is up, the one whose last failure is longest ago, so that requests find a region that works by themselves.
   * @param tried regions that this request could not use; undefined if that leaves none
   */
  choose(nowMs: number, tried: ReadonlySet<number>): Choice | undefined;
  /** Whether a region is up that is neither this one nor was tried. */
  hasAnother(choice: Choice, tried: ReadonlySet<number>): boolean;
  report(choice: Choice, outcome: Outcome, nowMs: number): Transition | undefined;
  /** The probe was not sent, and another request may be it at once. */
  release(choice: Choice, nowMs: number): void;
  /** Counts a request that is sent. */
  sent(choice: Choice): void;
  /** Has one region serve, whatever its state; undefined: by the rules again. */
  force(index: number | undefined): void;
  readonly forced: number | undefined;
  describe(nowMs: number): RegionState[];
}

/** A probe of which nobody tells the end (Kong drops log events under overload) holds the next one up this long. */
const LOST_PROBE_MS = 60_000;

interface Region {
  epoch: number;
  failuresInARow: number;
  firstFailureMs: number;
  lastFailureMs: number;
  served: number;
  lost: { sinceMs: number; probeAtMs: number; goodProbes: number } | undefined;
}

/** Makes the states of some regions, all up. */
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
      // Also of a client that did not wait: it may be the region that is slow.
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
      // Writes go to a lost primary too; what they meet, such as one broken route, does not decide for the others.
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
