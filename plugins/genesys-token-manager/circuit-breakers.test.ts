/** What operators see of circuit breakers: which service, whether open, and no credential. */
import { expect, it } from 'vitest';
import { createCircuitBreakers } from './circuit-breakers.js';

it('lists the breakers of services, the most recently used first', async () => {
  const breakers = createCircuitBreakers({ nowMs: () => 0 });
  const policy = { failures: 2, windowMs: 1000, openMs: 1000, maxOpenMs: 1000 };
  const anyService = breakers.of(policy, undefined);
  anyService.report('a', 'failed');
  anyService.report('a', 'failed');
  breakers.of(policy, 'fixed').report('ignored', 'failed');
  const { status, body } = await breakers.operation.run(new URLSearchParams());
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      breakers: [
        { service_id: 'fixed', state: 'closed', failures_in_a_row: 1 },
        { service_id: 'a', state: 'open', failures_in_a_row: 2 },
      ],
    },
  });
});
