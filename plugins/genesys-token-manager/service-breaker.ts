/**
 * The circuit breakers before the services that this process injects credentials for: one per service, whichever route,
 * plugin configuration or nginx worker a request comes by.
 */
import { LRUCache } from 'lru-cache';
import { type BreakerPolicy, type CircuitBreaker, createCircuitBreaker } from '../shared/circuit-breaker.js';
import type { Kong } from '../shared/pdk.js';

/** More services than one gateway has; those not asked for longest go first. */
const MAX_SERVICES = 10_000;

/** The breaker as one configuration sees it. */
export interface ServiceBreaker {
  /** 0: go ahead; else the milliseconds until asking again makes sense. */
  enter(kong: Kong): number | Promise<number>;
  /** The request's service answered (also with an error of the client's), or failed. */
  report(kong: Kong, outcome: 'succeeded' | 'failed'): Promise<void>;
}

const breakers = new LRUCache<string, CircuitBreaker>({ max: MAX_SERVICES });

/**
 * Makes it.
 * @param serviceId the service that the plugin is on; undefined: it differs between requests, and is read
 */
export function createServiceBreaker(policy: BreakerPolicy, serviceId: string | undefined): ServiceBreaker {
  const suffix = JSON.stringify(policy);

  function breakerOf(id: string): CircuitBreaker {
    const key = `${id} ${suffix}`;
    let breaker = breakers.get(key);
    if (breaker === undefined) {
      breaker = createCircuitBreaker(policy);
      breakers.set(key, breaker);
    }
    return breaker;
  }

  async function readBreaker(kong: Kong): Promise<CircuitBreaker> {
    return breakerOf(serviceId ?? (await kong.router.getService())?.id ?? '');
  }

  return {
    enter(kong) {
      const enter = (breaker: CircuitBreaker): number => breaker.enter(performance.now());
      return serviceId === undefined ? readBreaker(kong).then(enter) : enter(breakerOf(serviceId));
    },
    async report(kong, outcome) {
      const breaker = await readBreaker(kong);
      if (outcome === 'succeeded') breaker.succeeded(performance.now());
      else if (breaker.failed(performance.now())) {
        await kong.log.err('the service failed too often in a row: requests are answered 503 for a while');
      }
    },
  };
}
