/** What is read of a request, and what it asks of which limit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guarded } from '../../../test/support/guarded.js';
import { BARE_HOST } from '../../shared/host.js';
import type { Kong } from '../../shared/pdk.js';
import { readConfig } from '../config.js';
import { checksOf, planReads, priorityOf, type RequestFacts, readRequest } from './request.js';

const config = (raw: Record<string, unknown>) => readConfig(raw, BARE_HOST);
const facts = (changes: Partial<RequestFacts> = {}): RequestFacts => ({
  method: 'GET',
  connection: '',
  upstreamUri: '/api/v2/users',
  query: new URLSearchParams(),
  consumer: { id: 'c1', username: 'one' },
  credentialId: 'k1',
  ip: '10.0.0.1',
  headers: new Map(),
  ...changes,
});
describe('and_by', () => {
  const paths = ['/api/v2/users/7f3a-1', '/api/v2/users/1', '/api/v2//Users/2?pageSize=1', '/api/v2/queues'];

  it('gives each path of a consumer a budget, whatever its ids and its spelling', () => {
    const limit = { and_by: ['path'] };
    const [one, two, three, queues] = ids(limit, ...paths.map((upstreamUri) => ({ upstreamUri })));
    const [other] = ids(limit, { upstreamUri: '/api/v2/users/1', consumer: { id: 'c2', username: 'two' } });
    expect([two, three]).toEqual([one, one]);
    expect(new Set([one, queues, other]).size).toBe(3);
  });

  it('tells every combination from every other one', () => {
    const of = ['a', ''].flatMap((id) =>
      ['a', undefined].flatMap((credentialId) =>
        ['GET', 'POST'].map((method) => ({ consumer: { id, username: id }, credentialId, method })),
      ),
    );
    const seen = ids({ and_by: ['credential', 'method'] }, ...of);
    expect(new Set(seen).size).toBe(8);
    // Nor may two values be read as two others.
    const pairs = [
      { credentialId: 'k1', ip: '0.0.0.1' },
      { credentialId: 'k', ip: '10.0.0.1' },
    ];
    expect(new Set(ids({ and_by: ['credential', 'ip'] }, ...pairs)).size).toBe(2);
    // The order of the names does not matter, nor a name that is there twice.
    expect(ids({ and_by: ['method', 'credential', 'method'] }, ...of)).toEqual(seen);
  });

  it('divides a budget of all, and is bounded then', () => {
    const [check] = checksOf(config({ limits: [{ name: 'a', limit: 9, by: 'global', and_by: ['method'] }] }), facts());
    expect(check).toMatchObject({ group: 'a:60000:global:method', maxIdentities: 100_000 });
  });

  it('reads what it needs, and leaves other limits as they are', () => {
    expect(
      planReads(config({ limits: [{ name: 'a', limit: 9, and_by: ['ip', 'credential', 'method'] }] })),
    ).toMatchObject({
      ip: true,
      credential: true,
      method: true,
    });
    expect(planReads(config({ limits: [{ name: 'a', limit: 9, and_by: ['path'] }] }))).toMatchObject({
      ip: false,
      credential: false,
      method: false,
    });
  });
});

describe('reserved', () => {
  const limit = {
    ...{ name: 'a', limit: 11, by: 'global', cost: 10 },
    reserved: [
      { consumers: ['one', 'c2'], share: 50 },
      { tags: ['desktop'], share: 30 },
    ],
  };
  const reserved = (consumer?: RequestFacts['consumer'], changes = {}) => {
    const [check] = checksOf(config({ limits: [{ ...limit, ...changes }] }), facts({ consumer }));
    return check !== undefined && 'reserved' in check ? check : undefined;
  };

  it('is for whom the first share names, by name, id or tag, in whole requests', () => {
    const own = (consumer?: RequestFacts['consumer']) => reserved(consumer)?.reserved?.own;
    expect(reserved()?.reserved?.shares).toEqual([5, 3]);
    expect(own({ id: 'c1', username: 'one' })).toBe(0);
    expect(own({ id: 'c2', username: 'two' })).toBe(0);
    expect(own({ id: 'c3', username: 'three', tags: ['x', 'desktop'] })).toBe(1);
    expect(own({ id: 'c1', username: 'one', tags: ['desktop'] })).toBe(0);
    expect([own(), own({ id: 'c4', username: 'four', tags: [] })]).toEqual([-1, -1]);
  });

  it('lets no request cost more than can ever be free', () => {
    expect([reserved()?.cost, reserved({ id: 'c1', username: 'one' })?.cost]).toEqual([9, 10]);
    expect(reserved(undefined, { cost: 1 })?.cost).toBe(1);
  });

  it('leaves the counters of a limit as they were', () => {
    expect(reserved()?.group).toBe('a:60000:global');
    expect(reserved(undefined, { reserved: null })?.reserved).toBeUndefined();
  });
});

it('a priority is that of the first entry that names the consumer', () => {
  const priority = [
    { consumers: ['one'], level: 'high' },
    { tags: ['batch'], level: 'low', max_wait_ms: 20_000 },
    { consumers: ['c3'], level: 'normal', max_wait_ms: 0 },
  ];
  const of = (consumer?: RequestFacts['consumer']) => {
    const { level, maxWaitMs } = priorityOf(config({ max_wait_ms: 500, priority }), facts({ consumer })) ?? {};
    return [level, maxWaitMs];
  };
  expect(of({ id: 'c1', username: 'one', tags: ['batch'] })).toEqual([1, 500]);
  expect(of({ id: 'c2', username: 'two', tags: ['batch'] })).toEqual([-1, 20_000]);
  expect(of({ id: 'c3', username: 'three' })).toEqual([0, 0]);
  for (const none of [of({ id: 'c4', username: 'four' }), of()]) expect(none).toEqual([undefined, undefined]);
});

it('a warning names consumers, and no identity that is an address or what a client says', () => {
  const who = (limit: Record<string, unknown>, consumer?: RequestFacts['consumer']) => {
    const limits = [{ name: 'a', limit: 9, warn_at: 80, ...limit }];
    const [check] = checksOf(config({ limits }), facts({ consumer, headers: new Map([['x', 'secret']]) }));
    return check !== undefined && 'warn' in check ? check.warn : undefined;
  };
  expect(who({}, { id: 'c1', username: 'svc-crm' })).toEqual({ percent: 80, who: 'svc-crm' });
  // With a custom_id alone.
  expect(who({}, { id: 'c1', username: '' })).toEqual({ percent: 80, who: 'c1' });
  expect(who({})).toEqual({ percent: 80, who: '' });
  for (const by of [{ by: 'ip' }, { by: 'global' }, { by: 'credential' }, { by: 'header', by_name: 'x' }])
    expect(who(by, { id: 'c1', username: 'svc-crm' })).toEqual({ percent: 80, who: '' });
  expect(who({ warn_at: undefined }, { id: 'c1', username: 'svc-crm' })).toBeUndefined();
});

/** The ids that requests get under one limit. */
const ids = (limit: Record<string, unknown>, ...requests: Partial<RequestFacts>[]) =>
  requests.map((changes) => checksOf(config({ limits: [{ name: 'a', limit: 9, ...limit }] }), facts(changes))[0]?.id);

describe('what is read', () => {
  async function reads(raw: Record<string, unknown>): Promise<string[]> {
    const called: string[] = [];
    const namespace = (prefix: string) =>
      new Proxy(
        {},
        {
          get:
            (_, name) =>
            async (...args: string[]) =>
              void called.push([prefix, name, ...args].join(' ')),
        },
      );
    const kong = {
      request: namespace('request'),
      client: namespace('client'),
      nginx: { getVar: guarded(async () => '') },
    };
    await readRequest(kong as unknown as Kong, planReads(config(raw)));
    return called;
  }

  it('is the consumer alone for a limit of all', async () => {
    expect(await reads({ limits: [{ name: 'a', limit: 1, by: 'global' }] })).toEqual(['client getConsumer']);
    expect(await reads({})).toEqual(['client getConsumer']);
  });

  it('is what limits use, each once', async () => {
    const limits = [
      { name: 'a', limit: 1, methods: ['GET'], paths: ['/x'] },
      { name: 'b', limit: 1, by: 'header', by_name: 'X-Tenant' },
      { name: 'c', limit: 1, by: 'header', by_name: 'x-tenant', cost_by_query: { name: 'pageSize', per: 25 } },
      { name: 'd', limit: 1, by: 'ip' },
      { name: 'e', limit: 1, by: 'credential' },
    ];
    expect((await reads({ limits })).sort()).toEqual([
      'client getConsumer',
      'client getCredential',
      'client getForwardedIp',
      'request getHeader x-tenant',
      'request getMethod',
      'request getRawQuery',
    ]);
  });

  it('takes an invented method for the one that the service gets', async () => {
    const kong = {
      request: { getMethod: async () => 'FOO' },
      client: { getConsumer: async () => undefined },
      nginx: { getVar: async () => '/x' },
    };
    const plan = planReads(config({ limits: [{ name: 'a', limit: 1, methods: ['GET'] }] }));
    expect((await readRequest(kong as unknown as Kong, plan)).method).toBe('GET');
  });
});

describe('the identity', () => {
  it.each([
    [
      'consumer',
      {},
      { consumer: { id: 'c1', username: 'one' } },
      { consumer: { id: 'c2', username: 'one' } },
      { consumer: undefined },
    ],
    ['credential', {}, { credentialId: 'k1' }, { credentialId: 'k2' }, { credentialId: '' }],
    ['ip', {}, { ip: '10.0.0.1' }, { ip: '10.0.0.2' }, { ip: '' }],
    [
      'header',
      { by_name: 'X-Tenant' },
      { headers: new Map([['x-tenant', 'a']]) },
      { headers: new Map([['x-tenant', 'b']]) },
      { headers: new Map() },
    ],
    [
      'query',
      { by_name: 'queueId' },
      { query: new URLSearchParams('queueId=a') },
      { query: new URLSearchParams('queueId=b') },
      { query: new URLSearchParams('queueid=a') },
    ],
  ])('%s tells requests apart, and those without share one', (by, more, one, other, none) => {
    const [first, again, second, missing] = ids({ by, ...more }, one, one, other, none);
    expect(first).toBe(again);
    expect(new Set([first, second, missing]).size).toBe(3);
    expect(missing).toBe('');
  });

  it('cannot be had by naming a parameter twice', () => {
    const [ambiguous] = ids({ by: 'query', by_name: 'q' }, { query: new URLSearchParams('q=a&q=b') });
    expect(ambiguous).toBe('');
  });

  it('is nowhere told, cannot be the shared one, and is one for all if global', () => {
    const [ip, star, global] = [
      ids({ by: 'ip' }, { ip: '10.0.0.1' })[0],
      ids({ by: 'header', by_name: 'x' }, { headers: new Map([['x', '*']]) })[0],
      ids({ by: 'global' }, {})[0],
    ];
    expect(ip).toMatch(/^[\w-]{22}$/);
    expect(star).toMatch(/^[\w-]{22}$/);
    expect(global).toBe('');
  });
});

describe('whom a limit is for', () => {
  const limits = [
    { name: 'organisation', limit: 280, by: 'global' },
    { name: 'consumer', limit: 10 },
    { name: 'consumer', limit: 50, for: { consumers: ['svc-crm', 'id-of-ivr'] } },
    { name: 'consumer', limit: 5, for: { tags: ['batch', 'slow'] } },
    { name: 'batch', limit: 20, by: 'global', for: { tags: ['batch'] } },
  ];
  const limitsOf = (consumer: RequestFacts['consumer']): string[] =>
    checksOf(config({ limits }), facts({ consumer })).map(
      (check) => `${check.name} ${'limit' in check && check.limit}`,
    );
  it.each([
    ['nobody', undefined, ['organisation 280', 'consumer 10']],
    ['one that is not named', { id: '1', username: 'other', tags: ['web'] }, ['organisation 280', 'consumer 10']],
    ['one by its username', { id: '1', username: 'svc-crm' }, ['organisation 280', 'consumer 50']],
    ['one by its id', { id: 'id-of-ivr', username: 'svc-ivr' }, ['organisation 280', 'consumer 50']],
    ['one by a tag', { id: '1', username: 'x', tags: ['web', 'slow'] }, ['organisation 280', 'consumer 5']],
    [
      'one in a group that shares a budget',
      { id: '1', username: 'x', tags: ['batch'] },
      ['organisation 280', 'consumer 5', 'batch 20'],
    ],
    [
      'one that two limits name: the first of them',
      { id: '1', username: 'svc-crm', tags: ['batch'] },
      ['organisation 280', 'consumer 50', 'batch 20'],
    ],
  ])('%s', (_, consumer, expected) => {
    expect(limitsOf(consumer)).toEqual(expected);
  });

  it('only who is named gets another number, and nobody leaves a limit of all', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const caller = fc.constantFrom('u1', 'u2', 'u3');
    const some = fc.record(
      { consumers: fc.array(caller, { minLength: 1 }), tags: fc.array(fc.constantFrom('t1', 't2'), { minLength: 1 }) },
      { requiredKeys: ['consumers'] },
    );
    const general = fc.uniqueArray(fc.record({ name, limit: fc.integer({ min: 1, max: 99 }) }), {
      selector: (one) => one.name,
    });
    const special = fc.array(fc.record({ name, limit: fc.integer({ min: 100, max: 999 }), for: some }));
    const consumer = fc.record({ username: caller, id: fc.constant('i'), tags: fc.subarray(['t1', 't2']) });
    fc.assert(
      fc.property(general, special, consumer, (wide, named, who) => {
        const all = { name: 'organisation', limit: 1000, by: 'global' };
        const checks = checksOf(config({ limits: [...named, ...wide, all] }), facts({ consumer: who }));
        const counted = checks.map((check) => `${check.name} ${'limit' in check && check.limit}`).sort();
        const names = [...new Set([...wide, ...named].map((one) => one.name))];
        const expected = names.flatMap((each) => {
          const own = named.find(
            (one) =>
              one.name === each &&
              (one.for.consumers.includes(who.username) ||
                (one.for.tags ?? []).some((tag) => who.tags.includes(tag as 't1'))),
          );
          const chosen = own ?? wide.find((one) => one.name === each);
          return chosen === undefined ? [] : [`${each} ${chosen.limit}`];
        });
        expect(counted).toEqual([...expected, 'organisation 1000'].sort());
      }),
    );
  });
});

describe('the mode', () => {
  const limits = [
    { name: 'a', limit: 9 },
    { name: 'b', limit: 9, mode: 'report' },
  ];
  const spike_arrest = { rate: '1ps' };
  const named = (raw: Record<string, unknown>, mode: 'enforce' | 'report'): string[] =>
    checksOf(config({ limits, spike_arrest, ...raw }), facts(), mode).map(({ name }) => name);

  it('of a limit is its own, and of the plugin is that of all', () => {
    expect(named({}, 'enforce')).toEqual(['a', 'spike arrest']);
    expect(named({}, 'report')).toEqual(['b']);
    expect(named({ mode: 'report' }, 'enforce')).toEqual([]);
    expect(named({ mode: 'report' }, 'report')).toEqual(['a', 'b', 'spike arrest']);
  });
});

describe('the scope', () => {
  const limits = [
    { name: 'all', limit: 9 },
    { name: 'writes', limit: 9, methods: ['POST', 'PUT'] },
    { name: 'analytics', limit: 9, paths: ['/api/v2/analytics/*'] },
    { name: 'one', limit: 9, methods: ['GET'], paths: ['/api/v2/users/{id}'] },
  ];
  it.each([
    ['GET', '/api/v2/users', ['all']],
    ['GET', '/api/v2/users/1', ['all', 'one']],
    ['GET', '/api//v2/./users/%31/?x=1', ['all', 'one']],
    ['POST', '/api/v2/users/1', ['all', 'writes']],
    ['POST', '/api/v2/%61nalytics/conversations/details/query', ['all', 'writes', 'analytics']],
  ])('of %s %s is %j', (method, upstreamUri, names) => {
    const checks = checksOf(config({ limits }), facts({ method, upstreamUri }));
    expect(checks.map(({ name }) => name)).toEqual(names);
  });
});

describe('the cost', () => {
  it.each([
    ['', 2],
    ['pageSize=25', 2],
    ['pageSize=26', 4],
    ['pageSize=100', 8],
    ['pageSize=25&pageSize=100', 8],
    ['pageSize=-5', 2],
    ['pageSize=abc', 2],
    ['pageSize=1e9', 30],
    ['pageSize=Infinity', 30],
    ['PageSize=100', 2],
    // Java reads the digits of any script.
    ['pageSize=\uff11\uff10\uff10', 30],
    ['pageSize=%D9%A1%D9%A0%D9%A0', 30],
  ])('by ?%s is %i', (query, cost) => {
    const limits = [{ name: 'a', limit: 30, cost: 2, cost_by_query: { name: 'pageSize', per: 25 } }];
    expect(checksOf(config({ limits }), facts({ query: new URLSearchParams(query) }))[0]).toMatchObject({ cost });
  });
});
