/**
 * Counts in the memory of this process, which all nginx workers share. Counters are kept in generations as long as a
 * window: those of the generation before the last are dropped with it, so that nothing has to be searched for what has
 * died, and no counter that still matters is ever dropped.
 */
import type { Counters, CountersAnswer } from './counters.js';
import {
  type Check,
  type CounterState,
  fitsWindow,
  generationMs,
  type SpikeState,
  spikeCounted,
  spikeDelayUs,
  type WindowState,
} from './counting.js';

/** The counter of all identities that found no place. No identity is named so (request.ts). */
const OVERFLOW = '*';

/** The counters of one limit. */
interface Family {
  generationMs: number;
  /** Which generation `current` is. */
  generation: number;
  /** Counter of each identity: its count in this window, or its theoretical arrival time. */
  current: Map<string, number>;
  previous: Map<string, number>;
  /** Identities in `current` or `previous`, without the overflow. */
  identities: number;
}

export interface LocalCounters extends Counters {
  admit(checks: readonly Check[], maxDelayUs: number): CountersAnswer;
  /** How many identities have a counter. */
  identities(): number;
  /** Frees the memory if nothing that was counted matters any more. */
  dropIdle(): void;
}

/**
 * Makes the counters of one namespace.
 * @param clockUs microseconds since 1970, so that windows begin when those of other nodes do
 */
export function createLocalCounters(clockUs: () => number): LocalCounters {
  const families = new Map<string, Family>();
  let latestUs = 0;
  /** Nothing counted by now matters after this. */
  let idleAtMs = 0;

  function familyOf(check: Check, nowMs: number): Family {
    let family = families.get(check.group);
    if (family === undefined) {
      const empty = { current: new Map(), previous: new Map(), identities: 0 };
      family = { generationMs: generationMs(check), generation: 0, ...empty };
      families.set(check.group, family);
    }
    const generation = Math.floor(nowMs / family.generationMs);
    if (generation !== family.generation) {
      family.previous = generation === family.generation + 1 ? family.current : new Map();
      family.current = new Map();
      family.identities = family.previous.size - (family.previous.has(OVERFLOW) ? 1 : 0);
      family.generation = generation;
      dropDead(nowMs);
    }
    return family;
  }

  /** Those that no request asks any more, as after a change of the configuration. */
  function dropDead(nowMs: number): void {
    for (const [group, { generationMs: ms, generation }] of families) {
      if (Math.floor(nowMs / ms) > generation + 1) families.delete(group);
    }
  }

  function count({ family, check, id }: Slot, state: CounterState, nowUs: number): CounterState {
    if (id !== OVERFLOW && !isAlive(family, id)) family.identities += 1;
    idleAtMs = Math.max(idleAtMs, nowUs / 1000 + 2 * generationMs(check));
    if (check.kind === 'spike') {
      const next = spikeCounted(check, state as SpikeState, nowUs);
      family.current.set(id, next.tatUs);
      return next;
    }
    const { current, previous } = state as WindowState;
    family.current.set(id, current + check.cost);
    return { current: current + check.cost, previous };
  }

  return {
    admit(checks, maxDelayUs) {
      // A clock that was set back stands still until it is there again.
      latestUs = Math.max(latestUs, clockUs());
      const nowUs = latestUs;
      const nowMs = Math.floor(nowUs / 1000);
      const slots = checks.map((check) => {
        const family = familyOf(check, nowMs);
        return { check, family, id: placeFor(family, check) };
      });
      const states = slots.map(read);
      const admitted = checks.every((check, index) => {
        const state = states[index] as CounterState;
        if (check.kind === 'spike') return spikeDelayUs(check, state as SpikeState, nowUs) <= maxDelayUs;
        return fitsWindow(check, state as WindowState, nowMs % check.windowMs);
      });
      const left = admitted ? slots.map((slot, index) => count(slot, states[index] as CounterState, nowUs)) : states;
      return { reading: { admitted, nowUs, states: left }, closures: [] };
    },

    identities: () => [...families.values()].reduce((sum, { identities }) => sum + identities, 0),
    dropIdle() {
      if (clockUs() / 1000 > idleAtMs) families.clear();
    },
  };
}

/** Where one check of a request is counted. */
interface Slot {
  check: Check;
  family: Family;
  id: string;
}

/** An identity's own counter, or the one that is shared because there are too many. */
function placeFor(family: Family, { id, maxIdentities }: Check): string {
  return maxIdentities === 0 || family.identities < maxIdentities || isAlive(family, id) ? id : OVERFLOW;
}

function isAlive({ current, previous }: Family, id: string): boolean {
  return current.has(id) || previous.has(id);
}

function read({ check, family: { current, previous }, id }: Slot): CounterState {
  if (check.kind === 'spike') return { tatUs: current.get(id) ?? previous.get(id) ?? 0 };
  return { current: current.get(id) ?? 0, previous: previous.get(id) ?? 0 };
}
