/**
 * Several nodes on one Redis never let through more than the limit together. Plugin-server processes for which Kong's
 * side is played; LONG=1 keeps the load up for 30 s.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const NODES = 4;
const CLIENTS = 64;
const SECONDS = process.env.LONG ? 30 : 0;

describe('four plugin servers on one Redis', unless(REDIS_MISSING), () => {
  let redis: RedisServer;
  let servers: PluginServerProcess[];
  let runs = 0;

  beforeAll(async () => {
    redis = await startRedis();
    servers = await Promise.all(Array.from({ length: NODES }, () => startPluginServer('bin/genesys-quota.js')));
  });
  afterAll(async () => {
    await Promise.all((servers ?? []).map((server) => server.stop()));
    await redis?.stop();
  });
  beforeEach(() => {
    runs += 1;
  });

  const config = (changes: Record<string, unknown>) => ({
    namespace: `run-${runs}`,
    policy: 'redis',
    redis: { port: redis.port, timeout_ms: 5000 },
    on_redis_error: 'reject',
    ...changes,
  });

  interface Result {
    admitted: number;
    refused: number;
    /** Admitted requests of each consumer. */
    byConsumer: Map<string, number>;
    unavailable: number;
    /** Admitted requests of which the log phase has not begun, now and at most. */
    inFlight: number;
    mostInFlight: number;
  }

  /** Runs requests of 64 clients, spread over the nodes, until `isOver` says so. */
  async function load(
    settings: object,
    isOver: (result: Result) => boolean,
    consumers = ['consumer-0', 'consumer-1', 'consumer-2'],
  ): Promise<Result> {
    const result: Result = {
      ...{ admitted: 0, refused: 0, unavailable: 0, byConsumer: new Map() },
      ...{ inFlight: 0, mostInFlight: 0 },
    };
    const hasLog = 'concurrent' in settings;
    const client = async (index: number): Promise<void> => {
      const { socketPath } = servers[index % NODES] as PluginServerProcess;
      const consumer = consumers[index % consumers.length] ?? '';
      const shared = new Map<string, string>();
      const answer = ({ method, argument }: { method: string; argument: unknown }): unknown => {
        if (method === 'kong.ctx.shared.set') {
          const { k, v } = argument as { k: string; v: string };
          shared.set(k, v);
        }
        if (method === 'kong.ctx.shared.get') return shared.get(String(argument)) ?? null;
        if (method === 'kong.response.get_status') return 200;
        if (method === 'kong.client.get_consumer') {
          return { id: consumer, created_at: 0, username: consumer, custom_id: '', tags: [] };
        }
        if (method !== 'kong.nginx.get_var') return Buffer.alloc(0);
        return argument === 'http_connection' ? '' : '/api/v2/users';
      };
      let driver: KongDriver | undefined;
      let instance = 0;
      while (!isOver(result)) {
        driver ??= await KongDriver.connect(socketPath);
        if (instance === 0) instance = await driver.startInstance(settings, 'genesys-quota');
        const { exit } = await driver.event(instance, 'access', answer);
        // An answer of the plugin ends its connection, as in Kong.
        if (exit !== undefined) driver = undefined;
        if (exit === undefined) {
          result.admitted += 1;
          result.byConsumer.set(consumer, (result.byConsumer.get(consumer) ?? 0) + 1);
        } else if (exit.status === 429) result.refused += 1;
        else result.unavailable += 1;
        if (!hasLog || exit !== undefined) continue;
        result.inFlight += 1;
        result.mostInFlight = Math.max(result.mostInFlight, result.inFlight);
        // As long as an answer of another request takes.
        await new Promise((resolve) => setTimeout(resolve, index % 8));
        result.inFlight -= 1;
        await driver?.event(instance, 'log', answer);
        shared.clear();
      }
      driver?.close();
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
    return result;
  }

  /** A condition that holds after so many seconds. */
  function after(seconds: number): () => boolean {
    const endMs = performance.now() + seconds * 1000;
    return () => performance.now() > endMs;
  }

  it(`let through exactly the limits, of ${CLIENTS} clients`, async () => {
    const isTimeOver = after(SECONDS);
    const settings = config({
      limits: [
        { name: 'whole', limit: 2000, window: 'day', by: 'global', algorithm: 'fixed' },
        { name: 'share', limit: 800, window: 'day', algorithm: 'sliding' },
      ],
    });
    const { admitted, refused, unavailable, byConsumer } = await load(
      settings,
      (result) => result.refused > 1000 && isTimeOver(),
    );
    expect(admitted).toBe(2000);
    expect(Math.max(...byConsumer.values())).toBeLessThanOrEqual(800);
    expect(refused).toBeGreaterThan(1000);
    expect(unavailable).toBe(0);
  }, 90_000);

  it(`let nobody take what is reserved, of ${CLIENTS} clients, and admit no more than the limit`, async () => {
    const isTimeOver = after(SECONDS);
    const reserved = [
      { consumers: ['consumer-1'], share: 30 },
      { consumers: ['consumer-2'], share: 20 },
    ];
    const limit = 2000;
    const limits = [{ name: 'whole', limit, window: 'day', by: 'global', algorithm: 'fixed', reserved }];
    const settings = config({ limits });
    /** What is kept of a share now. */
    const kept = (share: number): number => {
      const left = 1 - (Date.now() % 86_400_000) / 86_400_000;
      return Math.floor((limit * share * left) / 100);
    };
    // Who has nothing reserved comes first, and takes all it gets.
    const batch = await load(settings, ({ refused }) => refused > 300, ['consumer-0']);
    expect(batch.admitted).toBeLessThanOrEqual(limit - kept(30) - kept(20));
    expect(batch.admitted).toBeGreaterThanOrEqual(limit * 0.5);
    const all = await load(settings, (result) => result.refused > 1000 && isTimeOver());
    const of = (consumer: string): number => all.byConsumer.get(consumer) ?? 0;
    expect(of('consumer-1')).toBeGreaterThanOrEqual(kept(30));
    expect(of('consumer-2')).toBeGreaterThanOrEqual(kept(20));
    expect(batch.admitted + all.admitted).toBeLessThanOrEqual(limit);
    expect(batch.unavailable + all.unavailable).toBe(0);
  }, 90_000);

  it.each([0, 10])(
    'let nobody take what is reserved when Redis is lost and comes back empty, with lease_percent: %i',
    async (lease_percent) => {
      const isTimeOver = after(SECONDS);
      const limit = 1000;
      const reserved = [{ consumers: ['consumer-1'], share: 40 }];
      const settings = config({
        redis: { port: redis.port, timeout_ms: 5000, lease_percent },
        limits: [
          { name: 'whole', limit, window: 'day', by: 'global', algorithm: 'fixed', reserved },
          { name: 'own', limit, window: 'day' },
        ],
      });
      const kept = (): number => Math.floor(limit * 0.4 * (1 - (Date.now() % 86_400_000) / 86_400_000));
      let restart: Promise<void> | undefined;
      let isBack = false;
      let refusedBefore = 0;
      const batch = await load(
        settings,
        (result) => {
          if (restart === undefined && result.refused > 200) {
            redis.signal('SIGKILL');
            restart = waitFor('requests to notice', () => result.unavailable > 0)
              .then(() => redis.restart())
              .then(() => {
                [isBack, refusedBefore] = [true, result.refused];
              });
          }
          return isBack && result.refused > refusedBefore + 500 && isTimeOver();
        },
        ['consumer-0', 'consumer-2'],
      );
      await restart;
      // Each Redis had its own count.
      expect(batch.admitted).toBeLessThanOrEqual(2 * (limit - kept()));
      expect(batch.admitted).toBeGreaterThan(limit - kept());
      const owner = await load(settings, (result) => result.refused > 100, ['consumer-1']);
      expect(owner.admitted).toBeGreaterThanOrEqual(kept());
      expect(batch.admitted + owner.admitted).toBeLessThanOrEqual(2 * limit);
    },
    90_000,
  );

  it(`let as many requests be in flight as the limit, of ${CLIENTS} clients, and no more`, async () => {
    const isTimeOver = after(SECONDS);
    const settings = config({ concurrent: [{ name: 'jobs', limit: 12, by: 'global' }] });
    const { admitted, refused, unavailable, mostInFlight } = await load(
      settings,
      (result) => result.refused > 1000 && result.admitted > 1000 && isTimeOver(),
    );
    expect(mostInFlight).toBeLessThanOrEqual(12);
    // Clients on a busy machine do not see all of them at once.
    expect(mostInFlight).toBeGreaterThan(6);
    expect(unavailable).toBe(0);
    expect([admitted, refused].every((count) => count > 1000)).toBe(true);
    // All have ended.
    expect(redis.cli('exists', `genesys:quota:{run-${runs}}:jobs:in-flight300:global:`)).toBe('0');
  }, 90_000);

  it('let no more be in flight when Redis is lost and comes back empty, once those before have ended', async () => {
    const isTimeOver = after(SECONDS);
    const limit = 12;
    const settings = config({ concurrent: [{ name: 'jobs', limit, by: 'global' }] });
    let restart: Promise<void> | undefined;
    let isBack = false;
    let atRestart = 0;
    let mostBefore = 0;
    const { unavailable, mostInFlight } = await load(settings, (result) => {
      if (restart === undefined && result.refused > 200) {
        redis.signal('SIGKILL');
        restart = waitFor('requests to notice', () => result.unavailable > 0)
          .then(() => waitFor('those before to have ended', () => result.inFlight === 0))
          .then(() => redis.restart())
          .then(() => {
            [isBack, atRestart, mostBefore] = [true, result.admitted, result.mostInFlight];
            result.mostInFlight = 0;
          });
      }
      return isBack && result.admitted > atRestart + 500 && isTimeOver();
    });
    await restart;
    expect(Math.max(mostInFlight, mostBefore)).toBeLessThanOrEqual(limit);
    expect(Math.min(mostInFlight, mostBefore)).toBeGreaterThan(limit / 2);
    expect(unavailable).toBeGreaterThan(0);
  }, 90_000);

  it('keep requests apart together', async () => {
    const seconds = 2;
    const settings = config({ spike_arrest: { rate: '50ps', by: 'global' } });
    const startedAt = performance.now();
    const { admitted } = await load(settings, after(seconds));
    const tookSeconds = (performance.now() - startedAt) / 1000;
    // Clients on a busy machine do not ask so often.
    expect(admitted).toBeGreaterThan(50 * seconds * (process.env.LONG ? 0.5 : 0.1));
    // And the first, at once.
    expect(admitted).toBeLessThanOrEqual(50 * tookSeconds + 1);
  });

  it.each(['reject', 'local'])(
    'stay within their bounds when Redis is lost and comes back empty, with %s',
    async (mode) => {
      const limit = 500;
      const settings = config({
        on_redis_error: mode,
        limits: [{ name: 'whole', limit, window: 'day', by: 'global', algorithm: 'fixed' }],
      });
      let restart: Promise<void> | undefined;
      let isBack = false;
      let refusedBefore = 0;
      const { admitted, unavailable, refused } = await load(settings, (result) => {
        if (restart === undefined && result.refused > 200) {
          redis.signal('SIGKILL');
          const noticed = () => (mode === 'local' ? result.admitted > limit : result.unavailable > 0);
          restart = waitFor('requests to notice', noticed)
            .then(() => redis.restart())
            .then(() => {
              isBack = true;
              refusedBefore = result.refused;
            });
        }
        return isBack && result.admitted >= 2 * limit && result.refused > refusedBefore + 200;
      });
      await restart;
      const restarts = 1;
      const allowedMeanwhile = mode === 'local' ? NODES * limit : 0;
      expect(admitted).toBeGreaterThanOrEqual(2 * limit);
      expect(admitted).toBeLessThanOrEqual(limit * (1 + restarts) + allowedMeanwhile);
      expect(refused).toBeGreaterThan(400);
      if (mode === 'reject') expect(unavailable).toBeGreaterThan(0);
      else expect(unavailable).toBe(0);
    },
    60_000,
  );
});
