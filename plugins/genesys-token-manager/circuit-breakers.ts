/**
 * The circuit breakers of services that get credentials from this process. Each service has one, for all routes, plugin
 * configurations and nginx workers.
 */
import { LRUCache } from 'lru-cache';
import { type BreakerPolicy, type CircuitBreaker, createCircuitBreaker } from '../shared/circuit-breaker.js';
import type { Clock } from '../shared/clock.js';
import type { Operation } from '../shared/plugin.js';

/** More services than a gateway has. The least recently used ones are dropped. */
const MAX_SERVICES = 10_000;
const MAX_SHOWN = 50;

/** The breaker of a request's service, for one configuration. */
export interface ServiceBreaker {
  /** Whether the service differs between requests, so that its id must be read. */
  readonly readsService: boolean;
  /** Returns 0 if the request may go on, or else the milliseconds until it makes sense to ask again. */
  enter(serviceId: string): number;
  /** Reports that the service answered (also with a 4xx) or failed. Returns whether this opened the breaker. */
  report(serviceId: string, outcome: 'succeeded' | 'failed'): boolean;
}

/** The breakers of a process. */
export interface CircuitBreakers {
  /**
   * Returns those of one policy.
   * @param fixedId the service that the plugin is on; undefined if it differs between requests
   */
  of(policy: BreakerPolicy, fixedId: string | undefined): ServiceBreaker;
  /** What operators see, without names: Kong has those. */
  operation: Operation;
}

/** Makes the breakers of a process. */
export function createCircuitBreakers({ nowMs }: Pick<Clock, 'nowMs'>): CircuitBreakers {
  const breakers = new LRUCache<string, CircuitBreaker>({ max: MAX_SERVICES });

  const of = (policy: BreakerPolicy, fixedId: string | undefined): ServiceBreaker => {
    const suffix = JSON.stringify(policy);
    const breakerOf = (serviceId: string): CircuitBreaker => {
      const key = `${fixedId ?? serviceId} ${suffix}`;
      const breaker = breakers.get(key) ?? createCircuitBreaker(policy);
      breakers.set(key, breaker);
      return breaker;
    };
    return {
      readsService: fixedId === undefined,
      enter: (serviceId) => breakerOf(serviceId).enter(nowMs()),
      report(serviceId, outcome) {
        if (outcome === 'failed') return breakerOf(serviceId).failed(nowMs());
        breakerOf(serviceId).succeeded(nowMs());
        return false;
      },
    };
  };

  /** The most recently used first. */
  const states = (): unknown[] =>
    [...breakers.entries()].slice(0, MAX_SHOWN).map(([key, { isOpen, failuresInARow }]) => ({
      service_id: key.slice(0, key.indexOf(' ')),
      state: isOpen ? 'open' : 'closed',
      failures_in_a_row: failuresInARow,
    }));

  return {
    of,
    operation: { method: 'GET', path: '/breakers', run: () => ({ status: 200, body: { breakers: states() } }) },
  };
}
