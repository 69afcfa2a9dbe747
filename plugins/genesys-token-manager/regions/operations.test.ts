/** What an operator is told of regions, and that a forced one stays so whatever configurations come. */
import { expect, it } from 'vitest';
import { createRegionGroups } from './groups.js';
import { regionOperations } from './operations.js';

const REGIONS = ['eu', 'us'].map((name) => ({ name, upstream: `genesys-${name}` }));
const POLICY = { failures: 1, windowMs: 1_000, probeAfterMs: 30_000 };

function setUp() {
  const groups = createRegionGroups();
  const operations = regionOperations(groups, () => 10_000);
  const ask = (method: string, path: string, query = '') =>
    operations
      .find((operation) => operation.method === method && operation.path === path)
      ?.run(new URLSearchParams(query)) as { status: number; body: unknown };
  return { groups, ask, open: (identity = 'a') => groups.open(REGIONS, [identity], POLICY) };
}

it('configurations with the same regions share the states, others do not', () => {
  const { open } = setUp();
  expect(open().states).toBe(open().states);
  expect(open('with another secret').states).not.toBe(open().states);
});

it('GET /regions tells how each of them does', () => {
  const { ask, open } = setUp();
  const { states } = open();
  states.sent(states.primary());
  states.report(states.primary(), 'failed', 5_000);
  expect(ask('GET', '/regions')).toEqual({
    status: 200,
    body: {
      groups: [
        {
          forced: null,
          regions: [
            {
              name: 'eu',
              upstream: 'genesys-eu',
              state: 'lost',
              failures_in_a_row: 1,
              served: 1,
              lost_for_seconds: 5,
              probe_in_seconds: 25,
              good_probes: 0,
            },
            { name: 'us', upstream: 'genesys-us', state: 'up', failures_in_a_row: 0, served: 0 },
          ],
        },
      ],
    },
  });
});

it('POST /regions/use holds for groups that come later too, until POST /regions/auto', () => {
  const { ask, open } = setUp();
  const early = open();
  expect(ask('POST', '/regions/use', 'name=us').body).toMatchObject({ groups: [{ forced: 'us' }] });
  const late = open('b');
  expect([early.states.forced, late.states.forced]).toEqual([1, 1]);
  ask('POST', '/regions/auto');
  expect([early.states.forced, late.states.forced]).toEqual([undefined, undefined]);
});

it('POST /regions/use refuses what is no region', () => {
  const { ask, open } = setUp();
  open();
  expect(ask('POST', '/regions/use').status).toBe(400);
  expect(ask('POST', '/regions/use', 'name=mars').status).toBe(404);
});
