/** A plugin server that dies, hangs or never starts: whatever happens, nothing reaches Genesys without the token. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deafSockets } from '../../kong/install/readiness.js';
import { PLUGINS, pluginServerCommands } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { allowedMs } from '../support/allowed-time.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const TOKEN_MANAGER = 'genesys-token-manager';
let setup: GenesysGateway;

afterEach(() => setup?.close());

const status = async (init?: RequestInit): Promise<number> => {
  const response = await setup.get('/api/v2/tokens/me', init);
  await response.arrayBuffer();
  return response.status;
};
const pid = (): number => {
  const found = setup.gateway.pluginServerPid(TOKEN_MANAGER);
  if (found === undefined) throw new Error('no plugin server runs');
  return found;
};

describe('the plugin server', () => {
  beforeEach(async () => {
    setup = await startGenesysGateway();
    expect(await status()).toBe(200);
  });

  it('killed under load of 16 connections lets nothing through uninjected, and service is back within 2 s', async () => {
    const seen: { at: number; status: number }[] = [];
    let stop = false;
    const load = Array.from({ length: 16 }, async () => {
      while (!stop) seen.push({ status: await status().catch(() => 0), at: performance.now() });
    });
    const outagesMs: number[] = [];
    const killAndWait = async (): Promise<void> => {
      const served = (): number => seen.filter(({ status: code }) => code === 200).length;
      const enough = served() + 300;
      await waitFor('some load', () => served() > enough, 30_000);
      const killedAt = performance.now();
      process.kill(pid(), 'SIGKILL');
      await waitFor('a failure or a new server', () => {
        const now = setup.gateway.pluginServerPid(TOKEN_MANAGER);
        return now !== undefined && seen.some(({ at, status: code }) => at > killedAt && code === 200);
      });
      const back = seen.filter(({ at, status: code }) => at > killedAt && code !== 200).at(-1)?.at ?? killedAt;
      outagesMs.push(back - killedAt);
    };
    try {
      for (let kill = 0; kill < 3; kill += 1) await killAndWait();
    } finally {
      stop = true;
      await Promise.all(load);
    }
    const counts = setup.genesys.control.counts();
    expect(counts.unauthorized).toBe(0);
    expect(counts.apiRequests).toBeGreaterThan(900);
    expect(new Set(seen.map(({ status: code }) => code))).toEqual(new Set([200, 500]));
    for (const outageMs of outagesMs) expect(outageMs).toBeLessThan(allowedMs(2000));
  }, 120_000);

  it('stopped makes requests wait, and continued serves them', async () => {
    const stopped = pid();
    process.kill(stopped, 'SIGSTOP');
    let settled = false;
    const waiting = status().finally(() => {
      settled = true;
    });
    // The upstream must not see it; a refused request would show at once.
    await expect(setup.genesys.control.waitFor((counts) => counts.apiRequests > 1, 1000)).rejects.toThrow();
    expect(settled).toBe(false);
    process.kill(stopped, 'SIGCONT');
    expect(await waiting).toBe(200);
    expect(setup.genesys.control.counts().unauthorized).toBe(0);
  });

  it('given a configuration that it refuses answers 500, and takes the next one', async () => {
    await setup.reconfigure((config) => {
      for (const entry of config.services.flatMap((service) => service.routes.flatMap((route) => route.plugins))) {
        if (entry.name === TOKEN_MANAGER) entry.config.client_secret = '{vault://env/not-there}';
      }
    });
    const response = await setup.get('/api/v2/tokens/me');
    expect([response.status, await response.json()]).toMatchObject([500, { code: 'gateway.plugin.error' }]);
    // At err: shipped settings log no more than notice.
    const reason = /\[err\w*\].*genesys-token-manager access: configuration refused: config\.client_secret/;
    await waitFor('the reason', () => reason.test(setup.gateway.log()));
    await setup.reconfigure(() => {});
    expect(await status()).toBe(200);
    expect(setup.genesys.control.counts().unauthorized).toBe(0);
  });
});

it('stopped for good is not ready, and its requests end with 500 until it is continued', async () => {
  const timeoutMs = 1500;
  setup = await startGenesysGateway({ pluginServerTimeoutMs: timeoutMs });
  expect(await status()).toBe(200);
  const servers = pluginServerCommands(PLUGINS, setup.gateway.folder ?? '');
  const socket = servers.find(({ name }) => name === TOKEN_MANAGER)?.socket ?? '';
  expect(await deafSockets([socket])).toEqual([]);
  const stopped = pid();
  process.kill(stopped, 'SIGSTOP');
  try {
    const stoppedAt = performance.now();
    expect(await deafSockets([socket])).toEqual([socket]);
    expect(performance.now() - stoppedAt).toBeLessThan(allowedMs(3000));
    const sentAt = performance.now();
    expect(await Promise.all([status(), status()])).toEqual([500, 500]);
    expect(performance.now() - sentAt).toBeGreaterThan(timeoutMs / 2);
    expect(performance.now() - sentAt).toBeLessThan(allowedMs(2 * timeoutMs));
  } finally {
    process.kill(stopped, 'SIGCONT');
  }
  await waitFor('service', async () => (await status()) === 200);
  expect(await deafSockets([socket])).toEqual([]);
  expect(setup.gateway.pluginServerPid(TOKEN_MANAGER)).toBe(stopped);
  expect(setup.genesys.control.counts().unauthorized).toBe(0);
});

it(
  'that crashes at start is tried again, and meanwhile every request is answered 500',
  unless(process.env.PROCESSES === 'outside' ? 'without it, run starts no Kong: test/protocol/run.test.ts' : undefined),
  async () => {
    const plugins = PLUGINS.map((plugin) => (plugin.name === TOKEN_MANAGER ? CRASHING : plugin));
    setup = await startGenesysGateway({ plugins, edit: useProbe });
    await waitFor(
      'a second start',
      () => (setup.gateway.log().match(/\[pluginserver\] started, pid/g) ?? []).length >= 2,
    );
    for (let count = 0; count < 5; count += 1) expect(await status()).toBe(500);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  },
);

const CRASHING = { name: 'probe', script: 'test/support/crashing-server.js' };

/** Puts the crashing plugin where the token manager is. */
function useProbe(
  config: Parameters<NonNullable<NonNullable<Parameters<typeof startGenesysGateway>[0]>['edit']>>[0],
): void {
  for (const route of config.services.flatMap((service) => service.routes)) {
    route.plugins = route.plugins.map((entry) =>
      entry.name === TOKEN_MANAGER ? { name: 'probe', config: {} } : entry,
    );
  }
}
