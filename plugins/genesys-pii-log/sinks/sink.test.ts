/** The queue of a sink: what is sent, spilled and dropped adds up, and nobody waits. */
import { expect, it } from 'vitest';
import type { Line } from '../entry/line.js';
import { createFakeClock } from '../testing/clock.js';
import { testLine } from '../testing/lines.js';
import { createRandom } from '../testing/secrets.js';
import { createSink, type Sink, type SinkOptions } from './sink.js';
import { SendFailure, type Transport } from './transport.js';

/** A transport that does what it is told. */
function fakeTransport(send: (lines: readonly Line[]) => Promise<void>, settings: Partial<Transport> = {}) {
  const sent: string[] = [];
  const transport: Transport = {
    maxLines: 10,
    maxBytes: 1_000_000,
    lingerMs: 0,
    async send(lines) {
      await send(lines);
      sent.push(...lines.map(({ json }) => json));
    },
    close: () => {},
    ...settings,
  };
  return { transport, sent };
}

function make(options: Partial<SinkOptions> & Pick<SinkOptions, 'transport'>) {
  const clock = createFakeClock();
  const sink = createSink({
    name: 'test',
    queueEntries: 100,
    maxAttempts: Number.POSITIVE_INFINITY,
    lostEvents: () => 0,
    clock,
    ...options,
  });
  return { sink, clock };
}

function writeAll(sink: Sink, count: number): void {
  for (let n = 0; n < count; n++) sink.write(testLine(n));
}

const numbers = (sent: readonly string[]): number[] =>
  sent.flatMap((json) =>
    (JSON.parse(json) as { n?: number }).n === undefined ? [] : [(JSON.parse(json) as { n: number }).n],
  );

it('sends in order, in batches', async () => {
  const batches: number[] = [];
  const { transport, sent } = fakeTransport(async (lines) => void batches.push(lines.length));
  const { sink, clock } = make({ transport });
  writeAll(sink, 25);
  await clock.advance(1);
  expect(numbers(sent)).toEqual(Array.from({ length: 25 }, (_, n) => n));
  expect(batches).toEqual([1, 10, 10, 4]);
  expect(sink.stats).toMatchObject({ received: 25, sent: 25, dropped: 0, waiting: 0 });
});

it('waits for a batch, but not for long', async () => {
  const { transport, sent } = fakeTransport(async () => {}, { lingerMs: 1000 });
  const { sink, clock } = make({ transport });
  writeAll(sink, 3);
  await clock.advance(999);
  expect(sent).toEqual([]);
  await clock.advance(1);
  expect(sent).toHaveLength(3);
  writeAll(sink, 10);
  await clock.advance(0);
  expect(sent).toHaveLength(13);
});

it('drops the oldest while its receiver is dead, and tells of it when it lives again', async () => {
  let isDead = true;
  const { transport, sent } = fakeTransport(async () => {
    if (isDead) throw new SendFailure('dead');
  });
  const { sink, clock } = make({ transport, queueEntries: 20 });
  writeAll(sink, 50);
  await clock.advance(100);
  expect(sink.stats).toMatchObject({ received: 50, sent: 0, waiting: 20, dropped: 30, lastFailure: 'dead' });
  expect(sink.takeWarning()).toContain('the sink test');
  expect(sink.takeWarning()).toBeUndefined();
  isDead = false;
  await clock.advance(60_000);
  expect(sink.stats).toMatchObject({ sent: 20, waiting: 0, dropped: 30 });
  expect(numbers(sent)).toEqual([0, ...Array.from({ length: 19 }, (_, n) => 31 + n)]);
  expect(sent.map((json) => JSON.parse(json) as object)).toContainEqual(
    expect.objectContaining({ type: 'report', sink: 'test', dropped: 30, lost_log_events: 0 }),
  );
});

it('tells of log events that Kong has lost', async () => {
  let lost = 0;
  const { transport, sent } = fakeTransport(async () => {});
  const { sink, clock } = make({ transport, lostEvents: () => lost });
  writeAll(sink, 1);
  await clock.advance(1);
  lost = 7;
  writeAll(sink, 1);
  await clock.advance(1);
  expect(JSON.parse(sent[1] ?? '')).toMatchObject({ type: 'report', lost_log_events: 7, dropped: 0 });
});

it('gives up at once what is refused for good', async () => {
  const { transport, sent } = fakeTransport(async (lines) => {
    if (lines[0]?.json.includes('"bad"')) throw new SendFailure('400', { isTransient: false });
  });
  const { sink, clock } = make({ transport });
  sink.write(testLine('bad'));
  await clock.advance(1);
  sink.write(testLine(1));
  await clock.advance(1);
  expect(sink.stats).toMatchObject({ sent: 1, dropped: 1 });
  expect(numbers(sent)).toEqual([1]);
});

it('waits as long as the receiver asks', async () => {
  let attempts = 0;
  const { transport } = fakeTransport(async () => {
    if (++attempts === 1) throw new SendFailure('429', { retryAfterMs: 5000 });
  });
  const { sink, clock } = make({ transport });
  writeAll(sink, 1);
  await clock.advance(4999);
  expect(attempts).toBe(1);
  await clock.advance(1);
  expect(sink.stats.sent).toBe(1);
});

it('sends again only what has not arrived', async () => {
  const { transport, sent } = fakeTransport(async (lines) => {
    if (lines.length === 4) throw new SendFailure('half', { remaining: lines.slice(2), refused: lines.slice(0, 1) });
  });
  const { sink, clock } = make({ transport: { ...transport, lingerMs: 10 } });
  writeAll(sink, 4);
  await clock.advance(10_000);
  expect(numbers(sent)).toEqual([2, 3]);
  expect(sink.stats).toMatchObject({ received: 4, sent: 3, dropped: 1, waiting: 0 });
});

const isReport = ([line]: readonly Line[]): boolean => line?.json.includes('"report"') === true;

it.each<[string, () => SendFailure]>([
  ['for good', () => new SendFailure('400', { isTransient: false })],
  ['as Elasticsearch does', () => new SendFailure('0 of 1', { remaining: [], refused: [testLine('report')] })],
])('sends what follows a report that is refused %s', async (_, refuse) => {
  const { transport, sent } = fakeTransport(async (lines) => {
    if (isReport(lines)) throw refuse();
  });
  const { sink, clock } = make({ transport, lostEvents: () => 1 });
  writeAll(sink, 25);
  await clock.advance(60_000);
  expect(numbers(sent)).toHaveLength(25);
  expect(sink.stats).toMatchObject({ sent: 25, dropped: 0, waiting: 0, failures: 1, lastFailure: refuse().message });
});

it('keeps what follows a report that does not arrive', async () => {
  let failures = 2;
  const { transport, sent } = fakeTransport(async (lines) => {
    if (isReport(lines) && failures-- > 0) throw new SendFailure('no name server', { remaining: lines });
  });
  const { sink, clock } = make({ transport, lostEvents: () => 1 });
  writeAll(sink, 25);
  await clock.advance(60_000);
  expect(numbers(sent)).toHaveLength(25);
  expect(sent.filter((json) => json.includes('"report"'))).toHaveLength(1);
  expect(sink.stats).toMatchObject({ sent: 25, dropped: 0, waiting: 0 });
});

it('spills the entries of a batch that are refused one by one', async () => {
  const { transport } = fakeTransport(async (lines) => {
    const refused = lines.filter(({ json }) => json === testLine(3).json);
    if (refused.length > 0) throw new SendFailure('some', { remaining: [], refused });
  });
  const spilled = fakeTransport(async () => {});
  const clock = createFakeClock();
  const { sink: spill } = make({ transport: spilled.transport, clock });
  const { sink } = make({ transport, spill, clock });
  writeAll(sink, 10);
  await clock.advance(1000);
  expect(numbers(spilled.sent)).toEqual([3]);
  expect(sink.stats).toMatchObject({ received: 10, sent: 9, spilled: 1, dropped: 0, waiting: 0 });
});

it('loses nothing to an outage with a spill', async () => {
  const spillTransport = fakeTransport(async () => {});
  const { sink: spill } = make({ transport: spillTransport.transport });
  const { transport } = fakeTransport(async () => {
    throw new SendFailure('dead');
  });
  const { sink, clock } = make({ transport, spill, maxAttempts: 2, queueEntries: 20 });
  writeAll(sink, 50);
  await clock.advance(600_000);
  expect(sink.stats).toMatchObject({ received: 50, sent: 0, spilled: 50, dropped: 0, waiting: 0 });
  expect(numbers(spillTransport.sent).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
});

it('ends within its deadline, and what has not arrived is counted', async () => {
  const { transport, sent } = fakeTransport(async (lines) => {
    if (lines.length > 0 && sent.length >= 11) await new Promise(() => {});
  });
  const { sink, clock } = make({ transport: { ...transport, lingerMs: 60_000 } });
  writeAll(sink, 9);
  const flushed = sink.flush(1000, new AbortController().signal);
  await clock.advance(0);
  await flushed;
  expect(sink.stats).toMatchObject({ sent: 9, waiting: 0 });
  writeAll(sink, 60);
  await clock.advance(0);
  const late = sink.flush(1000, new AbortController().signal);
  await clock.advance(1000);
  await late;
  const { received, sent: arrived, dropped, waiting } = sink.stats;
  expect({ received, total: arrived + dropped, waiting }).toEqual({ received: 69, total: 69, waiting: 0 });
  expect(dropped).toBeGreaterThan(0);
});

it.each(['before', 'while'])(
  'spills soon what a slow receiver has not taken, if a signal came %s it flushes',
  async (when) => {
    const { transport } = fakeTransport(() => new Promise(() => {}));
    const spillTransport = fakeTransport(async () => {}, { lingerMs: 60_000 });
    const { sink: spill } = make({ transport: spillTransport.transport });
    const { sink, clock } = make({ transport, spill });
    writeAll(sink, 25);
    await clock.advance(0);
    const signal = new AbortController();
    if (when === 'before') signal.abort();
    let isFlushed = false;
    const flushed = sink.flush(5000, signal.signal).then(() => {
      isFlushed = true;
    });
    if (when === 'while') {
      await clock.advance(500);
      expect(isFlushed).toBe(false);
      signal.abort();
    }
    await clock.advance(10);
    await flushed;
    expect(numbers(spillTransport.sent).sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, n) => n));
  },
);

it('adds up, whatever happens, with a receiver that fails half the time', async () => {
  const random = createRandom('sink');
  const { transport, sent } = fakeTransport(async (lines) => {
    const chance = random.next();
    if (chance < 0.4) throw new SendFailure('503');
    if (chance < 0.45) throw new SendFailure('400', { isTransient: false });
    if (chance < 0.5) throw new SendFailure('half', { remaining: lines.slice(Math.ceil(lines.length / 2)) });
  });
  const spillTransport = fakeTransport(async () => {});
  for (const withSpill of [false, true]) {
    const { sink: spill } = make({ transport: spillTransport.transport, queueEntries: 100_000 });
    const { sink, clock } = make({ transport, queueEntries: 200, maxAttempts: 3, ...(withSpill ? { spill } : {}) });
    for (let second = 0; second < 600; second++) {
      writeAll(sink, random.int(0, 20));
      await clock.advance(1000);
    }
    await clock.advance(600_000);
    const { received, sent: arrived, spilled, dropped, waiting } = sink.stats;
    expect(received).toBeGreaterThan(5000);
    expect({ total: arrived + spilled + dropped, waiting }).toEqual({ total: received, waiting: 0 });
    expect(withSpill ? dropped : spilled).toBe(0);
    if (withSpill) expect(spill.stats.received).toBe(spilled);
  }
  expect(sent.length).toBeGreaterThan(0);
});
