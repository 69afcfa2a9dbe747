/** The log phase on a fake `kong`: which answers concern the token, which the service, and what is read to know it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { runPhase } from '../runtime/run-phase.js';
import type { Kong } from '../shared/pdk.js';
import { logStep } from './log.js';
import { createRegionStates } from './regions/states.js';
import { createAllowance } from './tokens/allowance.js';
import type { TokenBroker } from './tokens/broker.js';

let read: string[];
let refused: string[];
let reported: string[];
let logged: string[];
let allowance: ReturnType<typeof createAllowance>;
beforeEach(() => {
  read = [];
  refused = [];
  reported = [];
  logged = [];
  states = createRegionStates(2, { failures: 2, windowMs: 10_000, probeAfterMs: 10_000 });
  allowance = createAllowance();
});

interface Answer {
  ref?: string | null;
  status?: number;
  source?: string;
  entry?: object;
  count?: string;
  learnsUse?: boolean;
  /** Whether there is a circuit breaker; default true. */
  breaks?: boolean;
  /** What Kong notes on its way to a target. */
  ctx?: Record<string, number>;
  region?: string;
}

const NAMES = ['one', 'two'];
const NO_PEER = { KONG_UPSTREAM_DNS_START: 12 };
let states: ReturnType<typeof createRegionStates>;

async function log(answer: Answer) {
  const { ref = 'ref-1', status = 200, source = 'service', entry = {}, count, learnsUse = false } = answer;
  const { ctx = {}, region, breaks = true } = answer;
  const reading = <T>(name: string, value: T) => {
    read.push(name);
    return Promise.resolve(value);
  };
  const kong = {
    ctx: {
      shared: {
        get: (key: string) =>
          key === 'genesys_region'
            ? reading('region', region ?? null)
            : reading('ref', ref === null ? null : `${ref}/1`),
      },
    },
    nginx: { getCtx: (name: string) => reading('ctx', ctx[name] ?? null) },
    response: {
      getStatus: () => reading('status', status),
      getSource: () => reading('source', source),
      getHeader: (name: string) => reading(name, count),
    },
    log: {
      serialize: () => reading('entry', JSON.stringify(entry)),
      err: async (line: string) => void logged.push(line),
      notice: async (line: string) => void logged.push(line),
    },
  };
  const step = logStep({
    broker: {
      refuse: (of: string) => void refused.push(of),
      allowanceOf: (of: string) => (of === 'ref-1' ? allowance : undefined),
    } as unknown as TokenBroker,
    purgeOnStatuses: new Set([401]),
    learnsUse,
    breaker: breaks
      ? {
          readsService: false,
          enter: () => 0,
          report(_, outcome) {
            reported.push(outcome);
            return false;
          },
        }
      : undefined,
    pools: [],
    regions: region === undefined ? undefined : { names: NAMES, states },
  });
  await runPhase([step], kong as unknown as Kong);
}

const answered = (status: number | string, more: object = {}) => ({ upstream_status: String(status), ...more });

describe('the log phase', () => {
  it('reads the status alone of a request that went well, where a success teaches nothing', async () => {
    await log({ status: 200, breaks: false });
    expect(read).toEqual(['status']);
    await log({ status: 401, entry: answered(401), breaks: false });
    expect(refused).toEqual(['ref-1']);
  });

  it('reads no entry of a request that went well', async () => {
    await log({ status: 200 });
    await log({ status: 304, source: 'exit', ctx: { ...NO_PEER, KONG_BALANCER_START: 13 } });
    expect(read).toEqual(['ref', 'status', 'source', 'ref', 'status', 'source', 'ctx']);
    expect([refused, reported]).toEqual([[], ['succeeded', 'succeeded']]);
  });

  it('learns nothing of the service, or of a region, from a hit of a cache', async () => {
    states.report(states.primary(), 'no peer', 0);
    const probe = states.choose(10_000, new Set());
    expect(probe?.isProbe).toBe(true);
    for (let hit = 0; hit < 2; hit += 1) await log({ status: 200, source: 'exit', region: 'one/1/probe' });
    expect(reported).toEqual([]);
    expect(states.describe(0)[0]).toMatchObject({ isUp: false, lost: { goodProbes: 0 } });
  });

  it('does nothing for a request in which access left no mark', async () => {
    await log({ ref: null, status: 401, source: 'exit', entry: answered(401) });
    expect(read).not.toContain('entry');
    expect([refused, reported]).toEqual([[], []]);
  });

  it.each([
    ['the service said 401', { status: 401, entry: answered(401) }, true],
    ['the service said 401 at last', { status: 401, entry: answered('502, 401') }, true],
    [
      'the service said 401, and a plugin made something else of it',
      { status: 502, source: 'exit', entry: answered(401) },
      true,
    ],
    ['the service said 403', { status: 403, entry: answered(403) }, false],
    ['a plugin said 401, and the service was not asked', { status: 401, source: 'exit', entry: {} }, false],
    ['a plugin made 401 of something else', { status: 401, source: 'exit', entry: answered(200) }, false],
    ['the service said 401 before it was asked again', { status: 404, entry: answered('401, 404') }, false],
  ])('if %s: refused %j', async (_, answer, isRefused) => {
    await log(answer);
    expect(refused).toEqual(isRefused ? ['ref-1'] : []);
  });

  it('does not take a static credential for a token', async () => {
    await log({ ref: 'static', status: 401, entry: answered(401) });
    expect(refused).toEqual([]);
    expect(reported).toEqual(['succeeded']);
  });

  it('closes the route of a 429 for the token, for as long as it says', async () => {
    const entry = answered(429, {
      upstream_uri: '/api/v2/users/12?a=b',
      response: { headers: { 'retry-after': '42' } },
    });
    await log({ status: 429, entry });
    const waitMs = allowance.waitMs(performance.now(), 'api/v2/users/*');
    expect(waitMs).toBeGreaterThan(41_000);
    expect(waitMs).toBeLessThanOrEqual(42_000);
    expect(allowance.waitMs(performance.now(), 'api/v2/queues')).toBe(0);
  });

  it.each([
    ['500', { status: 500, entry: answered(500) }, 'failed'],
    ['no peer', { status: 503, source: 'exit', entry: { upstream_status: '' }, ctx: NO_PEER }, 'failed'],
    ['no peer when it tried again', { status: 503, source: 'error', entry: { upstream_status: '502, -' } }, 'failed'],
    [
      'a timeout on a route with a response phase',
      { status: 504, source: 'exit', entry: { upstream_status: '' }, ctx: { ...NO_PEER, KONG_BALANCER_START: 13 } },
      'failed',
    ],
    ['a plugin that said 503', { status: 503, source: 'exit', entry: {} }, undefined],
    ['a body that never came', { status: 408, source: 'error', entry: {} }, undefined],
    ['a timeout', { status: 504, source: 'error', entry: answered('504') }, 'failed'],
    ['404', { status: 404, entry: answered(404) }, 'succeeded'],
    ['429', { status: 429, entry: answered(429) }, 'succeeded'],
    ['a client that went away', { status: 499, source: 'exit', entry: { upstream_status: '-' } }, undefined],
  ])('reports %s as %s', async (_, answer, outcome) => {
    await log(answer);
    expect(reported).toEqual(outcome === undefined ? [] : [outcome]);
  });

  it('learns what Genesys counted, if it is told and other nodes use the token too', async () => {
    await log({ count: '120', learnsUse: true });
    expect(allowance.recentUses(performance.now())).toBe(120);
    await log({ count: '99999999', learnsUse: true });
    await log({ count: 'x', learnsUse: true });
    expect(allowance.recentUses(performance.now())).toBe(120);
    await log({ count: '200' });
    expect(read.filter((name) => name === 'inin-ratelimit-count')).toHaveLength(3);
  });
});

describe('the region that a request was sent to', () => {
  const isUp = () => states.describe(0).map((region) => region.isUp);

  it('is read only where regions are configured', async () => {
    await log({});
    expect(read).not.toContain('region');
  });

  it('is lost by failures in a row, and the log says so once', async () => {
    await log({ region: 'two/0', status: 500, entry: answered(500) });
    await log({ region: 'two/0' });
    await log({ region: 'two/0', status: 500, entry: answered(500) });
    expect(isUp()).toEqual([true, true]);
    await log({ region: 'two/0', status: 504, source: 'error', entry: answered(504) });
    await log({ region: 'two/0', status: 504, source: 'error', entry: answered(504) });
    expect(isUp()).toEqual([true, false]);
    expect(logged).toEqual(['region two is lost: requests that may go to another region do, until it holds again']);
  });

  it('is lost at once when Kong has no peer', async () => {
    await log({ region: 'one/0', status: 503, source: 'exit', ctx: NO_PEER });
    expect(isUp()).toEqual([false, true]);
  });

  it('comes back by good probes', async () => {
    await log({ region: 'one/0', status: 503, source: 'exit', ctx: NO_PEER });
    await log({ region: 'one/1/probe' });
    await log({ region: 'one/1/probe', status: 404, entry: answered(404) });
    expect(isUp()).toEqual([true, true]);
    expect(logged[1]).toBe('region one holds again');
  });

  it('learns nothing from a request that was sent before it was lost, or to a region of another configuration', async () => {
    await log({ region: 'one/7', status: 503, source: 'exit', ctx: NO_PEER });
    await log({ region: 'three/0', status: 503, source: 'exit', ctx: NO_PEER });
    expect(isUp()).toEqual([true, true]);
  });
});
