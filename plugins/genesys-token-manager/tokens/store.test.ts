/** Tokens shared through a real Redis by brokers that play nodes of their own; login is a function. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  REDIS_MISSING,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinel,
} from '../../../kong/testbed/redis-server.js';
import { unless } from '../../../kong/testbed/unless.js';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { readClient, readOauth } from '../../../test/support/token-manager-config.js';
import { createRedisConnections } from '../../shared/redis/connection.js';
import { realEffects } from '../effects.js';
import { createTokenBroker, type TokenOutcome } from './broker.js';
import { openTokenStore, type SharedCache, seal, unseal } from './store.js';

const openRedis = createRedisConnections();

const KEY = randomBytes(32).toString('base64');
const { client, policy } = readClient({ client_id: 'id', client_secret: 'the-secret', timeout_ms: 1500 });

function sharedCache(redis: Record<string, unknown>, key = KEY): SharedCache {
  const raw = { client_id: 'id', client_secret: 's', cache: 'redis', cache_encryption_key: key, redis };
  const { sharedCache } = readOauth(raw);
  if (sharedCache === undefined) throw new Error('no shared cache');
  return sharedCache;
}

/** Login, as all nodes see it. */
function login() {
  const state = { asked: 0, lifetimeSeconds: 3600, before: async (): Promise<void> => {}, status: 200 };
  const fetch = async () => {
    state.asked += 1;
    const body = { access_token: `token-${state.asked}`, token_type: 'bearer', expires_in: state.lifetimeSeconds };
    await state.before();
    return new Response(JSON.stringify(state.status === 200 ? body : {}), { status: state.status });
  };
  return { state, fetch };
}

const opened: SharedCache[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ redis }) => openRedis(redis).close()));
});

/** A node: a broker of its own, on a store that may be the same connection as another node's. */
function node(cache: SharedCache, { fetch }: ReturnType<typeof login>) {
  const clock = { aheadMs: 0 };
  opened.push(cache);
  const broker = createTokenBroker({
    ...realEffects,
    nowMs: () => realEffects.nowMs() + clock.aheadMs,
    loadFetch: async () => fetch as never,
  });
  const store = openTokenStore(cache, openRedis);
  return { clock, broker, store, get: async () => broker.get(client, policy, store) };
}

const value = (outcome: TokenOutcome): string => (outcome.kind === 'token' ? outcome.value : outcome.reason);
const origin = (outcome: TokenOutcome): string => (outcome.kind === 'token' ? outcome.origin : outcome.reason);
const ref = (outcome: TokenOutcome): string => (outcome.kind === 'token' ? outcome.ref : '');

describe('sealing', () => {
  const key = randomBytes(32);
  const token = { value: 'the-token', ref: 'r', lifetimeMs: 1 };

  it('opens under the same name and key only, and never twice looks the same', () => {
    const sealed = seal(token, 'name', key);
    expect(unseal(sealed, 'name', key)).toEqual(token);
    expect(unseal(sealed, 'other', key)).toBeUndefined();
    expect(unseal(sealed, 'name', randomBytes(32))).toBeUndefined();
    expect(seal(token, 'name', key)).not.toBe(sealed);
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('the-token');
  });

  it('does not open what was changed in any byte, or cut', () => {
    const bytes = Buffer.from(seal(token, 'name', key), 'base64');
    for (let i = 0; i < bytes.length; i += 1) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(unseal(changed.toString('base64'), 'name', key)).toBeUndefined();
      expect(unseal(bytes.subarray(0, i).toString('base64'), 'name', key)).toBeUndefined();
    }
  });
});

describe('nodes on one Redis', unless(REDIS_MISSING), () => {
  let redis: RedisServer;
  let cache: SharedCache;
  let runs = 0;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  /** Of a run's own, so that nothing is left of the one before. */
  const fresh = (changes: Record<string, unknown> = {}): SharedCache => {
    runs += 1;
    cache = sharedCache({ port: redis.port, key_prefix: `run-${runs}`, timeout_ms: 1000, ...changes });
    return cache;
  };

  it('ask login once for all of them, and name the token the same', async () => {
    const at = login();
    at.state.before = () => new Promise((resolve) => setTimeout(resolve, 100));
    const shared = fresh();
    const nodes = Array.from({ length: 4 }, () => node(shared, at));
    const outcomes = await Promise.all(nodes.flatMap(({ get }) => Array.from({ length: 50 }, get)));
    expect(new Set(outcomes.map(value))).toEqual(new Set(['token-1']));
    expect(new Set(outcomes.map(ref)).size).toBe(1);
    expect(at.state.asked).toBe(1);
    // One of the four asked, and the requests that waited there say so.
    expect(outcomes.map(origin).sort()).toEqual([...Array(150).fill('redis'), ...Array(50).fill('request')]);
  });

  it('keep nothing in Redis that can be read, and nothing for ever', async () => {
    const at = login();
    const shared = fresh();
    await node(shared, at).get();
    const keys = redis.cli('keys', `run-${runs}:*`).split('\n');
    expect(keys).toHaveLength(1);
    const [key = ''] = keys;
    expect(key).not.toContain(client.key);
    const content = redis.cli('hgetall', key);
    for (const secret of ['token-1', 'the-secret', client.key]) expect(content).not.toContain(secret);
    expect(Number(redis.cli('pttl', key))).toBeGreaterThan(3_590_000);
  });

  it('do not take an entry that was moved, changed, or made with another key', async () => {
    const at = login();
    const shared = fresh();
    await node(shared, at).get();
    const [key = ''] = redis.cli('keys', `run-${runs}:*`).split('\n');
    redis.cli('hset', key, 'token', Buffer.from('forged'.repeat(20)).toString('base64'));
    expect(value(await node(shared, at).get())).toBe('token-2');
    expect(value(await node(shared, at).get())).toBe('token-2');
    const otherKey = sharedCache({ port: redis.port, key_prefix: `run-${runs}` }, randomBytes(32).toString('base64'));
    expect(value(await node(otherKey, at).get())).toBe('token-3');
    expect(value(await node(shared, at).get())).toBe('token-2');
  });

  it('renew a token that no node has used for too long, and no other', async () => {
    const { client: idling } = readClient({ client_id: 'idling', client_secret: 's', max_idle_seconds: 1000 });
    const at = login();
    const shared = fresh();
    const [a, b] = [node(shared, at), node(shared, at)];
    const use = async (of: typeof a) => {
      const outcome = await of.broker.get(idling, policy, of.store);
      if (outcome.kind === 'token') outcome.allowance.use(realEffects.nowMs() + of.clock.aheadMs);
      return value(outcome);
    };
    const lastUse = () => Number(redis.cli('hget', key, 'used'));
    const quiet = () => redis.cli('hset', key, 'used', String(lastUse() - 1_000_000));
    expect([await use(a), await use(b)]).toEqual(['token-1', 'token-1']);
    const [key = ''] = redis
      .cli('keys', `run-${runs}:token:*`)
      .split('\n')
      .filter((name) => !name.endsWith(':lock'));
    // B slept for long, but in Redis the token was used a moment ago.
    b.clock.aheadMs = 1_000_000;
    expect(await use(b)).toBe('token-1');
    expect(at.state.asked).toBe(1);
    // Nobody has used it for long, not even a node that starts.
    quiet();
    const c = node(shared, at);
    expect(await use(c)).toBe('token-2');
    // A uses it until it looks again; its use is told.
    quiet();
    const before = lastUse();
    c.clock.aheadMs = 61_000;
    await use(c);
    await use(c);
    await waitFor('the use to be told', () => lastUse() > before);
  });

  it('take over from a node that died while it held the lock, within the timeout', async () => {
    const at = login();
    const shared = fresh();
    at.state.before = () => new Promise(() => {}); // The first node never hears from login again.
    void node(shared, at).get();
    await waitFor('the first node asks login', () => at.state.asked === 1);
    at.state.before = async () => {};
    const started = performance.now();
    expect(value(await node(shared, at).get())).toBe('token-2');
    const tookMs = performance.now() - started;
    expect(tookMs).toBeLessThan(policy.timeoutMs + 300);
  });

  it('look for a token at most some times a second while they wait', async () => {
    const at = login();
    const shared = fresh();
    let release: () => void = () => {};
    at.state.before = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const first = node(shared, at).get();
    await waitFor('the first node asks login', () => at.state.asked === 1);
    const evals = (): number => Number(/cmdstat_evalsha:calls=(\d+)/.exec(redis.cli('info', 'commandstats'))?.[1]);
    const before = evals();
    const started = performance.now();
    const waiting = node(shared, at);
    const others = Promise.all(Array.from({ length: 200 }, waiting.get));
    await waitFor('a second to pass', () => performance.now() - started > 1000);
    release();
    await Promise.all([first, others]);
    const looks = evals() - before;
    expect(looks).toBeGreaterThan(2);
    expect(looks).toBeLessThan(16);
  });

  it('renew once: the others take the newer token', async () => {
    const at = login();
    const shared = fresh();
    const nodes = Array.from({ length: 3 }, () => node(shared, at));
    await Promise.all(nodes.map(({ get }) => get()));
    for (const { clock } of nodes) clock.aheadMs = 3_400_000;
    // Redis does not know of the nodes' clocks: there the token has its whole life before it.
    for (const { get } of nodes) {
      await get();
      await waitFor('the newer token', async () => value(await get()) === 'token-2');
    }
    expect(at.state.asked).toBe(2);
  });

  it("replace a refused token once, and take another node's instead of asking", async () => {
    const at = login();
    const shared = fresh();
    const nodes = Array.from({ length: 3 }, () => node(shared, at));
    const [first] = await Promise.all(nodes.map(({ get }) => get()));
    for (const { clock, broker } of nodes) {
      clock.aheadMs = 6000;
      broker.refuse(first ? ref(first) : '');
    }
    const outcomes = await Promise.all(nodes.map(({ get }) => get()));
    expect(outcomes.map(value)).toEqual(['token-2', 'token-2', 'token-2']);
    expect(at.state.asked).toBe(2);
  });

  it('pass the lock on at once when login refuses', async () => {
    const at = login();
    const shared = fresh();
    at.state.status = 401;
    const started = performance.now();
    const outcomes = await Promise.all([node(shared, at).get(), node(shared, at).get()]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['none', 'none']);
    expect(performance.now() - started).toBeLessThan(policy.timeoutMs);
  });

  it('work each for itself while Redis is stopped or gone, say so once, and share again when it is back', async () => {
    const own = await startRedis();
    const at = login();
    at.state.lifetimeSeconds = 1;
    const shared = sharedCache({ port: own.port, timeout_ms: 50 });
    const nodes = [node(shared, at), node(shared, at)] as const;
    const [one] = nodes;
    expect(value(await one.get())).toBe('token-1');
    expect(one.store.takeNotice()).toBeUndefined();

    own.signal('SIGSTOP');
    const started = performance.now();
    one.clock.aheadMs += 1000;
    expect(value(await one.get())).toBe('token-2');
    expect(performance.now() - started).toBeLessThan(500);
    expect(one.store.takeNotice()).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('no answer within 50 ms'),
    });
    for (let i = 0; i < 5; i += 1) {
      one.clock.aheadMs += 1000;
      expect(value(await one.get())).toBe(`token-${i + 3}`);
      expect(one.store.takeNotice()).toBeUndefined();
    }
    own.signal('SIGCONT');
    const back = async (): Promise<boolean> => {
      one.clock.aheadMs += 1000;
      await one.get();
      return one.store.takeNotice()?.level === 'notice';
    };
    await waitFor('Redis to be used again', back);

    own.signal('SIGKILL');
    one.clock.aheadMs += 1000;
    expect((await one.get()).kind).toBe('token');
    expect(one.store.takeNotice()?.level).toBe('warn');
    await own.restart();
    await waitFor('Redis to be used again', back);
    at.state.lifetimeSeconds = 3600;
    one.clock.aheadMs += 10_000;
    const last = await one.get();
    expect(ref(await nodes[1].get())).toBe(ref(last));
    await own.stop();
  });

  it('share through a Cluster', async () => {
    const cluster = await startCluster();
    const at = login();
    const nodesOf = { cluster_nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })), timeout_ms: 1000 };
    const [a, b] = [sharedCache(nodesOf), sharedCache({ ...nodesOf, timeout_ms: 999 })];
    const outcomes = [await node(a, at).get(), await node(b, at).get()];
    expect(outcomes.map(value)).toEqual(['token-1', 'token-1']);
    await Promise.all([openRedis(a.redis).close(), openRedis(b.redis).close()]);
    await cluster.stop();
  });

  it('share through a master that Sentinels name, and through its replica when it died', async () => {
    const sentinel = await startSentinel();
    const at = login();
    at.state.lifetimeSeconds = 1;
    const cache = sharedCache({
      sentinel_master: 'tokens',
      sentinel_nodes: [{ host: '127.0.0.1', port: sentinel.sentinelPort }],
      timeout_ms: 1000,
    });
    const [one, two] = [node(cache, at), node(cache, at)];
    expect(value(await one.get())).toBe('token-1');
    sentinel.master.signal('SIGKILL');
    await waitFor(
      'the replica to be used',
      async () => {
        one.clock.aheadMs += 1000;
        await one.get();
        return one.store.takeNotice()?.level === 'notice';
      },
      20_000,
    );
    at.state.lifetimeSeconds = 3600;
    one.clock.aheadMs += 1000;
    const last = await one.get();
    expect(ref(await two.get())).toBe(ref(last));
    await openRedis(cache.redis).close();
    await sentinel.stop();
  }, 40_000);
});
