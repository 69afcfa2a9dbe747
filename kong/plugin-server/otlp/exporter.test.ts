import { expect, it } from 'vitest';
import { BATCH_BYTES, createExporter, MAX_BATCHES } from './exporter.js';

const HALF = BATCH_BYTES / 2;

/** An exporter with a collector and timers that a test plays. */
function start(answer: (items: Buffer) => { status: number; body?: Buffer; retryAfterMs?: number } | Error) {
  const sent: Buffer[] = [];
  const lines: string[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const exporter = createExporter({
    what: 'spans',
    async post(items) {
      sent.push(Buffer.from(items));
      const answered = answer(items);
      if (answered instanceof Error) throw answered;
      return { body: Buffer.alloc(0), retryAfterMs: 0, ...answered };
    },
    log: (line) => lines.push(line),
    clock: {
      random: () => 0,
      startTimer(ms, run) {
        const timer = { ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    },
  });
  return {
    exporter,
    sent,
    lines,
    timers,
    add(text: string, length = text.length): boolean {
      const place = exporter.reserve(length);
      place?.bytes.write(text, place.at, 'latin1');
      return place !== undefined;
    },
    /** Lets the next timer ring, and what it begins end. */
    async ring(): Promise<number> {
      const [timer] = timers.splice(0, 1);
      timer?.run();
      await new Promise((resolve) => setImmediate(resolve));
      return timer?.ms ?? Number.NaN;
    },
  };
}

it('collects items for a second, and sends full batches one after the other', async () => {
  const { add, ring, sent, exporter } = start(() => ({ status: 200 }));
  add('one');
  add('two');
  expect(await ring()).toBe(1000);
  expect(sent.map(String)).toEqual(['onetwo']);
  add('', HALF);
  add('', HALF);
  add('next');
  await ring();
  expect(sent.map(({ length }) => length)).toEqual([6, BATCH_BYTES]);
  await ring();
  expect(sent.at(-1)?.toString()).toBe('next');
  expect([exporter.sent, exporter.dropped, exporter.failures]).toEqual([5, 0, 0]);
});

it('sends a batch again, ever later, and says so once; what there is no room for is dropped and counted', async () => {
  let isAway = true;
  const away = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  const { add, ring, sent, lines, exporter, timers } = start(() => (isAway ? away : { status: 200 }));
  add('first');
  const pauses = [await ring(), await ring(), await ring(), await ring()];
  expect(pauses).toEqual([1000, 250, 500, 1000]);
  expect(sent.map(String)).toEqual(['first', 'first', 'first', 'first']);
  const taken = Array.from({ length: 2 * MAX_BATCHES + 8 }, () => add('x', HALF)).filter(Boolean).length;
  expect(taken).toBe(2 * (MAX_BATCHES - 1));
  expect(exporter.dropped).toBe(10);
  expect(timers).toHaveLength(1);
  expect(lines).toEqual(['--otlp: spans cannot be sent (ECONNREFUSED); what does not fit is dropped']);
  isAway = false;
  await ring();
  await exporter.flush(1000);
  expect(lines.slice(1)).toEqual(['--otlp: spans are sent again; 10 were dropped']);
  expect([exporter.sent, exporter.failures]).toEqual([1 + taken, 4]);
});

it('waits for as long as the collector says', async () => {
  const { add, ring } = start(() => ({ status: 503, retryAfterMs: 7000 }));
  add('one');
  await ring();
  expect(await ring()).toBe(7000);
});

it.each([
  ['refuses for good', { status: 400 }, 2],
  ['takes in part', { status: 200, body: Buffer.from([0x0a, 2, 0x08, 1]) }, 1],
])('drops what the collector %s', async (_, answer, dropped) => {
  const { add, ring, exporter, sent, timers } = start(() => answer);
  add('one');
  add('two');
  await ring();
  expect([exporter.sent, exporter.dropped, exporter.failures]).toEqual([2 - dropped, dropped, 1]);
  expect([sent.length, timers.length]).toEqual([1, 0]);
});

it('ends with one attempt for each batch', async () => {
  const { add, exporter, sent } = start((items) => (items.length > 10 ? { status: 200 } : new Error('away')));
  add('', HALF);
  add('', HALF);
  add('short');
  add('', BATCH_BYTES);
  await exporter.flush(1000);
  expect(sent.map(({ length }) => length)).toEqual([BATCH_BYTES, 5]);
});
