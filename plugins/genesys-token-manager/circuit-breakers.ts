/**
 * The circuit breakers before the services that this process injects credentials for: one per service, whichever route,
 * plugin configuration or nginx worker a request comes by.
 */
import { LRUCache } from 'lru-cache';
import { type BreakerPolicy, type CircuitBreaker, createCircuitBreaker } from '../shared/circuit-breaker.js';
import type { Clock } from '../shared/clock.js';

/** More services than one gateway has; those not asked for longest go first. */
const MAX_SERVICES = 10_000;

/** The breaker of a request's service, as one configuration sees it. */
export interface ServiceBreaker {
  /** The service differs between requests, and its id must be read. */
  readonly readsService: boolean;
  /** Returns 0 to go ahead, else the milliseconds until asking again makes sense. */
  enter(serviceId: string): number;
  /** The service answered (also with an error of the client's), or failed. Returns whether that has opened the breaker. */
  report(serviceId: string, outcome: 'succeeded' | 'failed'): boolean;
}

/** Makes the breakers of a process. The result opens those of one policy. */
export function createCircuitBreakers({ nowMs }: Pick<Clock, 'nowMs'>) {
  const breakers = new LRUCache<string, CircuitBreaker>({ max: MAX_SERVICES });

  /** @param fixedId the service that the plugin is on; undefined: it differs between requests */
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
