/**
 * Requests in flight, from the access phase, which takes their places, to the log phase, which frees them. What is to be
 * freed goes through Kong's `ctx.shared`, so that another process may free it: after a reload, or a crash.
 */
import { randomBytes } from 'node:crypto';
import { GO_ON, type Step, step } from '../runtime/step.js';
import type { PdkValue } from '../shared/pdk.js';
import type { Places } from './limits/in-flight.js';
import type { LocalCounters } from './limits/local-counters.js';
import type { RedisCounters } from './limits/redis-counters.js';

export interface Flights {
  /** Returns a name for a request that no other one has, on any node. */
  name(): string;
  /** Remembers that a request is still being counted: it must not end before. */
  counting(place: string, counted: Promise<unknown>): void;
  /** Frees the places of a request that has ended. Never fails: what Redis does not free is free after its time. */
  end(places: Places): Promise<void>;
}

/** The counters that places are freed in. */
interface FlightCounters {
  local: Pick<LocalCounters, 'free'>;
  /** Undefined with `policy: local`. */
  shared: { counters: Pick<RedisCounters, 'free'> } | undefined;
}

/** Makes the flights of one namespace. */
export function createFlights({ local, shared }: FlightCounters): Flights {
  const process = randomBytes(9).toString('base64url');
  let count = 0;
  const pending = new Map<string, Promise<unknown>>();
  return {
    name: () => `${process}${(count++).toString(36)}`,
    counting(place, counted) {
      if (place === '') return;
      pending.set(place, counted);
      void counted.finally(() => pending.delete(place));
    },
    async end(places) {
      await pending.get(places.place);
      local.free(places.place);
      await shared?.counters.free(places).catch(() => {});
    },
  };
}

/** Makes the step of the log phase that frees places. A step of its own, so that configurations without it read nothing. */
export function freeStep({ name, flights }: { name: string; flights: Flights }): Step {
  const key = flightKey(name);
  return step(
    async (event) => parsePlaces(await event.ctx.shared.get(key)),
    async (places) => {
      if (places !== undefined) await flights.end(places);
      return GO_ON;
    },
  );
}

/** Returns the key in `ctx.shared` of what a request is to free. Two plugins on one request have two namespaces. */
export function flightKey(namespace: string): string {
  return `genesys_quota_in_flight ${namespace}`;
}

/** Formats what a request is to free. Neither a place nor a counter contains a space. */
export function formatPlaces({ place, counters }: Places): string {
  return [place, ...counters].join(' ');
}

/** Parses what a request is to free; undefined if nothing. */
export function parsePlaces(value: PdkValue): Places | undefined {
  if (typeof value !== 'string') return undefined;
  const [place, ...counters] = value.split(' ');
  return place === undefined || counters.length === 0 ? undefined : { place, counters };
}
