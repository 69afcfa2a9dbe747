/**
 * Requests in flight, in the memory of this process. A place is freed when the request has ended, and by itself after
 * the limit's time if nobody says so. What is full is decided elsewhere (counting.ts).
 */
import type { Check, ConcurrentCheck } from './counting.js';

export interface InFlight {
  /** Returns how many requests of the check's counter are in flight. */
  count(check: ConcurrentCheck, nowUs: number): number;
  /** Adds a request. */
  add(check: ConcurrentCheck, nowUs: number): void;
  /** Removes a request from all counters. */
  remove(place: string): void;
  /** Returns the requests in flight by the name of the limit. */
  byLimit(nowUs: number): Map<string, number>;
}

/** The counters of one limit. */
interface Family {
  name: string;
  /** In the order in which they end by themselves, since they have the same time. */
  places: Map<string, { id: string; untilUs: number }>;
  /** How many places each identity has. */
  counts: Map<string, number>;
}

/** Makes the counters of one namespace. */
export function createInFlight(): InFlight {
  const families = new Map<string, Family>();

  function drop(family: Family, place: string): void {
    const held = family.places.get(place);
    if (held === undefined) return;
    family.places.delete(place);
    const left = (family.counts.get(held.id) ?? 0) - 1;
    if (left > 0) family.counts.set(held.id, left);
    else family.counts.delete(held.id);
  }

  function dropEnded(family: Family, nowUs: number): void {
    for (const [place, { untilUs }] of family.places) {
      if (untilUs > nowUs) return;
      drop(family, place);
    }
  }

  return {
    count({ group, id }, nowUs) {
      const family = families.get(group);
      if (family === undefined) return 0;
      dropEnded(family, nowUs);
      return family.counts.get(id) ?? 0;
    },
    add({ name, group, id, place, ttlMs }, nowUs) {
      let family = families.get(group);
      if (family === undefined) {
        family = { name, places: new Map(), counts: new Map() };
        families.set(group, family);
      }
      drop(family, place);
      family.places.set(place, { id, untilUs: nowUs + ttlMs * 1000 });
      family.counts.set(id, (family.counts.get(id) ?? 0) + 1);
    },
    remove(place) {
      for (const family of families.values()) drop(family, place);
    },
    byLimit(nowUs) {
      const byLimit = new Map<string, number>();
      for (const family of families.values()) {
        dropEnded(family, nowUs);
        byLimit.set(family.name, (byLimit.get(family.name) ?? 0) + family.places.size);
      }
      return byLimit;
    },
  };
}

/** What the log phase needs to free the places of a request, even if it comes to another process. */
export interface Places {
  place: string;
  /** The counters, as Redis' keys end. */
  counters: string[];
}

/** Returns the places that a request takes with these checks; undefined if none. */
export function placesOf(checks: readonly Check[]): Places | undefined {
  let places: Places | undefined;
  for (const check of checks) {
    if (check.kind !== 'concurrent') continue;
    places ??= { place: check.place, counters: [] };
    places.counters.push(`${check.group}:${check.id}`);
  }
  return places;
}
