/**
 * A sink: a bounded queue in front of a transport. It never makes anyone wait. If the queue is full, its oldest entry
 * goes to the spill, or is dropped and counted. The receiver gets this count as soon as it can be reached.
 */

import { backoff } from '../../shared/backoff.js';
import type { Clock } from '../../shared/clock.js';
import type { Line } from '../entry/line.js';
import { reasonOf, SendFailure, type Transport } from './transport.js';

export interface Sink {
  /** Takes an entry. Never throws, never waits. */
  write(line: Line): void;
  readonly stats: SinkStats;
  /** Returns what to log, once for each time that entries were dropped or the receiver failed. */
  takeWarning(): string | undefined;
  /**
   * Sends what is waiting. What has not arrived after `deadlineMs` is spilled or dropped.
   * @param hurry aborted when the process may be killed at any moment; what can be spilled is then spilled soon
   */
  flush(deadlineMs: number, hurry: AbortSignal): Promise<void>;
  close(): void;
}

/** Numbers of entries: received = sent + spilled + dropped + waiting. */
export interface SinkStats {
  name: string;
  received: number;
  sent: number;
  /** Passed to the spill, which has counts of its own. */
  spilled: number;
  dropped: number;
  waiting: number;
  /** Failed attempts to send. */
  failures: number;
  lastFailure: string | undefined;
  spill: SinkStats | undefined;
}

export interface SinkOptions {
  /** The name that operators see. */
  name: string;
  transport: Transport;
  /** How many entries may wait. */
  queueEntries: number;
  /** Takes what cannot be sent. */
  spill?: Sink | undefined;
  /** Attempts before a batch is spilled. Without a spill it is tried for ever, and new entries push out the oldest. */
  maxAttempts: number;
  /** Returns how many log events Kong has lost. They never became entries. */
  lostEvents: () => number;
  clock: Clock;
}

/** The most memory that waiting entries may use. */
const MAX_QUEUE_BYTES = 64 * 1024 * 1024;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** During a flush, the next attempt comes sooner. */
const LONGEST_FLUSH_PAUSE_MS = 500;
/**
 * Enough for a receiver nearby, then the spill: Kong kills a process 36 to 104 ms after its signal (measured, 3.9.3). A
 * receiver that has failed gets no more time.
 */
const HURRY_MS = 10;

export function createSink(options: SinkOptions): Sink {
  return new QueuedSink(options);
}

class QueuedSink implements Sink {
  readonly #options: SinkOptions;
  #queue: Line[] = [];
  /** How many lines at the start of the queue are gone. */
  #head = 0;
  #queuedBytes = 0;
  /** The lines that are being sent. */
  #batch: Line[] = [];
  #isSending = false;
  #attempts = 0;
  #cancelTimer: (() => void) | undefined;
  #isPausing = false;
  #flushed: (() => void) | undefined;
  #received = 0;
  #sent = 0;
  #spilled = 0;
  #dropped = 0;
  #failures = 0;
  #lastFailure: string | undefined;
  #warning: string | undefined;
  #isFailing = false;
  #isDropping = false;
  #reportedDropped = 0;
  #reportedLost = 0;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  get #waiting(): number {
    return this.#queue.length - this.#head;
  }

  get stats(): SinkStats {
    return {
      name: this.#options.name,
      received: this.#received,
      sent: this.#sent,
      spilled: this.#spilled,
      dropped: this.#dropped,
      waiting: this.#waiting + this.#batch.length,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      spill: this.#options.spill?.stats,
    };
  }

  write(line: Line): void {
    this.#received++;
    this.#queue.push(line);
    this.#queuedBytes += line.json.length;
    const { queueEntries } = this.#options;
    while (
      this.#waiting > 0 &&
      (this.#waiting + this.#batch.length > queueEntries || this.#queuedBytes > MAX_QUEUE_BYTES)
    ) {
      this.#giveUp(this.#shift());
    }
    this.#pump();
  }

  takeWarning(): string | undefined {
    const taken = this.#warning ?? this.#options.spill?.takeWarning();
    this.#warning = undefined;
    return taken;
  }

  async flush(deadlineMs: number, hurry: AbortSignal): Promise<void> {
    const { clock, spill } = this.#options;
    const until = clock.nowMs() + deadlineMs;
    if (this.#waiting + this.#batch.length > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#flushed = resolve;
      });
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#isPausing = false;
      this.#pump();
      const cancels: (() => void)[] = [];
      const late = new Promise<void>((resolve) => {
        // The spill needs some of the time, too.
        cancels.push(clock.startTimer(spill === undefined ? deadlineMs : deadlineMs / 2, resolve));
        if (spill === undefined) return;
        const hurryMs = this.#isFailing ? 0 : HURRY_MS;
        const onHurry = (): void => void cancels.push(clock.startTimer(hurryMs, resolve));
        if (hurry.aborted) onHurry();
        else hurry.addEventListener('abort', onHurry, { once: true });
      });
      await Promise.race([empty, late]);
      for (const cancel of cancels) cancel();
      this.#flushed = undefined;
      while (this.#waiting > 0) this.#giveUp(this.#shift());
      // Lines being sent may still arrive: better twice than never.
      for (const line of this.#batch) this.#giveUp(line);
      this.#batch = [];
    }
    await spill?.flush(Math.max(0, until - clock.nowMs()), hurry);
  }

  close(): void {
    this.#cancelTimer?.();
    this.#options.transport.close();
  }

  #shift(): Line {
    const line = this.#queue[this.#head] as Line;
    this.#head++;
    this.#queuedBytes -= line.json.length;
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return line;
  }

  #giveUp(line: Line): void {
    const { spill, name } = this.#options;
    if (spill !== undefined) {
      this.#spilled++;
      spill.write(line);
      return;
    }
    this.#dropped++;
    if (!this.#isDropping)
      this.#warning = `the sink ${name} drops entries (last failure: ${this.#lastFailure ?? 'none'})`;
    this.#isDropping = true;
  }

  #pump(): void {
    if (this.#isSending || this.#isPausing) return;
    if (this.#batch.length === 0) {
      if (this.#waiting === 0) {
        this.#flushed?.();
        return;
      }
      const { transport, clock } = this.#options;
      if (this.#flushed === undefined && transport.lingerMs > 0 && this.#waiting < transport.maxLines) {
        this.#cancelTimer ??= clock.startTimer(transport.lingerMs, () => {
          this.#cancelTimer = undefined;
          this.#begin();
        });
        return;
      }
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#begin();
      return;
    }
    void this.#send();
  }

  /** Takes the next batch and sends it. */
  #begin(): void {
    if (this.#isSending || this.#isPausing || this.#batch.length > 0 || this.#waiting === 0) return;
    const { maxLines, maxBytes } = this.#options.transport;
    let bytes = 0;
    while (this.#waiting > 0 && this.#batch.length < maxLines) {
      const next = this.#queue[this.#head] as Line;
      bytes += next.json.length;
      if (this.#batch.length > 0 && bytes > maxBytes) break;
      this.#batch.push(this.#shift());
    }
    this.#attempts = 0;
    void this.#send();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    const batch = this.#batch;
    try {
      await this.#report();
      await this.#options.transport.send(batch);
      if (this.#batch === batch) this.#sent += batch.length;
      this.#succeeded();
    } catch (error) {
      this.#failed(batch, error);
    }
    this.#isSending = false;
    this.#pump();
  }

  #succeeded(): void {
    this.#batch = [];
    this.#attempts = 0;
    this.#isFailing = false;
    this.#isDropping = false;
  }

  #failed(batch: Line[], error: unknown): void {
    // A flush gave the batch up meanwhile, and counted its lines.
    if (this.#batch !== batch) return;
    const { spill, maxAttempts, clock, name } = this.#options;
    const failure = error instanceof SendFailure ? error : new SendFailure(reasonOf(error));
    this.#failures++;
    this.#lastFailure = failure.message;
    if (!this.#isFailing) this.#warning ??= `the sink ${name} fails: ${failure.message}`;
    this.#isFailing = true;
    if (failure.remaining !== undefined) {
      this.#sent += batch.length - failure.remaining.length - failure.refused.length;
      for (const line of failure.refused) this.#giveUp(line);
      this.#batch = [...failure.remaining];
      if (this.#batch.length === 0) return;
    }
    this.#attempts++;
    if (!failure.isTransient || (spill !== undefined && this.#attempts >= maxAttempts)) {
      const lost = this.#batch;
      this.#batch = [];
      for (const line of lost) this.#giveUp(line);
      return;
    }
    const longestMs = this.#flushed === undefined ? LONGEST_PAUSE_MS : LONGEST_FLUSH_PAUSE_MS;
    const pause = backoff({ firstMs: FIRST_PAUSE_MS, longestMs, jitter: 0.5 }, this.#attempts, clock.random());
    this.#isPausing = true;
    const ms = Math.max(pause, failure.retryAfterMs);
    this.#cancelTimer = clock.startTimer(ms, () => {
      this.#cancelTimer = undefined;
      this.#isPausing = false;
      this.#pump();
    });
  }

  /**
   * Reports lost entries to the receiver, before what follows them. If it refuses reports, sending goes on.
   * @throws SendFailure without lines of the batch: none of it has been sent
   */
  async #report(): Promise<void> {
    const { lostEvents, transport, name, clock } = this.#options;
    const dropped = this.#dropped;
    const lost = lostEvents();
    if (dropped === this.#reportedDropped && lost === this.#reportedLost) return;
    const time = new Date(clock.wallClockMs()).toISOString();
    const json = JSON.stringify({
      type: 'report',
      time,
      // An Elasticsearch data stream accepts nothing without it.
      '@timestamp': time,
      sink: name,
      dropped: dropped - this.#reportedDropped,
      lost_log_events: lost - this.#reportedLost,
    });
    try {
      await transport.send([{ json, timeMs: clock.wallClockMs(), status: undefined, within: () => json }]);
    } catch (error) {
      if (!(error instanceof SendFailure)) throw error;
      const { message, isTransient, retryAfterMs, remaining } = error;
      const isRefused = !isTransient || remaining?.length === 0;
      if (!isRefused) throw new SendFailure(message, { retryAfterMs });
      this.#failures++;
      this.#lastFailure = message;
      this.#warning ??= `the sink ${name} fails: its receiver refuses reports (${message})`;
    }
    this.#reportedDropped = dropped;
    this.#reportedLost = lost;
  }
}
