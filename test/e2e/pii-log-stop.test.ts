/**
 * What waits for a receiver when the gateway is stopped: Kong kills a plugin server within 0.1 s of its SIGTERM, and by
 * then it must be in the file of `spill_path`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { openAuditLog } from '../support/audit-log.js';
import { type HttpReceiver, startHttpReceiver } from '../support/http-receiver.js';
import { type MirrorService, startMirrorService } from '../support/mirror-service.js';
import { startGateway } from './gateway.js';

const REQUESTS = 200;

let folder: string;
let mirror: MirrorService;
let receiver: HttpReceiver;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stop-'));
  mirror = await startMirrorService();
  receiver = await startHttpReceiver();
});
afterAll(async () => {
  await Promise.all([mirror?.close(), receiver?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['hangs', 'hang'],
  ['is down', 503],
] as const)('of a receiver that %s is in the spill', async (_, wish) => {
  receiver.answer = () => wish;
  const spill = join(folder, `${wish}.log`);
  const operator = `127.0.0.1:${await freePort()}`;
  const sink = { type: 'http', url: receiver.url, flush_ms: 20, batch_entries: 10, spill_path: spill };
  const log = { name: 'genesys-pii-log', config: { sinks: [sink] } };
  const gateway = await startGateway({
    config: { services: [{ name: 'mirror', url: mirror.url, routes: [{ paths: ['/m'], plugins: [log] }] }] },
    plugins: [
      {
        name: 'genesys-pii-log',
        script: 'bin/genesys-pii-log.js',
        args: ['--log-dir', folder, '--metrics', operator],
      },
    ],
  });
  const sent: (string | null)[] = [];
  try {
    for (let n = 0; n < REQUESTS; n += 1) {
      const response = await fetch(`${gateway.url}/m/mirror`);
      await response.arrayBuffer();
      sent.push(response.headers.get('x-kong-request-id'));
    }
    await waitFor('all log events', async () => {
      const { entries } = (await (await fetch(`http://${operator}/log`)).json()) as { entries: { logged: number } };
      return entries.logged === REQUESTS;
    });
  } finally {
    await gateway.close();
  }
  expect(receiver.taken).toEqual([]);
  expect(
    openAuditLog(spill)
      .entries()
      .map(({ request_id: id }) => id)
      .sort(),
  ).toEqual(sent.sort());
});
