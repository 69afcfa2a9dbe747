/**
 * Limits end to end: two consumers behind one address, reads against writes, the organisation's budget over several
 * routes, spike arrest, waiting, Genesys' own 429, and configurations that are refused.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { addToApi, type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

let setup: GenesysGateway;
let redis: RedisServer | undefined;
let uses = 0;

beforeAll(async () => {
  if (REDIS_MISSING === undefined) redis = await startRedis();
  setup = await startGenesysGateway();
});
afterAll(async () => {
  await setup?.close();
  await redis?.stop();
});
beforeEach(() => setup.genesys.control.reset());

/** Puts limits in place whose counters no earlier test used, and a second consumer. */
async function useQuota(quota: Record<string, unknown>, edit: (config: KongConfig) => void = () => {}): Promise<void> {
  uses += 1;
  await setup.reconfigure((config) => {
    addToApi(config, { name: 'genesys-quota', config: { namespace: `use-${uses}`, ...quota } });
    const groups = [{ group: 'readers' }, { group: 'writers' }];
    config.consumers?.push({ username: 'svc-other', acls: groups, keyauth_credentials: [{ key: 'other-key' }] });
    edit(config);
  });
}

const PATH = '/api/v2/tokens/me';
const OTHER = { headers: { apikey: 'other-key' } };

async function send(init: RequestInit = {}, path = PATH) {
  const response = await setup.get(path, init);
  const body = (await response.json()) as { code?: string; message?: string };
  return { status: response.status, code: body.code, message: body.message, headers: response.headers };
}

async function statuses(count: number, init: RequestInit = {}, path = PATH): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i += 1) seen.push((await send(init, path)).status);
  return seen;
}

const policies: [string, () => Record<string, unknown>][] = [['local', () => ({ policy: 'local' })]];
if (REDIS_MISSING === undefined) {
  policies.push([
    'redis',
    () => ({ policy: 'redis', redis: { port: redis?.port, timeout_ms: 1000 }, on_redis_error: 'reject' }),
  ]);
}

describe.each(policies)('policy %s', (_, policy) => {
  it('two consumers behind one address have budgets of their own, and are told', async () => {
    await useQuota({ ...policy(), limits: [{ name: 'share', limit: 3, window: 'hour' }] });
    expect(await statuses(4)).toEqual([200, 200, 200, 429]);
    expect(await statuses(4, OTHER)).toEqual([200, 200, 200, 429]);
    const { code, message, headers } = await send();
    const retryAfter = Number(headers.get('retry-after'));
    expect(code).toBe('gateway.quota.exceeded');
    expect(message).toBe(`Rate limit exceeded the maximum of share. Retry the request in [${retryAfter}] seconds`);
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(7200);
    expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['3', '0']);
    expect(headers.get('ratelimit-reset')).toBe(String(retryAfter));
    // What was refused never came to Genesys, nor did it cost a token.
    expect(setup.genesys.control.counts()).toMatchObject({ apiRequests: 6, tokenRequests: expect.toBeOneOf([0, 1]) });
  });

  it('one consumer has more than the others, one less, and the organisation keeps its limit', async () => {
    const limits = [
      { name: 'organisation', limit: 9, window: 'hour', by: 'global' },
      { name: 'consumer', limit: 2, window: 'hour' },
      { name: 'consumer', limit: 5, window: 'hour', for: { consumers: ['svc-other'] } },
      { name: 'consumer', limit: 1, window: 'hour', for: { tags: ['slow'] } },
    ];
    const tagged = { headers: { apikey: 'tagged-key' } };
    await useQuota({ ...policy(), limits }, (config) => {
      const acls = [{ group: 'readers' }];
      const keyauth_credentials = [{ key: 'tagged-key' }];
      config.consumers?.push({ username: 'svc-tagged', tags: ['slow'], acls, keyauth_credentials } as never);
    });
    expect(await statuses(3)).toEqual([200, 200, 429]);
    expect(await statuses(6, OTHER)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await statuses(2, tagged)).toEqual([200, 429]);
    const { message } = await send(OTHER);
    expect(message).toContain('the maximum of consumer');
    // Eight of nine are used.
    await useQuota({ ...policy(), namespace: `use-${uses}`, limits: [...limits.slice(0, 1), { name: 'x', limit: 9 }] });
    expect(await statuses(2)).toEqual([200, 429]);
    expect((await send()).message).toContain('the maximum of organisation');
  });

  it('in report mode no answer is another one than without the plugin, and the metrics say what would be refused', async () => {
    /** What a client sees of requests of all kinds, but for what differs each time. */
    const seen = async () => {
      const answers = [];
      for (const init of [{}, OTHER, { headers: { apikey: 'wrong' } }, { method: 'POST', body: '{}' }, {}, {}, {}]) {
        const response = await setup.get(PATH, init);
        const headers = [...response.headers].filter(
          ([name]) => !/^(date|x-kong-.*|x-correlation-id|inin-correlation-id|via|inin-ratelimit-.*)$/.test(name),
        );
        const body = (await response.text()).replace(/[0-9a-f-]{32,36}/g, 'ID');
        answers.push({ status: response.status, headers, body });
      }
      return answers;
    };
    const quota = {
      ...policy(),
      mode: 'report',
      limits: [
        { name: 'share', limit: 2, window: 'hour' },
        { name: 'whole', limit: 10, by: 'global', reserved: [{ consumers: ['svc-other'], share: 90 }] },
      ],
      concurrent: [{ name: 'jobs', limit: 1 }],
      spike_arrest: { rate: '1pm' },
      max_wait_ms: 2000,
      priority: [{ consumers: ['svc-other'], level: 'high' }],
    };
    await useQuota(quota, (config) => {
      for (const route of config.services.flatMap(({ routes }) => routes)) {
        route.plugins = route.plugins.filter(({ name }) => name !== 'genesys-quota');
      }
    });
    const without = await seen();
    await useQuota(quota);
    expect(await seen()).toEqual(without);
    await useQuota({ ...quota, report_header: true });
    const told = [];
    for (let i = 0; i < 4; i += 1) told.push((await send()).headers.get('x-genesys-quota-report'));
    expect(told).toEqual([null, 'spike arrest', 'spike arrest', 'spike arrest']);
  });

  it('a limit in report mode counts beside one that refuses, and takes nothing from it', async () => {
    await useQuota({
      ...policy(),
      report_header: true,
      limits: [
        { name: 'real', limit: 4, window: 'hour' },
        { name: 'planned', limit: 2, window: 'hour', mode: 'report' },
      ],
    });
    const answers = [];
    for (let i = 0; i < 5; i += 1) {
      const { status, headers } = await send();
      answers.push([status, headers.get('x-genesys-quota-report'), headers.get('ratelimit-limit')]);
    }
    expect(answers).toEqual([
      [200, null, '4'],
      [200, null, '4'],
      [200, 'planned', '4'],
      [200, 'planned', '4'],
      [429, null, '4'],
    ]);
  });

  it('clients that are refused together are told different times, and none too early', async () => {
    const limits = [{ name: 'share', limit: 1, window: 'day', algorithm: 'fixed', by: 'global' }];
    await useQuota({ ...policy(), retry_after_jitter_percent: 100, limits });
    expect(await statuses(1)).toEqual([200]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
    const dayEndsIn = 86_400 - ((Date.now() / 1000) % 86_400);
    const waits = answers.map(({ headers }) => Number(headers.get('retry-after')));
    expect(new Set(waits).size).toBeGreaterThan(3);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(Math.floor(dayEndsIn));
    for (const [index, { headers, message }] of answers.entries()) {
      expect(headers.get('ratelimit-reset')).toBe(String(waits[index]));
      expect(message).toContain(`in [${waits[index]}] seconds`);
    }
  });

  it('clients are warned before a limit is used up, and the log says so once for each consumer', async () => {
    const limits = [
      { name: 'share', limit: 4, window: 'day', algorithm: 'fixed', warn_at: 75 },
      { name: 'bill', limit: 100, window: 'month', by: 'global', warn_at: 7 },
    ];
    await useQuota({ ...policy(), warn_header: true, limits });
    const warned = async (init?: RequestInit) => (await send(init)).headers.get('x-genesys-quota-warning');
    const share = (remaining: number) => expect.stringMatching(`^"share";remaining=${remaining};reset=\\d+$`);
    expect([await warned(), await warned(), await warned(), await warned()]).toEqual([null, null, share(1), share(0)]);
    expect([await warned(OTHER), await warned(OTHER)]).toEqual([null, null]);
    expect(await warned(OTHER)).toMatch(/^"share";remaining=1;reset=\d+, "bill";remaining=93;reset=\d+$/);
    const line = `genesys-quota: use-${uses}: nearly used up: share 3 of 4 (`;
    await waitFor('the log to say so', () => setup.gateway.log().includes(line));
    expect(setup.gateway.log().split(line)).toHaveLength(2);
  });

  it.each([
    ['month', 15],
    ['week', 7],
  ])('a %s has a budget until its day %i in UTC, and says so', async (window, startsOn) => {
    await useQuota({ ...policy(), limits: [{ name: 'bill', limit: 2, window, starts_on: startsOn, by: 'global' }] });
    const nowMs = Date.now();
    const { headers } = await send();
    const end = new Date(nowMs);
    end.setUTCHours(24, 0, 0, 0);
    const isOver = (): boolean =>
      window === 'month' ? end.getUTCDate() === startsOn : end.getUTCDay() === startsOn % 7;
    while (!isOver()) end.setUTCDate(end.getUTCDate() + 1);
    const seconds = (end.getTime() - nowMs) / 1000;
    expect(headers.get('ratelimit-remaining')).toBe('1');
    expect(Math.abs(Number(headers.get('ratelimit-reset')) - seconds)).toBeLessThan(10);
    expect(await statuses(2)).toEqual([200, 429]);
    expect(Math.abs(Number((await send()).headers.get('retry-after')) - seconds)).toBeLessThan(20);
  });

  it('each path of a consumer has a budget of its own, ids left out', async () => {
    const limits = [{ name: 'path', limit: 2, window: 'hour', and_by: ['path', 'method'] }];
    await useQuota({ ...policy(), limits });
    const seen = [];
    for (const path of ['/api/v2/users/1', '/api/v2/users/2', '/api/v2/users/3?expand=1', '/api/v2//users/4', PATH])
      seen.push((await send({}, path)).status === 429);
    expect(seen).toEqual([false, false, true, true, false]);
    expect((await send(OTHER, '/api/v2/users/1')).status).not.toBe(429);
    expect((await send({ method: 'POST', body: '{}' }, '/api/v2/users/1')).status).not.toBe(429);
    expect((await send({}, '/api/v2/users/1')).status).toBe(429);
  });

  it('reads are not stopped by writes, and a refused write takes nothing from the whole', async () => {
    await useQuota({
      ...policy(),
      limits: [
        { name: 'whole', limit: 5, window: 'hour', by: 'global' },
        { name: 'writes', limit: 2, window: 'hour', methods: ['POST'] },
      ],
    });
    const post = { method: 'POST', body: '{}' };
    // The token manager refuses it, after it was counted.
    expect(await statuses(5, post)).toEqual([403, 403, 429, 429, 429]);
    const { status, headers } = await send();
    expect([status, headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual([200, '5', '2']);
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  it('the organisation has one budget over services and consumers, in one namespace', async () => {
    const limits = [{ name: 'organisation', limit: 4, window: 'hour', by: 'global' }];
    await useQuota({ ...policy(), limits }, (config) => {
      const [service] = config.services;
      const route = structuredClone(service?.routes[0]);
      if (service === undefined || route === undefined) throw new Error('no service');
      config.services.push({
        ...structuredClone(service),
        name: 'second',
        path: undefined,
        routes: [{ ...route, name: 'second', paths: ['/second'], strip_path: true } as typeof route],
      });
    });
    expect(await statuses(2)).toEqual([200, 200]);
    expect(await statuses(3, OTHER, `/second${PATH}`)).toEqual([200, 200, 429]);
    expect(await statuses(1)).toEqual([429]);
  });

  it('a path has a budget of its own that no prefix, encoding or double slash leads around', async () => {
    const limits = [{ name: 'me', limit: 2, window: 'hour', paths: ['/api/v2/tokens/{id}'], by: 'global' }];
    await useQuota({ ...policy(), limits });
    const paths = [
      PATH,
      '/api/v2/%74okens/me',
      '/api/v2//tokens/me/',
      '/api/v2/x/../tokens/me',
      '/api/v2/users?pageSize=1',
    ];
    const seen: number[] = [];
    for (const path of paths) seen.push((await send({}, path)).status);
    expect(seen.filter((status) => status === 429)).toHaveLength(2);
    expect(seen.at(-1)).toBe(200);
  });

  it('a query parameter can be the identity, and can be what a request costs', async () => {
    await useQuota({
      ...policy(),
      limits: [
        { name: 'queue', limit: 1, window: 'hour', by: 'query', by_name: 'queueId' },
        {
          name: 'pages',
          limit: 8,
          window: 'hour',
          cost_by_query: { name: 'pageSize', per: 25 },
          paths: ['/api/v2/users'],
        },
      ],
    });
    const seen: number[] = [];
    for (const query of ['queueId=a', 'queueId=b', 'queueId=a', '', 'queueId=a&queueId=c']) {
      seen.push((await send({}, `${PATH}?${query}`)).status);
    }
    expect(seen).toEqual([200, 200, 429, 200, 429]);
    const costs: number[] = [];
    for (const query of ['queueId=d&pageSize=100', 'queueId=e&pageSize=101', 'queueId=f&pageSize=100']) {
      costs.push((await send({}, `/api/v2/users?${query}`)).status);
    }
    expect(costs).toEqual([200, 429, 200]);
  });

  it('a spike is refused, or smoothed if requests may wait', async () => {
    await useQuota({ ...policy(), spike_arrest: { rate: '5pm', by: 'global', burst: 2 } });
    const refused = await Promise.all([send(), send(), send(), send()]);
    expect(refused.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429]);
    expect(Number(refused.find(({ status }) => status === 429)?.headers.get('retry-after'))).toBe(12);

    await useQuota({ ...policy(), spike_arrest: { rate: '5ps', by: 'global' }, max_wait_ms: 5000 });
    const startedAt = performance.now();
    const smoothed = await Promise.all([send(), send(), send(), send()]);
    expect(smoothed.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(performance.now() - startedAt).toBeGreaterThan(590);
  });

  it('what is reserved for a consumer is not taken by others, who may use the rest', async () => {
    const reserved = [{ consumers: ['svc-other'], share: 40 }];
    const limits = [{ name: 'organisation', limit: 10, window: 'day', by: 'global', algorithm: 'fixed', reserved }];
    await useQuota({ ...policy(), limits });
    // Of a day that is nearly over, a part of the share is lent.
    const left = 1 - (Date.now() % 86_400_000) / 86_400_000;
    const kept = Math.ceil(4 * left);
    const own = await statuses(10);
    expect(own.filter((status) => status === 200)).toHaveLength(10 - kept);
    const { status, message, headers } = await send();
    expect([status, headers.get('ratelimit-remaining')]).toEqual([429, '0']);
    expect(message).toContain('the maximum of organisation');
    const other = await send(OTHER);
    expect([other.status, other.headers.get('ratelimit-remaining')]).toEqual([200, String(kept - 1)]);
    expect((await statuses(4, OTHER)).filter((one) => one === 200)).toHaveLength(kept - 1);
  });

  describe('requests in flight', () => {
    const hang = () => setup.genesys.control.setFault('api', { hang: true });
    const goOn = () => setup.genesys.control.clearFaults('api');
    afterEach(goOn);

    /** Sends requests that Genesys does not answer yet. */
    async function start(count: number, init: RequestInit = {}) {
      const before = setup.genesys.control.counts().apiRequests;
      const sent = Array.from({ length: count }, () => send(init));
      await waitFor('Genesys to have them', () => setup.genesys.control.counts().apiRequests === before + count);
      return sent;
    }
    const ofAll = async (sent: ReturnType<typeof send>[]) => (await Promise.all(sent)).map(({ status }) => status);

    it('are as many as the limit, for each consumer, and each is counted until its answer is sent', async () => {
      await useQuota({ ...policy(), concurrent: [{ name: 'jobs', limit: 2 }] });
      expect(await statuses(5)).toEqual([200, 200, 200, 200, 200]);
      hang();
      const own = await start(2);
      const other = await start(1, OTHER);
      const { status, code, message, headers } = await send();
      expect([status, code]).toEqual([429, 'gateway.quota.exceeded']);
      expect(message).toBe('Rate limit exceeded the maximum of jobs. Retry the request in [1] seconds');
      expect([headers.get('retry-after'), headers.get('ratelimit-limit')]).toEqual(['1', '2']);
      goOn();
      expect(await ofAll([...own, ...other])).toEqual([200, 200, 200]);
      await waitFor('both places to be free', async () => (await ofAll([send(), send()])).every((one) => one === 200));
    });

    it('end when the client goes away, when Genesys refuses, and when no token can be had', async () => {
      await useQuota({ ...policy(), concurrent: [{ name: 'jobs', limit: 1, by: 'global' }] });
      hang();
      const client = new AbortController();
      const [sent = expect.fail()] = await start(1, { signal: client.signal });
      expect((await send(OTHER)).status).toBe(429);
      client.abort();
      await expect(sent).rejects.toThrow();
      goOn();
      await waitFor('the place of who went away', async () => (await send()).status === 200);
      for (const path of ['/api/v2/users/none', '/api/v2/no-such-thing', PATH, PATH]) {
        await waitFor('the place before', async () => (await send({}, path)).status !== 429);
      }
    });

    it('are waited for, in turn', async () => {
      const priority = [{ consumers: ['svc-other'], level: 'high', max_wait_ms: 15_000 }];
      const concurrent = [{ name: 'jobs', limit: 1, by: 'global' }];
      await useQuota({ ...policy(), max_wait_ms: 20_000, priority, concurrent });
      hang();
      const first = await start(1);
      const waiting = [send(), send(OTHER), send()];
      const unlimited = send({}, '/no-such-route');
      expect((await Promise.race([...waiting, unlimited])).status).toBe(404);
      goOn();
      expect(await ofAll([...first, ...waiting])).toEqual([200, 200, 200, 200]);
    });

    it('in report mode are counted, and refused by nobody', async () => {
      const concurrent = [{ name: 'jobs', limit: 1, mode: 'report' }];
      await useQuota({ ...policy(), report_header: true, concurrent });
      hang();
      const first = await start(1);
      const second = await start(1);
      goOn();
      const told = (await Promise.all([...first, ...second])).map(({ status, headers }) => [
        status,
        headers.get('x-genesys-quota-report'),
      ]);
      expect(told).toEqual([
        [200, null],
        [200, 'jobs'],
      ]);
      await waitFor('the place to be free', async () => (await send()).headers.get('x-genesys-quota-report') === null);
    });
  });

  it("Genesys' own 429 is followed: for the route first, and other routes go on", async () => {
    await useQuota({ ...policy() });
    setup.genesys.control.stub({
      method: 'GET',
      path: '/api/v2/limited/{id}',
      status: 429,
      // Long: genesys-token-manager still knows it from the policy before.
      headers: { 'Retry-After': '60' },
      body: {},
    });
    expect((await send({}, '/api/v2/limited/1')).status).toBe(429);
    await waitFor('the gateway to answer for the route by itself', async () => {
      const before = setup.genesys.control.counts().apiRequests;
      const { status, code, headers } = await send(OTHER, '/api/v2/limited/2');
      expect(status).toBe(429);
      if (setup.genesys.control.counts().apiRequests > before) return false;
      expect(code).toBe('too.many.requests.retry.after');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(25);
      return true;
    });
    const before = setup.genesys.control.counts().apiRequests;
    for (const [path, status] of [
      ['/api/v2/limited;v=1/3', 400],
      ['/api/v2/%6cimited/%33', 429],
      ['/api/v2//LIMITED/3', 429],
      ['/api/v2//LIMITED%2F3', 400],
      ['/api/v2/limited/3/;/', 400],
    ] as const) {
      expect((await send(OTHER, path)).status, path).toBe(status);
    }
    expect(setup.genesys.control.counts().apiRequests).toBe(before);
    expect((await send()).status).toBe(200);
  });
});

it.each<[string, Record<string, unknown>, RegExp]>([
  ['a limit of 0', { limits: [{ name: 'a', limit: 0 }] }, /limit[\s\S]*(between|greater)/],
  ['a window of 0', { limits: [{ name: 'a', limit: 1, window_seconds: 0 }] }, /window_seconds[\s\S]*(between|greater)/],
  ['by header without by_name', { limits: [{ name: 'a', limit: 1, by: 'header' }] }, /by_name[\s\S]*required/],
  [
    'a month that begins on the 29th',
    { limits: [{ name: 'a', limit: 1, window: 'month', starts_on: 29 }] },
    /starts_on/,
  ],
  ['two windows', { limits: [{ name: 'a', limit: 1, window: 'day', window_seconds: 9 }] }, /window/],
  ['10px', { spike_arrest: { rate: '10px' } }, /rate/],
  ['a spike by query without by_name', { spike_arrest: { rate: '1ps', by: 'query' } }, /by_name[\s\S]*required/],
])('%s is refused when it is written', async (_what, quota, reason) => {
  await expect(useQuota(quota)).rejects.toThrow(reason);
});

it('a name twice is refused when an instance starts: closed, with the field in the log', async () => {
  await useQuota({ limits: [1, 2].map((limit) => ({ name: 'twice', limit })) });
  const response = await setup.get(PATH);
  await response.arrayBuffer();
  expect(response.status).toBe(500);
  expect(setup.genesys.control.counts().apiRequests).toBe(0);
  await waitFor('the log to name the field', () => setup.gateway.log().includes('limits[1].name'));
});

describe('counts in a node', () => {
  let many: GenesysGateway;
  beforeAll(async () => {
    many = await startGenesysGateway({ workers: 3 });
  });
  afterAll(() => many?.close());

  const limitOf = (limit: number) => (config: KongConfig) => {
    const limits = [{ name: 'whole', limit, window: 'hour', by: 'global' }];
    addToApi(config, { name: 'genesys-quota', config: { limits } });
  };
  const admitted = async (count: number): Promise<number> => {
    const responses = Array.from({ length: count }, async () => {
      const response = await many.get(PATH, { headers: { Connection: 'close' } });
      await response.arrayBuffer();
      return response.status;
    });
    return (await Promise.all(responses)).filter((status) => status === 200).length;
  };

  it('are shared by all nginx workers, and kept when the configuration changes', async () => {
    await many.reconfigure(limitOf(40));
    expect(await admitted(100)).toBe(40);
    await many.reconfigure(limitOf(55));
    expect(await admitted(100)).toBe(15);
  });
});

describe('the limits that ship', () => {
  let shipped: GenesysGateway;
  beforeAll(async () => {
    shipped = await startGenesysGateway({ withQuota: true });
  });
  afterAll(() => shipped?.close());

  it('let a page of users through, and few analytics queries', async () => {
    const response = await shipped.get('/api/v2/users?pageSize=2');
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(response.headers.get('ratelimit-limit')).toBe('140');
    const query = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
    const seen = new Map<number, number>();
    for (let i = 0; i < 25; i += 1) {
      const { status, body } = await shipped.get('/api/v2/analytics/conversations/details/query', query);
      await body?.cancel();
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    expect(seen.get(429)).toBe(5);
  });
});
