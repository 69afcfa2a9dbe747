/** The plugin on a fake `kong`: what it reads, what clients are told, what the log phase learns. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { REDIS_MISSING, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { guarded } from '../../test/support/guarded.js';
import { BARE_HOST } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { createRedisConnections } from '../shared/redis/connection.js';
import { readConfig } from './config.js';
import { parsePlaces } from './flights.js';
import { Plugin, start, variants } from './index.js';
import { createNamespaces } from './namespaces.js';

const { operations = [], metrics = [] } = start();

/** Ends an event, as Kong's exit does. */
class Exit {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string>;
  constructor(status: number, body: string, headers: Record<string, string>) {
    this.status = status;
    this.body = JSON.parse(body) as Record<string, unknown>;
    this.headers = headers;
  }
}

interface Fake {
  mark?: string | null;
  status?: number;
  source?: string;
  entry?: object;
  headers?: Record<string, string>;
  /** What access has left in `ctx.shared` of other keys. */
  shared?: Record<string, string>;
}

let calls: [string, ...unknown[]][];
beforeEach(() => {
  calls = [];
});

function fakeKong({
  mark = 't/1',
  status = 200,
  source = 'service',
  entry = {},
  headers = {},
  shared,
}: Fake = {}): Kong {
  const call =
    <T>(name: string, value: (...args: string[]) => T) =>
    async (...args: string[]) => {
      calls.push([name, ...args]);
      return value(...args);
    };
  return {
    client: { getConsumer: call('getConsumer', () => ({ id: 'c1', username: 'svc-crm' })) },
    ctx: {
      shared: {
        get: call('mark', (key) =>
          shared === undefined || key === 'genesys_token' ? mark : (shared[key ?? ''] ?? null),
        ),
        set: call('share', () => undefined),
      },
    },
    log: {
      err: call('err', () => undefined),
      warn: call('warn', () => undefined),
      serialize: call('serialize', () => JSON.stringify(entry)),
      setSerializeValue: call('setSerializeValue', () => undefined),
    },
    nginx: { getVar: guarded(call('getVar', () => 'request-1')) },
    response: {
      getStatus: call('status', () => status),
      getSource: call('source', () => source),
      getHeader: call('getHeader', (name) => headers[name]),
      setHeaders: call('setHeaders', () => undefined),
      exit: async (code: number, body: string, answer: Record<string, string>) => {
        throw new Exit(code, body, answer);
      },
    },
  } as unknown as Kong;
}

let names = 0;
function plugin(config: Record<string, unknown>): Required<Pick<PluginInstance, 'access' | 'log'>> {
  names += 1;
  const instance = new Plugin({ namespace: `test-${names}`, ...config });
  return {
    access: (kong) => instance.access?.(kong) ?? expect.fail('no access phase'),
    log: (kong) => instance.log?.(kong) ?? expect.fail('no log phase'),
  };
}

async function exitOf(run: Promise<void>): Promise<Exit> {
  const exit: unknown = await run.then(() => undefined).catch((error: unknown) => error);
  if (!(exit instanceof Exit)) throw new Error('the request was not refused');
  return exit;
}

async function useOf(namespace: string): Promise<unknown> {
  const usage = operations.find(({ path }) => path === '/usage');
  const { body } = (await usage?.run(new URLSearchParams())) ?? {};
  const { namespaces } = body as { namespaces: { namespace: string; consumers: unknown }[] };
  return namespaces.find((one) => one.namespace === namespace)?.consumers;
}

const limits = [{ name: 'small', limit: 1, by: 'global', window: 'hour' }];

describe('access', () => {
  it('tells what is left, and reads the consumer alone if no limit uses more', async () => {
    await plugin({ limits }).access(fakeKong());
    expect(calls).toEqual([
      ['getConsumer'],
      [
        'setHeaders',
        { 'RateLimit-Limit': '1', 'RateLimit-Remaining': '0', 'RateLimit-Reset': expect.stringMatching(/^\d{1,4}$/) },
      ],
    ]);
  });

  it("refuses in Genesys' shape, with the time that it takes", async () => {
    const quota = plugin({ limits });
    await quota.access(fakeKong());
    const { status, body, headers } = await exitOf(quota.access(fakeKong()));
    const retryAfter = Number(headers['Retry-After']);
    expect(status).toBe(429);
    expect(body).toEqual({
      message: `Rate limit exceeded the maximum of small. Retry the request in [${retryAfter}] seconds`,
      code: 'gateway.quota.exceeded',
      status: 429,
      contextId: 'request-1',
      details: [],
      errors: [],
    });
    expect(headers).toMatchObject({
      'RateLimit-Limit': '1',
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': String(retryAfter),
    });
    expect(calls).toContainEqual(['setSerializeValue', 'genesys_quota.refused_by', 'small']);
  });

  it('says nothing of limits if it is not to', async () => {
    const quota = plugin({ limits, hide_headers: true });
    await quota.access(fakeKong());
    expect(calls).toEqual([['getConsumer']]);
    const { headers } = await exitOf(quota.access(fakeKong()));
    expect(Object.keys(headers).sort()).toEqual(['Content-Type', 'Retry-After']);
  });

  describe('of a limit that warns', () => {
    const warning = { name: 'busy', limit: 4, window: 'hour', warn_at: 50 };
    const told = () => calls.flatMap(([name, value]) => (name === 'warn' ? [value] : []));
    const headers = () =>
      calls.flatMap(([name, value]) =>
        name === 'setHeaders' ? [(value as Record<string, string>)['X-Genesys-Quota-Warning']] : [],
      );

    it('logs it once, and tells clients each time if it is to', async () => {
      const quota = plugin({ namespace: 'warns', warn_header: true, hide_headers: true, limits: [warning] });
      for (let n = 0; n < 4; n++) await quota.access(fakeKong());
      expect(told()).toEqual(['genesys-quota: warns: nearly used up: busy 2 of 4 (svc-crm)']);
      const left = (remaining: number) => expect.stringMatching(`^"busy";remaining=${remaining};reset=\\d{1,4}$`);
      expect(headers()).toEqual([left(2), left(1), left(0)]);
    });

    it('has its metric from the start, so that its first warning is an increase', () => {
      plugin({ namespace: 'warns-from-0', limits: [warning, { name: 'silent', limit: 1 }] });
      const family = metrics.find(({ name }) => name === 'genesys_quota_warnings_total') ?? expect.fail();
      const samples = [...family.read()].filter(({ labels }) => labels.namespace === 'warns-from-0');
      expect(samples).toEqual([{ labels: { namespace: 'warns-from-0', limit: 'busy' }, value: 0 }]);
    });

    it('tells clients nothing unless it is to, nor in report mode', async () => {
      const quiet = plugin({ hide_headers: true, limits: [warning] });
      const reporting = plugin({ mode: 'report', warn_header: true, limits: [warning] });
      const planned = plugin({ hide_headers: true, warn_header: true, limits: [{ ...warning, mode: 'report' }] });
      for (const quota of [quiet, reporting, planned]) {
        calls = [];
        for (let n = 0; n < 5; n++) await quota.access(fakeKong()).catch(() => {});
        expect([told().length, headers()]).toEqual([1, []]);
      }
    });
  });

  it('keeps counts for another instance of the same namespace, and of the same configuration', async () => {
    for (const own of [{ namespace: 'kept' }, { namespace: null, __plugin_id: 'p1' }]) {
      await plugin({ limits, ...own }).access(fakeKong());
      expect((await exitOf(plugin({ limits, ...own }).access(fakeKong()))).status).toBe(429);
      const changed = plugin({ limits: [{ ...limits[0], limit: 2 }], ...own });
      await changed.access(fakeKong());
      expect((await exitOf(changed.access(fakeKong()))).status).toBe(429);
    }
  });
});

it('spike arrests of one rate and two bursts, in one namespace, do not undo each other', async () => {
  const [one, two] = [1, 2].map((burst) => {
    return plugin({ namespace: 'bursts', spike_arrest: { rate: '1pm', by: 'global', burst } });
  });
  await one?.access(fakeKong());
  await two?.access(fakeKong());
  await two?.access(fakeKong());
  for (const quota of [one, two, one])
    expect((await exitOf(quota?.access(fakeKong()) ?? expect.fail())).status).toBe(429);
});

describe('the clock of this machine, set forward by mistake and back again,', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    return () => vi.useRealTimers();
  });

  it('neither opens a window nor keeps one from ending', async () => {
    const quota = plugin({ limits: [{ name: 'small', limit: 1, by: 'global', window: 'minute', algorithm: 'fixed' }] });
    await quota.access(fakeKong());
    const nowMs = Date.now();
    vi.setSystemTime(nowMs + 86_400_000);
    expect((await exitOf(quota.access(fakeKong()))).status).toBe(429);
    vi.setSystemTime(nowMs);
    expect((await exitOf(quota.access(fakeKong()))).status).toBe(429);
    vi.advanceTimersByTime(60_000);
    await quota.access(fakeKong());
    expect((await exitOf(quota.access(fakeKong()))).status).toBe(429);
  });
});

it('the metrics say what is used of a month, in report mode too', async () => {
  const limits = [{ name: 'bill', limit: 4, window: 'month', by: 'global' }];
  await plugin({ namespace: 'budget', limits }).access(fakeKong());
  await plugin({ namespace: 'budget-report', mode: 'report', limits }).access(fakeKong());
  await vi.waitFor(() => expect(valuesOf('used_ratio')).toEqual({ budget: 0.25, 'budget-report': 0.25 }));
  const end = new Date();
  expect(valuesOf('end_timestamp_seconds').budget).toBe(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1) / 1000);
  const begin = Date.UTC(end.getUTCFullYear(), end.getUTCMonth()) / 1000;
  expect(valuesOf('used_up_timestamp_seconds').budget).toBeCloseTo(begin + (Date.now() / 1000 - begin) * 4, -1);

  function valuesOf(name: string): Record<string, number> {
    const samples = metrics.find((family) => family.name === `genesys_quota_budget_${name}`)?.read() ?? [];
    return Object.fromEntries([...samples].map(({ labels, value }) => [labels.namespace, value]));
  }
});

describe('requests in flight', () => {
  const concurrent = [{ name: 'jobs', limit: 1 }];
  /** What access has left in `ctx.shared`. */
  const left = () => calls.flatMap(([name, key, value]) => (name === 'share' ? [[key, value]] : []));
  const shared = (): Record<string, string> => Object.fromEntries(left());
  const inFlight = (namespace: string) => {
    const family = metrics.find(({ name }) => name === 'genesys_quota_in_flight') ?? expect.fail();
    return [...family.read()].filter(({ labels }) => labels.namespace === namespace);
  };

  it('are counted from access to log, by whichever instance', async () => {
    const [one, other] = [plugin({ concurrent, namespace: 'flights' }), plugin({ concurrent, namespace: 'flights' })];
    await one.access(fakeKong());
    const first = shared();
    expect(Object.keys(first)).toEqual(['genesys_quota_in_flight flights']);
    expect(inFlight('flights')).toEqual([{ labels: { namespace: 'flights', limit: 'jobs' }, value: 1 }]);
    calls = [];
    expect((await exitOf(other.access(fakeKong()))).headers).toMatchObject({ 'Retry-After': '1' });
    // The log phase of a request that was refused, or that another plugin refused before, frees nothing.
    expect(left()).toEqual([]);
    await other.log(fakeKong({ shared: {} }));
    await exitOf(one.access(fakeKong()));
    await other.log(fakeKong({ shared: first }));
    expect(inFlight('flights')).toEqual([{ labels: { namespace: 'flights', limit: 'jobs' }, value: 0 }]);
    await one.access(fakeKong());
  });

  it('cost the log phase nothing if nobody limits them', async () => {
    await plugin({ limits, follow_upstream: false }).log(fakeKong());
    expect(calls).toEqual([['status']]);
  });

  it('in report mode are counted, and end, in a Redis too that is slow to count', async () => {
    const redis = REDIS_MISSING === undefined ? await startRedis() : undefined;
    const settings = redis && { policy: 'redis', redis: { port: redis.port, timeout_ms: 5000 } };
    const namespace = 'planned-flights';
    const key = `genesys_quota_in_flight ${namespace}`;
    try {
      const quota = plugin({ namespace, mode: 'report', concurrent, ...settings });
      for (let n = 0; n < 3; n++) {
        calls = [];
        await quota.access(fakeKong());
        const { [key]: mark = expect.fail('no mark') } = shared();
        // At once: it may not have been counted yet.
        await quota.log(fakeKong({ shared: { [key]: mark } }));
        expect(inFlight(namespace)).toEqual([{ labels: { namespace, limit: 'jobs' }, value: 0 }]);
        expect(redis?.cli('keys', '*') ?? '').toBe('');
      }
    } finally {
      await redis?.stop();
    }
  });

  it('in Redis are freed by another process than the one that counted them', unless(REDIS_MISSING), async () => {
    const server = await startRedis();
    try {
      const settings = { concurrent, policy: 'redis', redis: { port: server.port, timeout_ms: 5000 } };
      const quota = plugin({ ...settings, namespace: 'crashed' });
      await quota.access(fakeKong());
      expect(server.cli('keys', '*')).toMatch(/^genesys:quota:{crashed}:jobs:in-flight300:consumer:[\w-]{22}$/);
      const next = createNamespaces(createRedisConnections()).open(
        readConfig({ ...settings, namespace: 'crashed' }, BARE_HOST),
      );
      await next.shared?.redis.firstContact(5000);
      await next.flights.end(parsePlaces(Object.values(shared())[0] ?? null) ?? expect.fail());
      expect(server.cli('keys', '*')).toBe('');
      await next.shared?.redis.close();
      await quota.access(fakeKong());
    } finally {
      await server.stop();
    }
  });
});

it('shares that are reserved in report mode refuse nobody, and say whom they would refuse', async () => {
  const reserved = [{ consumers: ['svc-other'], share: 50 }];
  const whole = { name: 'whole', limit: 4, window_seconds: 2_592_000, by: 'global', algorithm: 'fixed' };
  for (const [index, mode] of [{ mode: 'report' }, { limits: [{ ...whole, mode: 'report', reserved }] }].entries()) {
    const quota = plugin({
      namespace: `planned-${index}`,
      report_header: true,
      limits: [{ ...whole, reserved }],
      ...mode,
    });
    calls = [];
    for (let n = 0; n < 6; n++) await quota.access(fakeKong());
    const told = calls.flatMap(([name, headers]) => (name === 'setHeaders' ? [headers] : []));
    // The last request of a share is kept until the window ends, at least.
    expect(told.length).toBeGreaterThanOrEqual(3);
    expect(told.every((one) => (one as Record<string, string>)['X-Genesys-Quota-Report'] === 'whole')).toBe(true);
  }
});

describe('without its log phase', () => {
  const WithoutLog = variants['without-log'] ?? expect.fail('no such variant');

  it('has access alone, and counts as with it', async () => {
    expect('log' in WithoutLog.prototype).toBe(false);
    const quota = new WithoutLog({ namespace: 'without-log', limits, follow_upstream: false });
    await quota.access?.(fakeKong());
    expect((await exitOf(quota.access?.(fakeKong()) ?? expect.fail())).status).toBe(429);
  });

  it('refuses to count requests in flight, whose end it would not see', () => {
    const config = { follow_upstream: false, concurrent: [{ name: 'jobs', limit: 1 }] };
    expect(() => new WithoutLog(config)).toThrow('config.concurrent waits for requests to end, which a plugin server');
  });

  it.each([{}, { follow_upstream: true }])('refuses what it could not do: %j', (config) => {
    expect(() => new WithoutLog({ limits, ...config })).toThrow(
      'config.follow_upstream is on by default and learns from answers, which a plugin server started with --without-log does not see',
    );
  });
});

describe('a Redis that refuses to count', unless(REDIS_MISSING), () => {
  it('is logged once a minute, and so is another one', async () => {
    const servers = await Promise.all([startRedis(), startRedis()]);
    try {
      const nodes = servers.map((server) => {
        // No string, so that the script fails.
        server.cli('lpush', 'genesys:quota:{faulty}:small:3600000:global:', 'x');
        return plugin({ namespace: 'faulty', limits, policy: 'redis', redis: { port: server.port, timeout_ms: 5000 } });
      });
      const logged: string[][] = [];
      for (const node of nodes) {
        calls = [];
        await node.access(fakeKong());
        await exitOf(node.access(fakeKong()));
        logged.push(calls.flatMap(([name, line]) => (name === 'err' ? [String(line)] : [])));
      }
      const line = expect.stringMatching(/^genesys-quota: Redis refuses to count: .*WRONGTYPE/);
      expect(logged).toEqual([[line], [line]]);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

describe('log', () => {
  const refused = {
    status: 429,
    entry: {
      upstream_status: '429',
      upstream_uri: '/api/v2/users?pageSize=3',
      response: { headers: { 'retry-after': '7' } },
    },
  };

  it('learns what Genesys refuses, and access refuses it in its words', async () => {
    const quota = plugin({});
    await quota.access(fakeKong());
    await quota.log(fakeKong(refused));
    const { status, body, headers } = await exitOf(quota.access(fakeKong()));
    expect(status).toBe(429);
    expect(body).toMatchObject({
      code: 'too.many.requests.retry.after',
      message: 'Rate limit exceeded the maximum. Retry the request in [7] seconds',
    });
    expect(headers['Retry-After']).toBe('7');
  });

  it.each<[string, Fake]>([
    ['of the gateway itself', { mark: null, status: 429, source: 'exit', entry: {} }],
    ['that the gateway made of another', { ...refused, entry: { upstream_status: '503' } }],
    ["that is about one user's own token", { ...refused, mark: 'user' }],
  ])('is not misled by a 429 %s', async (_, answer) => {
    const quota = plugin({});
    await quota.log(fakeKong(answer));
    await quota.access(fakeKong());
  });

  it('reads the status alone of what went well, and now and then which token it used', async () => {
    const quota = plugin({});
    await quota.log(fakeKong());
    await quota.log(fakeKong());
    expect(calls.map(([name]) => name)).toEqual(['status', 'mark', 'getHeader', 'getHeader', 'getHeader', 'status']);
    calls = [];
    const waiting = plugin({ max_wait_ms: 100 });
    await waiting.log(fakeKong());
    calls = [];
    await waiting.log(fakeKong());
    expect(calls.filter(([name]) => name === 'getHeader').map(([, name]) => name)).toEqual([
      'inin-ratelimit-count',
      'inin-ratelimit-allowed',
      'inin-ratelimit-reset',
    ]);
  });

  it.each<[string, Fake, number]>([
    ['that went well', {}, 1],
    ['that the service refused', { status: 404 }, 1],
    ['that the service refused, and were filtered', { status: 404, source: 'exit' }, 1],
    ['that took the service too long', { status: 504, source: 'error' }, 1],
    ['that found no service', { status: 502, source: 'error' }, 0],
    ['that found no healthy target', { status: 503, source: 'exit', entry: {} }, 0],
    [
      'that the service failed, and were filtered',
      { status: 503, source: 'exit', entry: { upstream_status: '503' } },
      1,
    ],
    ['that got no token', { mark: 'refused', status: 503, source: 'exit' }, 0],
  ])("leaves %s in the consumer's use as they were", async (_, answer, requests) => {
    const quota = plugin({});
    const namespace = `test-${names}`;
    await quota.access(fakeKong());
    await quota.access(fakeKong());
    await quota.log(fakeKong());
    await quota.log(fakeKong(answer));
    expect(await useOf(namespace)).toEqual([{ id: 'c1', username: 'svc-crm', requests: requests + 1 }]);
  });

  it('counts nothing for requests that were refused, here or before', async () => {
    const quota = plugin({ limits });
    const namespace = `test-${names}`;
    await quota.access(fakeKong());
    await exitOf(quota.access(fakeKong()));
    await quota.log(fakeKong({ mark: null, status: 429, source: 'exit' }));
    await quota.log(fakeKong({ mark: null, status: 401, source: 'exit' }));
    expect(await useOf(namespace)).toEqual([{ id: 'c1', username: 'svc-crm', requests: 1 }]);
  });

  it('of use refuses a month that is none', async () => {
    const usage = operations.find(({ path }) => path === '/usage');
    expect(await usage?.run(new URLSearchParams('month=2026-13'))).toMatchObject({ status: 400 });
  });
});
