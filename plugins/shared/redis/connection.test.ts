/** The connection on a real Redis that changes its role. What plugins make of a Redis that fails: their own tests. */
import { describe, expect, it } from 'vitest';
import { REDIS_MISSING, startRedis } from '../../../kong/testbed/redis-server.js';
import { unless } from '../../../kong/testbed/unless.js';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { startRelay } from '../../../test/support/relay.js';
import { BARE_HOST } from '../host.js';
import { parseConfig } from '../kong-schema/parse-config.js';
import { createRedisConnections } from './connection.js';
import { REDIS_FIELDS } from './schema.js';
import { redisScript } from './script.js';
import { readRedisSettings } from './settings.js';

const openRedis = createRedisConnections();

const COUNT = redisScript(`return redis.call('INCR', KEYS[1])`);

describe('a connection to Redis', unless(REDIS_MISSING), () => {
  it('that became a replica is left for the master that its address leads to now', async () => {
    const [first, second] = [await startRedis(), await startRedis()];
    const relay = await startRelay(first.port);
    const [host, port] = relay.address.split(':');
    const config = parseConfig(REDIS_FIELDS, { host, port: Number(port), timeout_ms: 1000 });
    const redis = openRedis(readRedisSettings(config, 'redis', BARE_HOST));
    const count = () => redis.run((commands) => COUNT.run(commands, ['n'], []));
    try {
      await redis.firstContact(5000);
      expect([await count(), await count()]).toEqual([1, 2]);
      // As managed services fail over: nobody closes the connections to the old master.
      relay.leadTo(second.port);
      first.cli('replicaof', '127.0.0.1', String(second.port));
      await expect(count()).rejects.toThrow('Redis cannot be used');
      const counted = await waitFor('the new master to be used', () => count().catch(() => undefined));
      expect(counted).toBe(1);
      expect(redis.isUp()).toBe(true);
    } finally {
      await redis.close();
      await relay.close();
      await Promise.all([first.stop(), second.stop()]);
    }
  });
});
