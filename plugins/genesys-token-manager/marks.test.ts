/** Names that hold for a while: in memory, and over a real Redis by marks that play nodes of their own. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { readOauth } from '../../test/support/token-manager-config.js';
import { createRedisConnections } from '../shared/redis/connection.js';
import { createMarks, openSharedMarks } from './marks.js';

describe('marks', () => {
  it('hold for their time, which is never shortened', async () => {
    let now = 0;
    const marks = createMarks({ nowMs: () => now });
    expect(marks.isEmpty).toBe(true);
    await marks.add('a', 1000, undefined);
    await marks.add('a', 10, undefined);
    expect([marks.remainingMs('a'), marks.remainingMs('b'), marks.isEmpty]).toEqual([1000, 0, false]);
    now = 1000;
    expect([marks.remainingMs('a'), marks.isEmpty]).toEqual([0, true]);
  });

  it('are bounded: those that end soonest are dropped', async () => {
    const marks = createMarks({ nowMs: () => 0 });
    for (let i = 1; i <= 20_001; i += 1) await marks.add(`name-${i}`, i, undefined);
    expect([marks.remainingMs('name-1'), marks.remainingMs('name-20001')]).toEqual([0, 20_001]);
  });
});

describe('marks on one Redis', unless(REDIS_MISSING), () => {
  let redis: RedisServer;
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(() => Promise.all(closing.splice(0).map((close) => close())));
  afterAll(() => redis.stop());

  async function node(key_prefix: string) {
    const { sharedCache } = readOauth({
      client_id: 'id',
      client_secret: 's',
      cache: 'redis',
      cache_encryption_key: Buffer.alloc(32, 1).toString('base64'),
      redis: { port: redis.port, key_prefix, timeout_ms: 1000 },
    });
    if (sharedCache === undefined) throw new Error('no shared cache');
    const connection = createRedisConnections()(sharedCache.redis);
    closing.push(() => connection.close());
    await connection.firstContact(2000);
    return { marks: createMarks({ nowMs: () => performance.now() }), shared: openSharedMarks(connection, 'revoked') };
  }

  it('hold on all nodes, also on one that starts later, and expire', async () => {
    const [a, b] = [await node('all'), await node('all')];
    await a.marks.add('early', 60_000, a.shared);
    const seenBy = (of: typeof a, name: string) =>
      waitFor(`${name} to be known`, () => {
        of.marks.refresh(of.shared);
        return of.marks.remainingMs(name) > 0;
      });
    await seenBy(b, 'early');
    await b.marks.add('late', 600, b.shared);
    await seenBy(a, 'late');
    await waitFor('the end of late', () => a.marks.remainingMs('late') === 0);
    const c = await node('all');
    await seenBy(c, 'early');
    expect(c.marks.remainingMs('late')).toBe(0);
    expect(c.marks.remainingMs('early')).toBeLessThanOrEqual(60_000);
    const other = await node('other');
    expect(await other.shared.news()).toEqual([]);
  });

  it('cost one short question a second while nothing is new', async () => {
    const { shared } = await node('quiet');
    await shared.add('a', 60_000);
    expect(await shared.news()).toEqual([{ name: 'a', ttlMs: expect.any(Number) }]);
    expect(await shared.news()).toBeUndefined();
    await shared.add('b', 60_000);
    expect(await shared.news()).toHaveLength(2);
  });
});
