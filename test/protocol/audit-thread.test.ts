/** The thread in which genesys-pii-log masks and writes: real threads, from the build. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { kongEntry } from '../../plugins/genesys-pii-log/testing/entry.js';
import { createTotals } from '../../plugins/genesys-pii-log/totals.js';
import { createHandoff } from '../../plugins/genesys-pii-log/writer/handoff.js';
import type { Observation } from '../../plugins/genesys-pii-log/writer/observation.js';
import type { OpenWriter } from '../../plugins/genesys-pii-log/writer/thread.js';
import { realClock } from '../../plugins/shared/clock.js';

let folder: string;
let workers: Worker[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thread-'));
  workers = [];
});
afterEach(async () => {
  const started = workers;
  workers = [];
  for (const worker of started) await worker.terminate();
  rmSync(folder, { recursive: true, force: true });
});

/** As openWriter (writer/thread.ts) does in a build. The threads of a test that is over are not followed by others. */
function openWriterOfTest(): OpenWriter {
  const own = workers;
  return ({ onMessage, onExit }) => {
    const worker = new Worker(join(ROOT, 'dist/plugins/genesys-pii-log/writer/worker.js'));
    own.push(worker);
    worker.on('message', onMessage);
    worker.on('exit', () => own === workers && onExit('ended by the test'));
    return { send: (message, transfer) => worker.postMessage(message, transfer) };
  };
}

function make(raw: Record<string, unknown> = {}) {
  const path = join(folder, 'audit.log');
  const totals = createTotals();
  const handoff = createHandoff({ openWriter: openWriterOfTest(), totals, lostEvents: () => 0, clock: realClock });
  const host = { secretsDirs: [], logDirs: [folder], stdoutPath: undefined };
  const target = handoff.open({ raw: { sinks: [{ type: 'file', path }], ...raw }, host });
  const lines = (): string[] => readFileSync(path, 'utf8').trim().split('\n');
  return { handoff, target, totals, lines };
}

function observation(body: Buffer): Observation {
  const responseBody = {
    bytes: Buffer.from(new Uint8Array(body).buffer),
    size: body.length,
    contentType: 'application/json',
    contentEncoding: undefined,
  };
  return {
    json: JSON.stringify(kongEntry({})),
    source: 'service',
    credentialId: undefined,
    requestBody: undefined,
    responseBody,
  };
}

const HURRY = AbortSignal.abort();

it('writes what it was handed before it says that it has, bodies that changed their owner included', async () => {
  const { handoff, target, totals, lines } = make();
  for (let index = 0; index < 500; index++)
    target.write(observation(Buffer.from(JSON.stringify({ ani: '+49 30 1234567', fill: 'x'.repeat(index * 10) }))));
  await handoff.flush(5000, HURRY);
  expect(lines()).toHaveLength(500);
  expect(lines().join('')).not.toContain('1234567');
  expect(totals.outcomes).toMatchObject({ logged: 500, failed: 0 });
  expect(handoff.sinks).toMatchObject([{ received: 500, sent: 500, waiting: 0, dropped: 0 }]);
  expect(totals.masks.get('field:ani')).toBe(500);
});

it('leaves the event loop free while it masks', async () => {
  const { handoff, target } = make({ max_body_bytes: 65_536 });
  const page = JSON.stringify({
    entities: Array.from({ length: 4000 }, (_, id) => ({ id, email: `a${id}@b.example` })),
  });
  target.write(observation(Buffer.from('{}')));
  await handoff.refresh();
  for (let index = 0; index < 50; index++) target.write(observation(Buffer.from(page)));
  const flushing = handoff.flush(30_000, new AbortController().signal);
  let turns = 0;
  let isOver = false;
  void flushing.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  // On one thread, masking would let the loop turn a few times per entry.
  expect(turns).toBeGreaterThan(5000);
});

it('that dies is followed by another, and each entry is counted', async () => {
  const { handoff, target, totals, lines } = make();
  target.write(observation(Buffer.from('{"n":1}')));
  await handoff.flush(5000, HURRY);
  for (let index = 0; index < 20; index++) target.write(observation(Buffer.from('{"n":2}')));
  await new Promise((resolve) => setImmediate(resolve));
  await workers[0]?.terminate();
  await waitFor('the end of the thread', () => totals.outcomes.logged + totals.outcomes.failed === 21);
  expect(handoff.takeWarning()?.line).toMatch(/^the thread that masks and writes has ended \(ended by the test\)/);
  target.write(observation(Buffer.from('{"n":3}')));
  await waitFor('another thread', () => workers.length === 2);
  await handoff.flush(5000, HURRY);
  const [sink] = handoff.sinks;
  expect(lines().at(-1)).toContain('{\\"n\\":3}');
  expect(sink).toMatchObject({ waiting: 0 });
  expect((sink?.sent ?? 0) + (sink?.dropped ?? 0)).toBe(sink?.received);
});
