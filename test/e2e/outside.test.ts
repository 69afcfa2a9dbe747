/**
 * Plugin servers that Kong does not start. Those that it starts end with its first nginx worker, while other workers still
 * have requests (Kong 3.9: kong/runloop/plugin_servers/process.lua); and `GET /` of its Admin API fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { NativeKong } from '../../kong/testbed/native-kong.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { openAuditLog } from '../support/audit-log.js';
import { type Gateway, KONG_ONLY as MISSING, startGateway } from './gateway.js';

const REQUESTS = 20;
const LIMIT = 3;
/** Longer than the test may take. */
const QUIT_SECONDS = 300;

describe('plugin servers outside Kong', unless(MISSING), () => {
  let folder: string;
  let service: Server;
  let gateway: Gateway;
  let kong: NativeKong;
  const waiting: ServerResponse[] = [];

  const start = async (workers: number): Promise<void> => {
    folder = mkdtempSync(join(tmpdir(), 'outside-'));
    waiting.length = 0;
    service = createServer((_request, response) => {
      waiting.push(response);
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    gateway = await startGateway({
      config: configuration(),
      plugins: ['genesys-pii-log', 'genesys-quota'].map((name) => ({
        name,
        script: `bin/${name}.js`,
        args: ['--log-dir', folder],
      })),
      workers,
      outside: true,
    });
    if (gateway.native === undefined) throw new Error(MISSING);
    kong = gateway.native;
  };
  afterEach(async () => {
    await gateway?.close();
    service?.closeAllConnections();
    service?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function configuration() {
    const log = { name: 'genesys-pii-log', config: { sinks: [{ type: 'file', path: join(folder, 'audit.log') }] } };
    const limits = [{ name: 'all', limit: LIMIT, window: 'hour', by: 'global' }];
    const ends = { name: 'request-termination', config: { status_code: 200 } };
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    return {
      services: [
        { name: 'slow', url, retries: 0, routes: [{ name: 'slow', paths: ['/slow'], plugins: [log] }] },
        {
          name: 'counted',
          url,
          routes: [
            { name: 'counted', paths: ['/counted'], plugins: [{ name: 'genesys-quota', config: { limits } }, ends] },
          ],
        },
      ],
    };
  }

  it(`a normal stop answers ${REQUESTS} requests of two workers, and logs them, whichever worker leaves first`, async () => {
    await start(2);
    const answers: { id: string | null; status: number; text: string }[] = [];
    const send = async (): Promise<void> => {
      const response = await fetch(`${kong.url}/slow`, { headers: { Connection: 'close' } });
      const text = await response.text();
      answers.push({ id: response.headers.get('x-kong-request-id'), status: response.status, text });
    };
    await waitFor('the workers', () => kong.workerPids().length === 2);
    const workers = kong.workerPids().sort((a, b) => a - b);
    const sent: Promise<void>[] = [];
    // While one is stopped, the other takes all: first the lower number, which would be the one that manages plugin servers.
    for (const other of workers.toReversed()) {
      process.kill(other, 'SIGSTOP');
      sent.push(...Array.from({ length: REQUESTS / 2 }, send));
      await waitFor('all requests', () => waiting.length === sent.length).finally(() => process.kill(other, 'SIGCONT'));
    }
    const quit = kong.quit(QUIT_SECONDS);
    await waitFor('no more requests taken', () =>
      fetch(kong.url).then(
        () => false,
        () => true,
      ),
    );
    for (const [index, response] of waiting.entries()) {
      response.end('done');
      await waitFor('its answer', () => answers.length > index);
      // The others have requests still.
      const left = workers[(index + 1) / (REQUESTS / 2) - 1];
      if (left !== undefined) await waitFor('the end of the worker', () => !kong.workerPids().includes(left));
    }
    await Promise.all([...sent, quit]);
    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(Array(REQUESTS).fill('200 done'));
    await gateway.close();
    const logged = openAuditLog(join(folder, 'audit.log')).entries();
    expect(logged.map((entry) => entry.request_id).sort()).toEqual(answers.map(({ id }) => id).sort());
  });

  it('the Admin API tells what it is, as controllers and decK ask first', async () => {
    await start(1);
    for (let count = 0; count < 5; count += 1) {
      const response = await fetch(kong.adminUrl);
      const { version } = (await response.json()) as { version: string };
      expect([response.status, version]).toEqual([200, expect.stringMatching(/^3\./)]);
    }
  });

  it('kong reload leaves them as they are, with their counters', async () => {
    await start(2);
    const counted = async (): Promise<number> => (await fetch(`${kong.url}/counted`)).status;
    const before = [kong.pluginServerPids('genesys-quota'), await counted(), await counted()];
    await kong.reload(configuration());
    expect([kong.pluginServerPids('genesys-quota'), 200, 200]).toEqual(before);
    expect([await counted(), await counted()]).toEqual([200, 429]);
  });

  it('one that ends is started again', async () => {
    await start(2);
    const [pid] = kong.pluginServerPids('genesys-quota');
    process.kill(Number(pid), 'SIGKILL');
    await waitFor('the next one', async () => (await fetch(`${kong.url}/counted`)).status === 200);
    expect(kong.pluginServerPids('genesys-quota')).not.toContain(pid);
  });
});
