/** Use by consumer and month: in memory, and added up in a real Redis, each batch once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { BARE_HOST } from '../shared/host.js';
import { parseConfig } from '../shared/kong-schema/parse-config.js';
import {
  createRedisConnections,
  type RedisCommands,
  type RedisConnection,
  RedisUnavailable,
} from '../shared/redis/connection.js';
import { REDIS_FIELDS } from '../shared/redis/schema.js';
import { readRedisSettings } from '../shared/redis/settings.js';
import { spanOfMonth } from '../shared/use-counts/span.js';
import { type ConsumerUsage, createUsage, type Usage } from './usage.js';

const openRedis = createRedisConnections();

const CRM = { id: '1', username: 'svc crm' };
const IVR = { id: '2', username: 'svc-ivr' };
const NOVEMBER = Date.UTC(2026, 10, 30, 23, 59, 59, 999);

/** Returns the use of a month, without the days. */
async function of(usage: Usage, month: string): Promise<Omit<ConsumerUsage, 'days'>[]> {
  const consumers = await usage.read(spanOfMonth(month));
  return consumers.map(({ days: _, ...consumer }) => consumer);
}

it('in memory is of this process, and begins anew with the month in UTC', async () => {
  const usage = createUsage('n', undefined);
  usage.count(CRM, 1, NOVEMBER);
  usage.count(IVR, 1, NOVEMBER);
  usage.count(IVR, 1, NOVEMBER);
  usage.count(IVR, 1, NOVEMBER);
  usage.count(IVR, -1, NOVEMBER);
  usage.count(CRM, 1, NOVEMBER + 1);
  expect(await of(usage, '2026-11')).toEqual([
    { ...IVR, requests: 2 },
    { ...CRM, requests: 1 },
  ]);
  expect(await of(usage, '2026-12')).toEqual([{ ...CRM, requests: 1 }]);
  expect(await of(usage, '2026-10')).toEqual([]);
});

describe('while Redis is away', () => {
  /** Notes what each attempt sends: consumers and requests in turn. */
  function setUp() {
    const sent: string[][] = [];
    const state = { answer: (): Promise<unknown> => Promise.reject(new RedisUnavailable('gone')) };
    const commands = {
      evalsha: (_sha: string, _keys: number, ...values: string[]) => {
        sent.push(values.slice(4));
        return state.answer();
      },
    } as unknown as RedisCommands;
    const redis = {
      keyPrefix: 'p',
      run: (operation: (redis: RedisCommands) => unknown) => operation(commands),
    } as unknown as RedisConnection;
    return { sent, state, usage: createUsage('away', redis) };
  }

  it('holds no more than one count a consumer beside what it has tried to send, however long that is', async () => {
    const { sent, state, usage } = setUp();
    for (let i = 0; i < 100; i += 1) {
      usage.count(CRM, 1, NOVEMBER);
      usage.count(IVR, 1, NOVEMBER);
      await usage.flush();
    }
    sent.length = 0;
    state.answer = async () => null;
    await usage.flush();
    expect(sent).toEqual([1, 99].map((n) => ['1 svc crm', n, '2 svc-ivr', n]));
  });

  it('writes what came while it was writing, before a process ends', async () => {
    const { sent, state, usage } = setUp();
    let answer: (value: unknown) => void = () => {};
    const answered = new Promise((resolve) => {
      answer = resolve;
    });
    state.answer = () => answered;
    usage.count(CRM, 1, NOVEMBER);
    const first = usage.flush();
    await waitFor('the first batch to be on its way', () => sent.length === 1);
    usage.count(IVR, 1, NOVEMBER);
    const last = usage.flush();
    answer(null);
    await Promise.all([first, last]);
    expect(sent).toEqual([
      ['1 svc crm', 1],
      ['2 svc-ivr', 1],
    ]);
  });
});

describe('in Redis', unless(REDIS_MISSING), () => {
  let server: RedisServer;
  let redis: RedisConnection;
  beforeAll(async () => {
    server = await startRedis();
    const config = parseConfig(REDIS_FIELDS, { port: server.port, timeout_ms: 200 });
    redis = openRedis(readRedisSettings(config, 'redis', BARE_HOST));
    await redis.firstContact(5000);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  it('is of all nodes together, for over a year', async () => {
    const nodes = [createUsage('all', redis), createUsage('all', redis)];
    for (const node of nodes) for (let i = 0; i < 3; i += 1) node.count(CRM, 1, NOVEMBER);
    nodes[0]?.count({ id: '', username: '' }, 1, NOVEMBER);
    await nodes[0]?.flush();
    expect(await (nodes[1] && of(nodes[1], '2026-11'))).toEqual([
      { ...CRM, requests: 6 },
      { id: '', username: '', requests: 1 },
    ]);
    expect(Number(server.cli('ttl', 'genesys:quota:{all}:usage:2026-11-30'))).toBeGreaterThan(390 * 86_400);
  });

  it('is by day, and in a month also what versions that counted by month have left', async () => {
    server.cli('hset', 'genesys:quota:{days}:usage:2026-11', '1 svc crm', '40');
    const usage = createUsage('days', redis);
    usage.count(CRM, 1, NOVEMBER);
    usage.count(CRM, 1, NOVEMBER - 86_400_000);
    const days = { '2026-11': 40, '2026-11-29': 1, '2026-11-30': 1 };
    expect(await usage.read(spanOfMonth('2026-11'))).toEqual([{ ...CRM, requests: 42, days }]);
    expect(await usage.read({ since: '2026-11-30', until: '2026-12-01' })).toEqual([
      { ...CRM, requests: 1, days: { '2026-11-30': 1 } },
    ]);
  });

  it('loses nothing and counts nothing twice when an answer of Redis is lost', async () => {
    const usage = createUsage('lost', redis);
    for (let i = 0; i < 5; i += 1) usage.count(CRM, 1, NOVEMBER);
    // It is stopped before it is asked: it will carry out what it was sent, long after the deadline.
    server.signal('SIGSTOP');
    await usage.flush();
    await expect(of(usage, '2026-11')).rejects.toThrow('Redis cannot be used');
    usage.count(IVR, 1, NOVEMBER);
    server.signal('SIGCONT');
    const counts = await waitFor('Redis to be used again', () => of(usage, '2026-11').catch(() => undefined));
    expect(counts).toEqual([
      { ...CRM, requests: 5 },
      { ...IVR, requests: 1 },
    ]);
  });
});
