/**
 * The event loop's side of the thread that masks and writes. It hands over what the log phase saw, and bounds and counts
 * what the thread has not finished. If the thread dies, it counts what that one held and starts the next.
 */
import type { Clock } from '../../shared/clock.js';
import type { SinkStats } from '../sinks/sink.js';
import type { Totals } from '../totals.js';
import type { ConfigSource, FromWriter, LogLine, Observation, ToWriter } from './observation.js';
import type { OpenWriter, WriterPort } from './thread.js';

/** Beyond this, new entries are dropped: the thread is so far behind that it would not catch up. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024;

/** Bodies that are larger change their owner instead of being copied. */
const TRANSFER_BYTES = 4096;

/** A thread that dies at once is not started again at once. */
const RESTART_MS = 1000;

/** Warnings that wait for an event of Kong's to carry them. */
const MAX_WARNINGS = 100;

/** Takes the entries of one configuration. */
export interface EntryTarget {
  write(observation: Observation): void;
}

export interface Handoff {
  /** Opens a configuration, until the returned target is garbage. */
  open(source: ConfigSource): EntryTarget;
  /** Bytes that have been handed over and are not written yet. */
  readonly waitingBytes: number;
  /** Entries that were dropped because too much waited. */
  readonly dropped: number;
  /** Returns the oldest line for Kong's error log, once. */
  takeWarning(): LogLine | undefined;
  /** What the sinks have done, of all threads so far: as of the last report, or of `refresh`. */
  readonly sinks: SinkStats[];
  refresh(): Promise<void>;
  /** See Sink.flush (sinks/sink.ts). */
  flush(deadlineMs: number, hurry: AbortSignal): Promise<void>;
}

export interface HandoffOptions {
  openWriter: OpenWriter;
  totals: Totals;
  /** How many log events Kong has lost. */
  lostEvents: () => number;
  clock: Pick<Clock, 'startTimer'>;
}

export function createHandoff({ openWriter, totals, lostEvents, clock }: HandoffOptions): Handoff {
  const sources = new Map<number, ConfigSource>();
  const garbage = new FinalizationRegistry<number>((config) => {
    sources.delete(config);
    // Its last entries first.
    send();
    port?.send({ kind: 'close', config }, []);
  });
  let port: WriterPort | undefined;
  let isRestarting = false;
  let lastConfig = 0;
  let lastQuestion = 0;
  const questions = new Map<number, () => void>();
  /** Sizes of the entries that have been sent, oldest first. Entries may end in another order; their sum is what counts. */
  const sizes: number[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let batch: { config: number; observation: Observation }[] = [];
  const warnings: LogLine[] = [];
  let sinks: SinkStats[] = [];
  /** What the sinks of threads that died had done. */
  let earlier: SinkStats[] = [];

  function warn(line: LogLine): void {
    if (warnings.length < MAX_WARNINGS) warnings.push(line);
  }

  function start(): WriterPort {
    const opened = openWriter({ onMessage, onExit });
    for (const [config, source] of sources) opened.send({ kind: 'open', config, source }, []);
    return opened;
  }

  function onMessage(message: FromWriter): void {
    if (message.kind === 'answer') {
      questions.get(message.question)?.();
      questions.delete(message.question);
      return;
    }
    const { entries, failed, masked } = message;
    for (const bytes of sizes.splice(0, entries)) waitingBytes -= bytes;
    totals.ended('logged', entries - failed);
    totals.ended('failed', failed);
    totals.masked(masked);
    for (const warning of message.warnings) warn(warning);
    sinks = message.sinks;
  }

  function onExit(why: string): void {
    port = undefined;
    const lines = sinks.reduce((total, { waiting }) => total + waiting, 0);
    // The newest have not been sent: the next thread gets them.
    const held = sizes.length - batch.length;
    for (const bytes of sizes.splice(0, held)) waitingBytes -= bytes;
    totals.ended('failed', held);
    warn({
      level: 'err',
      line: `the thread that masks and writes has ended (${why}): it held ${held} requests and ${lines} entries for sinks, which are lost`,
    });
    earlier = added(earlier, sinks.map(asLost));
    sinks = [];
    for (const answer of questions.values()) answer();
    questions.clear();
    isRestarting = true;
    clock.startTimer(RESTART_MS, restart);
  }

  function restart(): void {
    isRestarting = false;
    if (sources.size > 0 || batch.length > 0) port ??= start();
    send();
  }

  /** Sends the entries of one tick together. */
  function send(): void {
    if (batch.length === 0 || port === undefined) return;
    const entries = batch;
    batch = [];
    port.send({ kind: 'write', entries, lostEvents: lostEvents() + dropped }, transferable(entries));
  }

  function ask(message: (question: number) => ToWriter): Promise<void> {
    send();
    const { promise, resolve } = withResolvers();
    if (port === undefined) resolve();
    else {
      const question = ++lastQuestion;
      questions.set(question, resolve);
      port.send(message(question), []);
    }
    return promise;
  }

  return {
    open(source) {
      const config = ++lastConfig;
      sources.set(config, source);
      if (port === undefined && !isRestarting) port = start();
      else port?.send({ kind: 'open', config, source }, []);
      const target: EntryTarget = {
        write(observation) {
          const bytes = sizeOf(observation);
          if (waitingBytes + bytes > MAX_WAITING_BYTES) {
            dropped++;
            totals.ended('dropped');
            return;
          }
          waitingBytes += bytes;
          sizes.push(bytes);
          if (batch.push({ config, observation }) === 1) setImmediate(send);
        },
      };
      garbage.register(target, config);
      return target;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    get dropped() {
      return dropped;
    },
    takeWarning: () => warnings.shift(),
    get sinks() {
      return added(earlier, sinks);
    },
    refresh: () => ask((question) => ({ kind: 'ask', question })),
    async flush(deadlineMs, hurry) {
      // The process ends: what waits for the next thread cannot wait longer.
      if (isRestarting && batch.length > 0) restart();
      const onHurry = (): void => port?.send({ kind: 'hurry' }, []);
      const answered = ask((question) => ({ kind: 'flush', question, deadlineMs }));
      if (hurry.aborted) onHurry();
      else hurry.addEventListener('abort', onHurry, { once: true });
      await answered;
      hurry.removeEventListener('abort', onHurry);
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function bodiesOf({ requestBody, responseBody }: Observation): Buffer[] {
  return [requestBody, responseBody].flatMap((body) => (body !== undefined && 'bytes' in body ? [body.bytes] : []));
}

function sizeOf(observation: Observation): number {
  return bodiesOf(observation).reduce((bytes, body) => bytes + body.length, observation.json.length);
}

/** Returns the memory of bodies that nobody else uses. Small Buffers share theirs. */
function transferable(entries: readonly { observation: Observation }[]): ArrayBuffer[] {
  return entries
    .flatMap(({ observation }) => bodiesOf(observation))
    .flatMap(({ buffer, byteLength }) =>
      byteLength >= TRANSFER_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer ? [buffer] : [],
    );
}

/** What waited in a thread that died is lost. */
function asLost({ waiting, spill, ...stats }: SinkStats): SinkStats {
  return { ...stats, waiting: 0, dropped: stats.dropped + waiting, spill: spill && asLost(spill) };
}

/** Adds the figures of sinks with the same name. */
function added(before: readonly SinkStats[], now: readonly SinkStats[]): SinkStats[] {
  const left = [...before];
  const sums = now.map((stats) => {
    const index = left.findIndex(({ name }) => name === stats.name);
    const [past] = index === -1 ? [] : left.splice(index, 1);
    return past === undefined ? stats : sum(past, stats);
  });
  return [...sums, ...left];
}

function sum(a: SinkStats, b: SinkStats): SinkStats {
  return {
    name: b.name,
    received: a.received + b.received,
    sent: a.sent + b.sent,
    spilled: a.spilled + b.spilled,
    dropped: a.dropped + b.dropped,
    waiting: a.waiting + b.waiting,
    failures: a.failures + b.failures,
    lastFailure: b.lastFailure ?? a.lastFailure,
    spill: a.spill && b.spill ? sum(a.spill, b.spill) : (b.spill ?? a.spill),
  };
}
