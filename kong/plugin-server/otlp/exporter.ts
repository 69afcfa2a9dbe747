/**
 * Sends what a process tells a collector, such as spans, in batches. What waits is bounded: what does not fit is dropped
 * and counted, since no request may wait for a collector. An outage is logged once, and its end.
 */
import { PbfReader } from 'pbf';
import { backoff } from '../../../plugins/shared/backoff.js';
import type { Clock } from '../../../plugins/shared/clock.js';
import { errorCode } from '../../../plugins/shared/error-code.js';
import type { PostAnswer } from '../../../plugins/shared/http/post.js';
import type { Reserve } from './spans.js';

/**
 * Some 1000 spans. They wait as bytes outside of V8's heap, where nothing is collected.
 */
export const BATCH_BYTES = 256 * 1024;
/** Of one that is being sent, too: 8 MiB. */
export const MAX_BATCHES = 32;
/** How long items are collected for one request. */
const LINGER_MS = 1000;
const PAUSE = { firstMs: 500, longestMs: 30_000, jitter: 0.5 };

export interface ExporterOptions {
  /** What the items are, for log lines: `spans`. */
  what: string;
  /** Posts items, one after the other. @throws Error if the collector cannot be reached */
  post(items: Buffer): Promise<PostAnswer>;
  /** Takes one line for the operator. */
  log: (line: string) => void;
  clock: Pick<Clock, 'random' | 'startTimer'>;
}

export interface Exporter {
  /** Gives an item its place, to be written at once; undefined if there is no room. Never waits. */
  reserve: Reserve;
  /** Sends what waits, with one attempt for each batch. Resolves after `timeoutMs` at the latest. */
  flush(timeoutMs: number): Promise<void>;
  readonly sent: number;
  /** Items for which there was no room, or which the collector has refused. */
  readonly dropped: number;
  /** Requests to the collector that failed. */
  readonly failures: number;
}

interface Batch {
  bytes: Buffer;
  used: number;
  items: number;
}

/** What became of a batch: it is done with, or may be sent again. */
type Outcome = { rejected: number; why?: string } | { retryAfterMs: number; why: string };

/** Makes an exporter. It does nothing before its first item. */
export function createExporter({ what, post, log, clock }: ExporterOptions): Exporter {
  const totals = { sent: 0, dropped: 0, failures: 0 };
  /** The last one is not full. */
  const batches: Batch[] = [];
  let attempts = 0;
  let pauseMs = 0;
  let sending: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let outage: { dropped: number } | undefined;
  /** Used again: memory outside of the heap is collected late. */
  let spare: Batch | undefined;

  function newBatch(): Batch {
    const bytes = spare?.bytes ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
    spare = undefined;
    return { bytes, used: 0, items: 0 };
  }

  function schedule(ms: number): void {
    cancelTimer ??= clock.startTimer(ms, () => {
      cancelTimer = undefined;
      void pump();
    });
  }

  /** Sends a batch, or all if the process ends, and then goes on with what waits. */
  function pump(send = sendBatch): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    sending ??= send().finally(() => {
      sending = undefined;
      if (attempts > 0) schedule(pauseMs);
      else if (batches.length > 1) void pump();
      else if (batches.length > 0) schedule(LINGER_MS);
    });
    return sending;
  }

  /** Sends the oldest batch. One that may be sent again stays the oldest. Never rejects. */
  async function sendBatch(): Promise<void> {
    const batch = batches[0];
    if (batch === undefined) return;
    // What comes meanwhile is of the next one.
    if (batches.length === 1) batches.push(newBatch());
    const outcome = await post(batch.bytes.subarray(0, batch.used)).then(
      judge,
      (error: unknown): Outcome => ({ retryAfterMs: 0, why: errorCode(error) }),
    );
    if (outcome.why !== undefined) failed(outcome.why);
    if ('retryAfterMs' in outcome) {
      attempts += 1;
      pauseMs = Math.max(outcome.retryAfterMs, backoff(PAUSE, attempts, clock.random()));
      return;
    }
    const rejected = Math.min(outcome.rejected, batch.items);
    totals.dropped += rejected;
    totals.sent += batch.items - rejected;
    spare = batches.shift();
    if (batches[0]?.items === 0) batches.shift();
    attempts = 0;
    if (outcome.why === undefined) succeeded();
  }

  function failed(why: string): void {
    totals.failures += 1;
    if (outage === undefined) log(`--otlp: ${what} cannot be sent (${why}); what does not fit is dropped`);
    outage ??= { dropped: totals.dropped };
  }

  function succeeded(): void {
    if (outage !== undefined) log(`--otlp: ${what} are sent again; ${totals.dropped - outage.dropped} were dropped`);
    outage = undefined;
  }

  /** Returns the batch in which there is room; undefined if there is none. */
  function batchFor(length: number): Batch | undefined {
    const last = batches.at(-1);
    if (last !== undefined && last.used + length <= BATCH_BYTES) return last;
    if (batches.length >= MAX_BATCHES) return undefined;
    const next = newBatch();
    batches.push(next);
    return next;
  }

  async function sendAll(): Promise<void> {
    while (batches.length > 0) {
      const before = totals.failures;
      await sendBatch();
      if (totals.failures > before) return;
    }
  }

  return {
    reserve(length) {
      const batch = batchFor(length);
      if (batch === undefined) {
        totals.dropped += 1;
        return undefined;
      }
      const place = { bytes: batch.bytes, at: batch.used };
      batch.used += length;
      batch.items += 1;
      // What comes while a batch is sent, or waits to be sent again, is seen when that has ended.
      if (sending === undefined && attempts === 0) schedule(LINGER_MS);
      return place;
    },
    async flush(timeoutMs) {
      const late = new Promise<void>((resolve) => void clock.startTimer(timeoutMs, resolve));
      await Promise.race([late, Promise.resolve(sending).then(() => pump(sendAll))]);
    },
    get sent() {
      return totals.sent;
    },
    get dropped() {
      return totals.dropped;
    },
    get failures() {
      return totals.failures;
    },
  };
}

/** The statuses after which a request may be repeated (OTLP 1.x, OTLP/HTTP), and 401 and 403: a file may change. */
const REPEATABLE = new Set([401, 403, 408, 429, 502, 503, 504]);

function judge({ status, retryAfterMs, body }: PostAnswer): Outcome {
  if (status >= 200 && status < 300) {
    const rejected = rejectedIn(body);
    return rejected === 0 ? { rejected } : { rejected, why: `the collector rejected ${rejected}` };
  }
  const why = `the collector answered ${status}`;
  if (REPEATABLE.has(status)) return { retryAfterMs, why };
  return { rejected: Number.POSITIVE_INFINITY, why };
}

/** Returns how many items a collector has not taken of a batch that it answered with success (`partial_success`). */
function rejectedIn(body: Buffer): number {
  let rejected = 0;
  try {
    new PbfReader(body).readFields((field, _, answer) => {
      if (field !== 1) return;
      answer?.readMessage((inner, __, partial) => {
        if (inner === 1) rejected = partial?.readVarint() ?? 0;
      }, undefined);
    }, undefined);
  } catch {
    // What is no answer of OTLP rejects nothing.
  }
  return rejected;
}
