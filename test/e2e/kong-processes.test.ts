/**
 * Kong's processes come and go under load: `kong reload`, and nginx workers that are killed. Worker 0 manages the plugin
 * servers, so each time new ones take over from those of before.
 */
import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NativeKong } from '../../kong/testbed/native-kong.js';
import { PLUGINS, pluginServerCommands } from '../../kong/testbed/plugin-servers.js';
import { childrenOf } from '../../kong/testbed/processes.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { allowedMs } from '../support/allowed-time.js';
import { type ConnectionLoad, type Sent, startConnectionLoad } from '../support/connection-load.js';
import { KONG_ONLY } from './gateway.js';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const MISSING =
  KONG_ONLY ??
  (process.env.PROCESSES === 'outside' ? 'Kong manages no plugin servers: see outside.test.ts' : undefined);

const CONNECTIONS = 8;
const READ = { method: 'GET', path: '/api/v2/tokens/me', headers: KEY };
const WRITE = {
  method: 'POST',
  path: '/api/v2/analytics/conversations/details/query',
  headers: { ...KEY, 'Content-Type': 'application/json' },
  body: JSON.stringify({ interval: '2026-01-01T00:00:00Z/2026-01-02T00:00:00Z' }),
};
const COUNTED_LIMIT = 20;
/** A look each 0.1 s, 0.5 s for connections that lie unused, and time to be scheduled. */
const LEFT_WITHIN_MS = 1500;

interface Takeover {
  /** From the moment when all new plugin servers listened to the end of the last old one, ms. */
  leftMs: number;
  /** While a plugin had no server, by `performance.now()`. */
  absences: { from: number; to: number }[];
}

describe('two nginx workers under load', unless(MISSING), () => {
  let setup: GenesysGateway;
  let kong: NativeKong;
  let load: ConnectionLoad;

  beforeEach(async () => {
    setup = await startGenesysGateway({ workers: 2 });
    if (setup.gateway.native === undefined) throw new Error(MISSING);
    kong = setup.gateway.native;
    load = startConnectionLoad(kong.url, CONNECTIONS, { read: READ, write: WRITE });
    await moreLoad();
  }, 60_000);
  afterEach(async () => {
    await load?.stop();
    await setup?.close();
  }, 60_000);

  const moreLoad = async (): Promise<void> => {
    const enough = load.sent.length + 300;
    await waitFor('some load', () => load.sent.length > enough, 30_000);
  };
  const servers = (): number[][] => PLUGINS.map(({ name }) => kong.pluginServerPids(name));
  /** Watches new plugin servers take over from those of `before`, until those have gone. */
  const takeover = async (before: number[][]): Promise<Takeover> => {
    const [old, sockets, giveUpAt] = [before.flat(), PLUGINS.map(socketOf), performance.now() + 120_000];
    const result: Takeover = { leftMs: 0, absences: [] };
    for (let [lookedAt, listensAt, absentFrom] = [performance.now(), 0, 0]; ; ) {
      const [now, running] = [performance.now(), servers().flat()];
      const replaced = PLUGINS.map((plugin, index) => ![undefined, sockets[index]].includes(socketOf(plugin)));
      // Neither the old one, which Kong has ended, nor the new one, which has not begun to listen. One that is told to end
      // takes its socket away at once, and lives until Kong kills it.
      const isDeaf = (pids: number[], index: number): boolean =>
        PLUGINS.map(socketOf)[index] === undefined || !pids.some((pid) => running.includes(pid));
      const absent = before.some((pids, index) => !replaced[index] && isDeaf(pids, index));
      if (absent) absentFrom ||= lookedAt;
      else if (absentFrom > 0) {
        result.absences.push({ from: absentFrom, to: now });
        absentFrom = 0;
      }
      if (!replaced.includes(false)) listensAt ||= now;
      if (listensAt > 0 && !running.some((pid) => old.includes(pid))) {
        expect(servers().map(({ length }) => length)).toEqual(PLUGINS.map(() => 1));
        return { ...result, leftMs: now - listensAt };
      }
      if (now > giveUpAt) throw new Error(`no takeover: ${JSON.stringify({ before, now: servers() })}`);
      lookedAt = now;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  /** Tells one socket on a plugin's path from another: a number alone may be given out again. */
  const socketOf = ({ name }: { name: string }): string | undefined => {
    const commands = pluginServerCommands(PLUGINS, kong.prefix).find((one) => one.name === name);
    const found = statSync(commands?.socket ?? '', { throwIfNoEntry: false });
    return found && `${found.ino} ${found.mtimeMs}`;
  };
  const workerZero = (): number => {
    const parents = kong.workerPids().filter((pid) => childrenOf(pid).length > 0);
    expect(parents).toHaveLength(1);
    return Number(parents[0]);
  };

  it('kong reload loses no request, leaves one process for each socket, and asks for one token more', async () => {
    const absences: Takeover['absences'] = [];
    for (const name of ['first', 'second']) {
      const before = servers();
      const config = setup.configuration(({ consumers, services }) => {
        consumers?.push({ username: `svc-${name}` });
        services.push({ name, url: 'http://127.0.0.1:9', routes: [countedRoute(name)] });
      });
      const [takenOver] = await Promise.all([takeover(before), kong.reload(config)]);
      absences.push(...takenOver.absences);
      expect(takenOver.leftMs).toBeLessThan(allowedMs(LEFT_WITHIN_MS));
      await moreLoad();
      expect(await countedStatuses(name)).toEqual({ 200: COUNTED_LIMIT, 429: COUNTED_LIMIT });
    }
    const sent = await load.stop();
    // Kong ends the old plugin servers with the worker that started them, 2 s and more after it has started the next. On a
    // machine where Node needs longer to start, there is none in between, and nobody but Kong could prevent it.
    if (process.env.LONG) expect(absences).toEqual([]);
    const explained = (one: Sent): boolean =>
      one.status === 500 && absences.some(({ from, to }) => one.sentAt < to && one.endedAt > from);
    const refused = sent.filter(explained);
    const statuses = sent.filter((one) => !explained(one)).flatMap(({ status }) => status ?? []);
    const failed = sent.filter((one) => !explained(one) && Number(one.status) >= 500);
    const reasons = kong.errorLog().match(/^.*\[(?:error|crit)\].*$/gm) ?? [];
    expect([...new Set(statuses)], JSON.stringify({ failed, absences, reasons: reasons.slice(-20) })).toEqual([200]);
    expect(sent.filter(({ method }) => method === 'POST').length).toBeGreaterThan(10);
    // nginx 1.25 closes kept connections that are idle, at most each once a reload, and a request may just be on its way: it
    // was not read, and clients send it again. What is on a new connection is answered.
    const cut = sent.filter(({ status }) => status === undefined);
    expect(cut.filter(({ reused }) => !reused)).toEqual([]);
    expect(cut.length).toBeLessThanOrEqual(CONNECTIONS);
    const counts = setup.genesys.control.counts();
    expect(counts.apiRequests).toBe(sent.length - cut.length - refused.length);
    expect(counts.unauthorized).toBe(0);
    // One for each process of the token manager that there was.
    expect(counts.tokenRequests).toBeLessThanOrEqual(3);
  }, 180_000);

  it.each([
    ['worker 0, which manages the plugin servers,', true],
    ['the other worker', false],
  ])(
    '%s killed: only its own connections are cut, and one process a plugin goes on counting',
    async (_, manages) => {
      await setup.reconfigure(({ services }) => {
        services.push({ name: 'counted', url: 'http://127.0.0.1:9', routes: [countedRoute('counted')] });
      });
      const [before, zero] = [servers(), workerZero()];
      const victim = manages ? zero : Number(kong.workerPids().find((pid) => pid !== zero));
      process.kill(victim, 'SIGKILL');
      await waitFor('the end of the worker', () => !kong.workerPids().includes(victim));
      const goneAt = performance.now();
      if (manages) {
        const { leftMs, absences } = await takeover(before);
        expect(leftMs).toBeLessThan(allowedMs(LEFT_WITHIN_MS));
        expect(absences).toEqual([]);
      }
      await waitFor('another worker', () => kong.workerPids().length === 2);
      await moreLoad();
      if (!manages) expect(servers()).toEqual(before);
      expect(await countedStatuses('counted')).toEqual({ 200: COUNTED_LIMIT, 429: COUNTED_LIMIT });
      const sent = await load.stop();
      expect([...new Set(sent.flatMap(({ status }) => status ?? []))]).toEqual([200]);
      const cut = sent.filter(({ status }) => status === undefined);
      expect(cut.filter(({ sentAt, reused }) => sentAt > goneAt && !reused)).toEqual([]);
      expect(cut.length).toBeLessThanOrEqual(CONNECTIONS);
      const counts = setup.genesys.control.counts();
      expect(counts.unauthorized).toBe(0);
      expect(counts.tokenRequests).toBeLessThanOrEqual(manages ? 2 : 1);
    },
    180_000,
  );

  /** How twice as many requests as the limit allows are answered, each on a connection of its own: by either worker. */
  async function countedStatuses(name: string): Promise<Record<string, number>> {
    const statuses: Record<string, number> = {};
    for (let count = 0; count < 2 * COUNTED_LIMIT; count += 1) {
      const { status } = await setup.get(`/${name}`, { headers: { Connection: 'close' } });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    return statuses;
  }
});

/** A route whose requests are counted, and end at the gateway. */
function countedRoute(name: string) {
  const limits = [{ name: 'all', limit: COUNTED_LIMIT, window: 'hour', by: 'global' }];
  return {
    name,
    paths: [`/${name}`],
    plugins: [
      { name: 'genesys-quota', config: { limits } },
      { name: 'request-termination', config: { status_code: 200 } },
    ],
  };
}
