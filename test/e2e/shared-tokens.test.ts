/**
 * Tokens shared over a real Redis: by plugin-server processes that Kong's side is played for, and behind the gateway under
 * test while Redis is stopped, killed and started again.
 */

import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KongDriver } from '../../kong/kong-side/protobuf.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { allowedMs } from '../support/allowed-time.js';
import { type GenesysGateway, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

const KEY = randomBytes(32).toString('base64');

let redis: RedisServer;
beforeAll(async () => {
  if (REDIS_MISSING === undefined) redis = await startRedis();
});
afterAll(() => redis?.stop());

describe('four plugin servers on one Redis', unless(REDIS_MISSING), () => {
  let genesys: GenesysCloud;
  let servers: PluginServerProcess[];
  const drivers: KongDriver[] = [];
  let runs = 0;

  beforeAll(async () => {
    genesys = await startGenesysCloud({ rateLimitPerMinute: 0 });
  });
  afterAll(() => genesys?.close());
  afterEach(async () => {
    for (const driver of drivers.splice(0)) driver.close();
    await Promise.all(servers.map((server) => server.stop()));
    genesys.control.clearFaults();
  });

  async function start(): Promise<void> {
    runs += 1;
    genesys.control.reset();
    servers = await Promise.all(Array.from({ length: 4 }, () => startPluginServer('bin/genesys-token-manager.js')));
  }

  const config = (timeoutMs: number): Record<string, unknown> => ({
    token_url: genesys.tokenUrl,
    client_id: DEFAULT_CLIENT.clientId,
    client_secret: DEFAULT_CLIENT.clientSecret,
    timeout_ms: timeoutMs,
    cache: 'redis',
    redis: { port: redis.port, key_prefix: `servers-${runs}`, timeout_ms: 5000 },
    cache_encryption_key: KEY,
  });

  /** One request's access phase on a connection of its own; the token that it was given. */
  async function access(server: PluginServerProcess, timeoutMs = 2000): Promise<string | undefined> {
    const driver = await KongDriver.connect(server.socketPath);
    drivers.push(driver);
    const id = await driver.startInstance(config(timeoutMs), 'genesys-token-manager');
    const { calls } = await driver.event(id, 'access');
    const set = calls.find(({ method }) => method === 'kong.service.request.set_headers');
    return (set?.argument as Record<string, string> | undefined)?.Authorization;
  }

  it('make one token request in all, on a cold cache', async () => {
    await start();
    genesys.control.setFault('login', { latencyMs: 200 });
    // Who is not answered in time asks for itself; on a busy machine that must not be now.
    const requests = servers.flatMap((server) => Array.from({ length: 16 }, () => access(server, 20_000)));
    const tokens = await Promise.all(requests);
    expect(tokens.every((token) => token?.startsWith('Bearer '))).toBe(true);
    expect(new Set(tokens).size).toBe(1);
    expect(genesys.control.counts().tokenRequests).toBe(1);
  });

  it('get a token within the timeout when the one that was asking login is killed', async () => {
    await start();
    genesys.control.setFault('login', { hang: true, times: 1 });
    const [first, ...others] = servers;
    if (first === undefined) throw new Error('no server');
    const lost = access(first).catch(() => 'lost');
    await waitFor('the first server to ask login', () => genesys.control.counts().tokenRequests === 1);
    const startedAt = performance.now();
    // The lock of who was killed ends after its timeout of 2 s. The next one's lasts as long as its own: on a busy machine a
    // login can take 2 s, and then a third would ask, as it should.
    const pending = others.map((server) => access(server, 20_000));
    first.process.kill('SIGKILL');
    const tokens = await Promise.all(pending);
    expect(performance.now() - startedAt).toBeLessThan(allowedMs(2500));
    expect(await lost).toBe('lost');
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).toMatch(/^Bearer /);
    expect(genesys.control.counts().tokenRequests).toBe(2);
  });
});

describe('the gateway with tokens in Redis', unless(REDIS_MISSING), () => {
  let setup: GenesysGateway;
  beforeAll(async () => {
    setup = await startGenesysGateway();
    setup.genesys.control.setTokenLifetime(2);
    await setup.reconfigure((config) =>
      Object.assign(tokenManagerConfig(config), {
        cache: 'redis',
        redis: { port: redis.port, key_prefix: 'gateway' },
        cache_encryption_key: KEY,
      }),
    );
  });
  afterAll(() => setup?.close());

  async function status(): Promise<number> {
    const response = await setup.get('/api/v2/tokens/me');
    await response.arrayBuffer();
    return response.status;
  }

  it('goes on while Redis is stopped, continued, killed and started again, and says so once for each', async () => {
    const failures: number[] = [];
    const occurrences = (text: string): number => setup.gateway.log().split(text).length - 1;
    const lost = () => occurrences('cannot be used');
    const used = () => occurrences('is used again');
    const servedUntil = (what: string, condition: () => boolean): Promise<unknown> =>
      waitFor(what, async () => {
        const code = await status();
        if (code !== 200) failures.push(code);
        return condition();
      });
    await servedUntil('the token to be shared', () => redis.cli('keys', 'gateway:*') !== '');
    // Tokens live for two seconds, so Redis is asked about once a second.
    redis.signal('SIGSTOP');
    await servedUntil('the log to say that Redis is lost', () => lost() === 1);
    redis.signal('SIGCONT');
    await servedUntil('the log to say that Redis is back', () => used() === 1);
    redis.signal('SIGKILL');
    await servedUntil('the log to say that Redis is lost again', () => lost() === 2);
    await redis.restart();
    await servedUntil('the log to say that Redis is back again', () => used() === 2);
    await servedUntil('the token to be shared again', () => redis.cli('keys', 'gateway:*') !== '');
    expect(failures).toEqual([]);
    expect(setup.genesys.control.counts().unauthorized).toBe(0);
    expect([lost(), used()]).toEqual([2, 2]);
  }, 40_000);

  it('refuses a configuration without a key, and names the field', async () => {
    const changes = { cache: 'redis', redis: { port: redis.port } };
    const reconfigured = setup.reconfigure((config) => Object.assign(tokenManagerConfig(config), changes));
    await expect(reconfigured).rejects.toThrow(/cache_encryption_key.*required field missing/);
  });
});
