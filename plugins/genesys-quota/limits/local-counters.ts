/**
 * Counts in the memory of this process, which all nginx workers share. Counters are kept in generations, each as long
 * as a window. Only the last two are kept, and older ones are dropped whole. So nothing searches for expired counters,
 * and no counter that still matters is dropped.
 */
import {
  type Check,
  type CountedCheck,
  type Counter,
  counterOf,
  countUp,
  fits,
  generationMs,
  generationOf,
  keptForMs,
  type Reading,
} from './counting.js';
import { createInFlight } from './in-flight.js';
import type { SavedWindows } from './saved-windows.js';
import { keptOf } from './shares.js';

/** The id of the counter that all identities without a place share. No identity has it (request.ts). */
const OVERFLOW = '*';

/** The counters of one limit. */
interface Family {
  /** One of its checks: their windows are the same. */
  check: CountedCheck;
  /** The number of the generation in `current`. */
  generation: number;
  /** For each identity, its count in this window or its theoretical arrival time. */
  current: Map<string, number>;
  previous: Map<string, number>;
  /** For each identity, what is kept of reserved shares in this window, as when it was counted last. */
  kept: Map<string, readonly number[]>;
  /** The number of identities in `current` or `previous`, without the overflow. */
  identities: number;
}

export interface LocalCounters {
  /**
   * Counts one request against all checks at once, or against none of them.
   * @param maxDelayUs how long a spike arrest may delay the request, whose place is then reserved
   */
  admit(checks: readonly Check[], maxDelayUs: number): Reading;
  /** Counts the request among those in flight, whatever their limits: Redis has admitted it. */
  hold(checks: readonly Check[]): void;
  /** Frees a request's places among those in flight. */
  free(place: string): void;
  /** Returns the requests in flight by the name of the limit. */
  inFlight(): Map<string, number>;
  /** Returns how many identities have a counter. */
  identities(): number;
  /** Frees the memory if no count matters any more. */
  dropIdle(): void;
}

/**
 * Makes the counters of one namespace.
 * @param clockUs microseconds since 1970, so that windows begin at the same time on all nodes
 * @param saved weeks and months of processes before this one
 */
export function createLocalCounters(
  clockUs: () => number,
  saved?: Pick<SavedWindows, 'countOf' | 'note'>,
): LocalCounters {
  const families = new Map<string, Family>();
  const flying = createInFlight();
  let latestUs = 0;
  /** After this time, nothing counted so far matters. */
  let idleAtMs = 0;

  function familyOf(check: CountedCheck, nowMs: number): Family {
    let family = families.get(check.group);
    if (family === undefined) {
      const empty = { current: new Map(), previous: new Map(), kept: new Map(), identities: 0 };
      family = { check, generation: 0, ...empty };
      families.set(check.group, family);
    }
    const generation = generationOf(check, nowMs);
    if (generation !== family.generation) {
      family.previous = generation === family.generation + 1 ? family.current : new Map();
      family.current = new Map();
      if (family.kept.size > 0) family.kept = new Map();
      family.identities = family.previous.size - (family.previous.has(OVERFLOW) ? 1 : 0);
      family.generation = generation;
      dropDead(nowMs);
    }
    return family;
  }

  /** Drops families that no request uses any more, as after a change of the configuration. */
  function dropDead(nowMs: number): void {
    for (const [group, { check, generation }] of families) {
      if (generationOf(check, nowMs) > generation + 1) families.delete(group);
    }
  }

  // If the clock was set back, time stops until it catches up.
  function readClockUs(): number {
    latestUs = Math.max(latestUs, clockUs());
    return latestUs;
  }

  function slotOf(check: Check, nowUs: number): Slot {
    if (check.kind !== 'concurrent')
      return countedSlotOf(familyOf(check, Math.floor(nowUs / 1000)), check, nowUs, saved);
    return { family: undefined, id: check.id, counter: counterOf(check, flying.count(check, nowUs), 0) };
  }

  function write({ family, id, counter }: Slot, nowUs: number): Counter {
    const counted = countUp(counter, nowUs);
    if (counted.kind === 'concurrent') flying.add(counted.check, nowUs);
    else if (family !== undefined) {
      if (id !== OVERFLOW && !isAlive(family, id)) family.identities += 1;
      idleAtMs = Math.max(idleAtMs, nowUs / 1000 + 2 * generationMs(family.check));
      family.current.set(id, counted.kind === 'spike' ? counted.tatUs : counted.current);
      if (counted.kind !== 'window') return counted;
      if (counted.kept !== undefined) family.kept.set(id, counted.kept);
      if (counted.check.isBudget) saved?.note(counted.check, id, counted.check.cost, nowUs / 1000);
    }
    return counted;
  }

  return {
    admit(checks, maxDelayUs) {
      const nowUs = readClockUs();
      const slots = checks.map((check) => slotOf(check, nowUs));
      const admitted = slots.every(({ counter }) => fits(counter, nowUs, maxDelayUs));
      const counters = slots.map((slot) => (admitted ? write(slot, nowUs) : slot.counter));
      return { admitted, nowUs, counters };
    },

    hold(checks) {
      for (const check of checks) if (check.kind === 'concurrent') flying.add(check, readClockUs());
    },
    free: flying.remove,
    inFlight: () => flying.byLimit(readClockUs()),
    identities: () => [...families.values()].reduce((sum, { identities }) => sum + identities, 0),
    dropIdle() {
      if (clockUs() / 1000 > idleAtMs) families.clear();
    },
  };
}

/** Where one check of a request is counted. */
interface Slot {
  /** Undefined for requests in flight. */
  family: Family | undefined;
  id: string;
  counter: Counter;
}

/** Returns an identity's own counter, or the shared one if there are too many identities. */
function countedSlotOf(
  family: Family,
  check: CountedCheck,
  nowUs: number,
  saved: Pick<SavedWindows, 'countOf'> | undefined,
): Slot {
  const { id: own, maxIdentities } = check;
  const hasPlace = maxIdentities === 0 || family.identities < maxIdentities || isAlive(family, own);
  const id = hasPlace ? own : OVERFLOW;
  const before = check.kind !== 'spike' && check.isBudget ? saved?.countOf(check, id, family.generation) : 0;
  const [current, previous] = [family.current.get(id) ?? before ?? 0, family.previous.get(id) ?? 0];
  if (check.kind === 'spike' || check.reserved === undefined) {
    return { family, id, counter: counterOf(check, current, previous) };
  }
  const kept = keptOf(check.reserved, family.kept.get(id), keptForMs(check, nowUs), check.windowMs);
  return { family, id, counter: counterOf(check, current, previous, kept) };
}

function isAlive({ current, previous }: Family, id: string): boolean {
  return current.has(id) || previous.has(id);
}
