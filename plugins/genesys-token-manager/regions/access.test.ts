/** The access phase with regions, on a fake `kong` that records the calls in their order. */
import { beforeEach, describe, expect, it } from 'vitest';
import { guarded } from '../../../test/support/guarded.js';
import { openGate } from '../../../test/support/open-gate.js';
import { runPhase } from '../../runtime/run-phase.js';
import type { Kong } from '../../shared/pdk.js';
import { redactedKey, serviceHeaders } from '../service-headers.js';
import { createAllowance } from '../tokens/allowance.js';
import type { PoolOutcome, TokenPool } from '../tokens/pool.js';
import { type RegionalAccess, regionalAccessStep, tokenWaitMs } from './access.js';
import { createRegionStates, type RegionStates } from './states.js';

type Call = [method: string, ...args: unknown[]];
type Answer = PoolOutcome | Promise<PoolOutcome>;

const NAMES = ['one', 'two'];
const POLICY = { failures: 2, windowMs: 10_000, probeAfterMs: 30_000 };
const NO_TOKEN = { kind: 'none' as const, reason: 'login answered 500', retryAfterMs: 4_200 };
const tokenOf = (name: string) => ({
  kind: 'token' as const,
  clientId: 'client',
  value: `token-of-${name}`,
  ref: `ref-${name}`,
  origin: 'request' as const,
  allowance: createAllowance(),
});

let nowMs: number;
let states: RegionStates;
let answers: Record<string, Answer>;
let timers: (() => void)[];
beforeEach(() => {
  nowMs = 0;
  states = createRegionStates(2, POLICY);
  answers = { one: tokenOf('one'), two: tokenOf('two') };
  timers = [];
});

const losePrimary = (): void => void states.report(states.primary(), 'no peer', nowMs);

function pool(name: string, calls: Call[]): TokenPool {
  return {
    take() {
      calls.push(['take', name]);
      return answers[name] ?? NO_TOKEN;
    },
    dependsOnRoute: () => false,
    refused: () => false,
    size: 1,
    name: `OAuth client of ${name}`,
    takeWarning: () => undefined,
  };
}

/** Runs the phase; only what the handler may call is there. */
function start(
  method = 'GET',
  { upstreams = ['up-one', 'up-two'], ...more }: Partial<RegionalAccess> & { upstreams?: string[] } = {},
): { calls: Call[]; done: Promise<void> } {
  const calls: Call[] = [];
  const record =
    <T>(name: string, reply: (...args: unknown[]) => T) =>
    (...args: unknown[]): Promise<T> => {
      calls.push([name, ...args]);
      return Promise.resolve(reply(...args));
    };
  const nothing = () => undefined;
  const kong = {
    ctx: { shared: { set: record('ctx.shared.set', nothing) } },
    log: {
      err: record('log.err', nothing),
      warn: record('log.warn', nothing),
      setSerializeValue: record('log.setSerializeValue', nothing),
    },
    nginx: { getVar: guarded(record('nginx.getVar', () => 'request-1')) },
    request: { getHeaders: async () => ({}), getMethod: record('request.getMethod', () => method) },
    response: { exit: record('response.exit', nothing), setHeaders: record('response.setHeaders', nothing) },
    service: {
      setUpstream: record('service.setUpstream', (name) => upstreams.includes(String(name))),
      request: { setHeaders: record('service.request.setHeaders', nothing) },
    },
  };
  const step = regionalAccessStep({
    gate: openGate(),
    regions: NAMES.map((name) => ({ name, upstream: `up-${name}`, pool: pool(name, calls) })),
    states,
    methods: new Set(['GET', 'HEAD']),
    responseHeader: undefined,
    tokenWaitMs: 5_000,
    headersWith: serviceHeaders('Authorization'),
    redactedKey: redactedKey('Authorization'),
    effects: {
      nowMs: () => nowMs,
      startTimer(_, run) {
        timers.push(run);
        return () => {};
      },
    },
    ...more,
  });
  return { calls, done: runPhase([step], kong as unknown as Kong) };
}

async function run(...args: Parameters<typeof start>): Promise<Call[]> {
  const { calls, done } = start(...args);
  await done;
  return calls;
}

const named = (calls: Call[], name: string) => calls.filter(([method]) => method === name);
/** Upstreams and tokens in the order in which they were asked for, and what the service got. */
const way = (calls: Call[]) =>
  calls.flatMap(([method, first]) => {
    if (method === 'service.setUpstream' || method === 'take') return [String(first)];
    return method === 'service.request.setHeaders' ? [(first as { Authorization: string }).Authorization] : [];
  });
const exits = (calls: Call[]) =>
  named(calls, 'response.exit').map(([, status, body]) => [status, JSON.parse(String(body)).code]);

describe('in good times', () => {
  it('a request costs the awaited upstream, and what it costs without regions', async () => {
    const calls = await run('POST');
    expect(calls.map(([method]) => method)).toEqual([
      'service.setUpstream',
      'take',
      'ctx.shared.set',
      'log.setSerializeValue',
      'service.request.setHeaders',
      'ctx.shared.set',
    ]);
    expect(way(calls)).toEqual(['up-one', 'one', 'Bearer token-of-one']);
    expect(named(calls, 'ctx.shared.set')).toEqual([
      ['ctx.shared.set', 'genesys_region', 'one/0'],
      ['ctx.shared.set', 'genesys_token', 'ref-one/1'],
    ]);
  });

  it('the client learns the region if it shall', async () => {
    const calls = await run('GET', { responseHeader: 'X-Region' });
    expect(named(calls, 'response.setHeaders')).toEqual([['response.setHeaders', { 'X-Region': 'one' }]]);
  });

  it('an upstream that Kong does not know is 503, and no token is asked for', async () => {
    const calls = await run('GET', { upstreams: ['up-two'], responseHeader: 'X-Region' });
    expect(way(calls)).toEqual(['up-one']);
    expect(exits(calls)).toEqual([[503, 'gateway.upstream.unavailable']]);
    expect(named(calls, 'log.err')[0]?.[1]).toContain('Kong has no upstream "up-one"');
    expect(named(calls, 'response.setHeader')).toEqual([]);
  });
});

describe('while the primary is lost', () => {
  beforeEach(losePrimary);

  it.each(['GET', 'HEAD'])('%s goes to the next region, with its token', async (method) => {
    expect(way(await run(method))).toEqual(['up-two', 'two', 'Bearer token-of-two']);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'INVENTED'])(
    '%s goes to the primary and nowhere else',
    async (method) => {
      expect(way(await run(method))).toEqual(['up-one', 'one', 'Bearer token-of-one']);
    },
  );

  it('a write without a token is refused: it goes nowhere else', async () => {
    answers.one = NO_TOKEN;
    const calls = await run('POST');
    expect(way(calls)).toEqual(['up-one', 'one']);
    expect(exits(calls)).toEqual([[503, 'gateway.token.unavailable']]);
  });

  it('a region whose upstream Kong does not know is 503', async () => {
    const calls = await run('GET', { upstreams: ['up-one'] });
    expect(way(calls)).toEqual(['up-two']);
    expect(exits(calls)).toEqual([[503, 'gateway.upstream.unavailable']]);
  });
});

describe('a probe', () => {
  beforeEach(() => {
    losePrimary();
    nowMs = 30_000;
  });

  it('is one request, and its mark says so', async () => {
    const calls = await run('GET');
    expect(way(calls)).toEqual(['up-one', 'one', 'Bearer token-of-one']);
    expect(named(calls, 'ctx.shared.set')[0]?.[2]).toBe('one/1/probe');
    expect(way(await run('GET'))).toEqual(['up-two', 'two', 'Bearer token-of-two']);
  });

  it('is never a write', async () => {
    const calls = await run('POST');
    expect(named(calls, 'ctx.shared.set')[0]?.[2]).toBe('one/1');
  });

  it('does not wait for a login: the next request is the probe, once the token is there', async () => {
    let arrive: (outcome: PoolOutcome) => void = () => undefined;
    answers.one = new Promise((resolve) => {
      arrive = resolve;
    });
    const waiting = ['up-one', 'one', 'up-two', 'two', 'Bearer token-of-two'];
    expect(way(await run('GET'))).toEqual(waiting);
    expect(way(await run('GET'))).toEqual(waiting.slice(2));
    arrive(tokenOf('one'));
    await answers.one;
    answers.one = tokenOf('one');
    expect(way(await run('GET'))).toEqual(['up-one', 'one', 'Bearer token-of-one']);
  });

  it.each([
    ['has no token', NO_TOKEN, ['up-one', 'up-two']],
    ['has tokens that Genesys has closed', { kind: 'exhausted' as const, retryAfterMs: 100 }, ['up-one', 'up-two']],
  ])('of a region that %s goes on to the next, and the region is left alone', async (_, answer, upstreams) => {
    answers.one = answer;
    const calls = await run('GET');
    expect(named(calls, 'service.setUpstream').map(([, name]) => name)).toEqual(upstreams);
    expect(exits(calls)).toEqual([]);
    answers.one = tokenOf('one');
    nowMs = 59_999;
    expect(way(await run('GET'))).toEqual(['up-two', 'two', 'Bearer token-of-two']);
    nowMs = 60_000;
    expect(way(await run('GET'))).toEqual(['up-one', 'one', 'Bearer token-of-one']);
  });

  it('of a region whose upstream Kong does not know goes on to the next', async () => {
    expect(way(await run('GET', { upstreams: ['up-two'] }))).toEqual([
      'up-one',
      'up-two',
      'two',
      'Bearer token-of-two',
    ]);
  });
});

describe('a region without a token', () => {
  it('is passed over by a read, and lost after so many', async () => {
    answers.one = NO_TOKEN;
    const passing = ['up-one', 'one', 'up-two', 'two', 'Bearer token-of-two'];
    expect(way(await run('GET'))).toEqual(passing);
    const second = await run('HEAD');
    expect(way(second)).toEqual(passing);
    expect(named(second, 'log.err')[0]?.[1]).toContain('region one is lost');
    expect(way(await run('GET'))).toEqual(passing.slice(2));
  });

  it('is not passed over by a write', async () => {
    answers.one = NO_TOKEN;
    const calls = await run('DELETE');
    expect(way(calls)).toEqual(['up-one', 'one']);
    expect(exits(calls)).toEqual([[503, 'gateway.token.unavailable']]);
  });

  it('is waited for only some time, if another one is up', async () => {
    answers.one = new Promise(() => {});
    const { calls, done } = start('GET');
    await new Promise((resolve) => setImmediate(resolve));
    expect(way(calls)).toEqual(['up-one', 'one']);
    for (const fire of timers) fire();
    await done;
    expect(way(calls)).toEqual(['up-one', 'one', 'up-two', 'two', 'Bearer token-of-two']);
  });

  it.each(['POST', 'GET'])('is waited for by %s, if there is nowhere else to go', async (method) => {
    if (method === 'GET') states.report(states.choose(0, new Set([0])) ?? states.primary(), 'no peer', 0);
    let arrive: (outcome: PoolOutcome) => void = () => undefined;
    answers.one = new Promise((resolve) => {
      arrive = resolve;
    });
    const { calls, done } = start(method);
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers).toEqual([]);
    arrive(tokenOf('one'));
    await done;
    expect(way(calls)).toEqual(['up-one', 'one', 'Bearer token-of-one']);
  });

  it('and no other with one is 503, for the reason of the first', async () => {
    answers = { one: NO_TOKEN, two: { ...NO_TOKEN, reason: 'another', retryAfterMs: 60_000 } };
    const calls = await run('GET');
    expect(way(calls)).toEqual(['up-one', 'one', 'up-two', 'two']);
    expect(exits(calls)).toEqual([[503, 'gateway.token.unavailable']]);
    expect(named(calls, 'log.err').at(-1)?.[1]).toContain('no token for OAuth client of one: login answered 500');
  });

  it('because Genesys has closed it is a 429: the next organisation is no remedy for a rate limit', async () => {
    answers.one = { kind: 'exhausted', retryAfterMs: 9_000 };
    const calls = await run('GET');
    expect(way(calls)).toEqual(['up-one', 'one']);
    expect(exits(calls)).toEqual([[429, 'too.many.requests.retry.after']]);
  });
});

it('a forced region gets the reads, the primary keeps the writes', async () => {
  states.force(1);
  expect(way(await run('GET'))).toEqual(['up-two', 'two', 'Bearer token-of-two']);
  expect(way(await run('POST'))).toEqual(['up-one', 'one', 'Bearer token-of-one']);
});

it("all waits together leave room for the last region's login", () => {
  expect(tokenWaitMs(5_000, 2)).toBe(5_000);
  for (const regions of [2, 3, 10]) {
    expect(tokenWaitMs(20_000, regions) * (regions - 1) + 20_000).toBeLessThan(28_000);
  }
});
