/**
 * The circuit breakers of services that get credentials from this process. Each service has one, for all routes, plugin
 * configurations and nginx workers.
 */
import { LRUCache } from 'lru-cache';
import { type BreakerPolicy, type CircuitBreaker, createCircuitBreaker } from '../shared/circuit-breaker.js';
import type { Clock } from '../shared/clock.js';

/** More services than a gateway has. The least recently used ones are dropped. */
const MAX_SERVICES = 10_000;

/** The breaker of a request's service, for one configuration. */
export interface ServiceBreaker {
  /** Whether the service differs between requests, so that its id must be read. */
  readonly readsService: boolean;
  /** Returns 0 if the request may go on, or else the milliseconds until it makes sense to ask again. */
  enter(serviceId: string): number;
  /** Reports that the service answered (also with a 4xx) or failed. Returns whether this opened the breaker. */
  report(serviceId: string, outcome: 'succeeded' | 'failed'): boolean;
}

/** Makes the breakers of a process. The result returns those of one policy. */
export function createCircuitBreakers({ nowMs }: Pick<Clock, 'nowMs'>) {
  const breakers = new LRUCache<string, CircuitBreaker>({ max: MAX_SERVICES });

  /** @param fixedId the service that the plugin is on; undefined if it differs between requests */
  return (policy: BreakerPolicy, fixedId: string | undefined): ServiceBreaker => {
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
}
