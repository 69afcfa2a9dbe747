/** What the event loop hands over, bounds and counts, with a thread that answers when the test says so. */
import { expect, it } from 'vitest';
import type { SinkStats } from '../sinks/sink.js';
import { createFakeClock } from '../testing/clock.js';
import { TEST_HOST } from '../testing/config.js';
import { createTotals } from '../totals.js';
import { createHandoff } from './handoff.js';
import type { Observation, ToWriter } from './observation.js';
import type { WriterEvents } from './thread.js';

const SOURCE = { raw: { sinks: [{ type: 'stdout' }] }, host: TEST_HOST };

const stats = (of: Partial<SinkStats>): SinkStats => ({
  name: 'stdout',
  received: 0,
  sent: 0,
  spilled: 0,
  dropped: 0,
  waiting: 0,
  failures: 0,
  lastFailure: undefined,
  spill: undefined,
  ...of,
});

function observation(bytes = 0): Observation {
  const body = { bytes: Buffer.alloc(bytes), size: bytes, contentType: undefined, contentEncoding: undefined };
  return { json: '{}', source: 'service', credentialId: undefined, requestBody: undefined, responseBody: body };
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function make() {
  const threads: { sent: ToWriter[]; transferred: ArrayBuffer[]; events: WriterEvents }[] = [];
  const totals = createTotals();
  const clock = createFakeClock();
  const handoff = createHandoff({
    openWriter(events) {
      const thread: (typeof threads)[number] = { sent: [], transferred: [], events };
      threads.push(thread);
      return {
        send(message, transfer) {
          thread.sent.push(message);
          thread.transferred.push(...transfer);
        },
      };
    },
    totals,
    lostEvents: () => 7,
    clock,
  });
  const written = (entries: number, sinks: SinkStats[] = [], failed = 0) =>
    threads.at(-1)?.events.onMessage({ kind: 'written', entries, failed, masked: {}, warnings: [], sinks });
  return { handoff, threads, totals, clock, written };
}

it('starts no thread before there is a configuration, and sends the entries of a tick together', async () => {
  const { handoff, threads, totals, written } = make();
  await handoff.refresh();
  expect(threads).toEqual([]);
  const target = handoff.open(SOURCE);
  target.write(observation());
  target.write(observation(5000));
  expect(threads[0]?.sent.map(({ kind }) => kind)).toEqual(['open']);
  await tick();
  expect(threads[0]?.sent.slice(1)).toMatchObject([
    { kind: 'write', lostEvents: 7, entries: [{ config: 1 }, { config: 1 }] },
  ]);
  // The large body is not copied.
  expect(threads[0]?.transferred.map(({ byteLength }) => byteLength)).toEqual([5000]);
  expect(handoff.waitingBytes).toBe(5004);
  written(2, [], 1);
  expect(handoff.waitingBytes).toBe(0);
  expect(totals.outcomes).toEqual({ logged: 1, failed: 1, sampled_out: 0, dropped: 0 });
});

it('drops and counts what would wait beyond the bound, and reports it to receivers', async () => {
  const { handoff, threads, totals, written } = make();
  const target = handoff.open(SOURCE);
  for (let index = 0; index < 3; index++) target.write(observation(60 * 1024 * 1024));
  await tick();
  expect(totals.outcomes.dropped).toBe(1);
  expect(threads[0]?.sent[1]).toMatchObject({ lostEvents: 8, entries: [{}, {}] });
  written(2);
  target.write(observation(60 * 1024 * 1024));
  expect(totals.outcomes).toMatchObject({ logged: 2, dropped: 1 });
});

it('counts what a thread held that died, says so, and starts the next with all configurations', async () => {
  const { handoff, threads, totals, clock, written } = make();
  const target = handoff.open(SOURCE);
  handoff.open(SOURCE);
  for (let index = 0; index < 3; index++) target.write(observation());
  await tick();
  written(1, [stats({ received: 10, sent: 6, waiting: 4 })]);
  const asked = handoff.refresh();
  threads[0]?.events.onExit('ERR_WORKER_OUT_OF_MEMORY');
  await asked;
  expect(totals.outcomes).toMatchObject({ logged: 1, failed: 2 });
  expect(handoff.takeWarning()).toEqual({
    level: 'err',
    line: 'the thread that masks and writes has ended (ERR_WORKER_OUT_OF_MEMORY): it held 2 requests and 4 entries for sinks, which are lost',
  });
  expect(handoff.sinks).toEqual([stats({ received: 10, sent: 6, dropped: 4 })]);
  // What comes meanwhile waits for the next thread.
  target.write(observation());
  await tick();
  expect(threads).toHaveLength(1);
  await clock.advance(1000);
  expect(threads[1]?.sent.map(({ kind }) => kind)).toEqual(['open', 'open', 'write']);
  written(1, [stats({ received: 1, sent: 1 })]);
  expect(handoff.sinks).toEqual([stats({ received: 11, sent: 7, dropped: 4 })]);
});

it('gives the next thread what the one that died was not sent, and counts it once', async () => {
  const { handoff, threads, totals, clock, written } = make();
  const target = handoff.open(SOURCE);
  target.write(observation());
  await tick();
  target.write(observation(10));
  threads[0]?.events.onExit('it ended');
  expect(totals.outcomes).toMatchObject({ logged: 0, failed: 1 });
  expect(handoff.waitingBytes).toBe(12);
  await clock.advance(1000);
  expect(threads[1]?.sent).toMatchObject([{ kind: 'open' }, { kind: 'write', entries: [{}] }]);
  written(1);
  expect(totals.outcomes).toMatchObject({ logged: 1, failed: 1 });
  expect(handoff.waitingBytes).toBe(0);
});

it('does not wait with the next thread if the process ends with entries that no thread has', async () => {
  const { handoff, threads } = make();
  const target = handoff.open(SOURCE);
  threads[0]?.events.onExit('it ended');
  target.write(observation());
  const flushed = handoff.flush(5000, new AbortController().signal);
  expect(threads[1]?.sent.map(({ kind }) => kind)).toEqual(['open', 'write', 'flush']);
  threads[1]?.events.onMessage({ kind: 'answer', question: 1 });
  await flushed;
});

it('tells a flush that the process may be killed, also while it runs', async () => {
  const { handoff, threads } = make();
  handoff.open(SOURCE);
  const hurry = new AbortController();
  const flushed = handoff.flush(5000, hurry.signal);
  hurry.abort();
  expect(threads[0]?.sent).toMatchObject([{ kind: 'open' }, { kind: 'flush', deadlineMs: 5000 }, { kind: 'hurry' }]);
  threads[0]?.events.onMessage({ kind: 'answer', question: 1 });
  await flushed;
});
