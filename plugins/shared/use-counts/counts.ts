/**
 * Counts by day (UTC) of what a process has seen, and where they are added up: in memory, in a file of the machine, or in
 * Redis for all nodes.
 */
import { randomUUID } from 'node:crypto';
import { createBook, type Use } from './book.js';
import { DAY_MS, dayOf, type Span } from './span.js';

/** Counts of a day that are added once, however often they are sent. */
export interface Batch {
  id: string;
  day: string;
  counts: ReadonlyMap<string, number>;
}

/** Where counts are added up. */
export interface CountStore {
  kind: 'file' | 'redis';
  /** @throws Error if the batch may not have arrived: it is sent again, unchanged */
  add(batch: Batch): Promise<void>;
  /** @throws Error if it cannot be read */
  read(span: Span): Promise<Use[]>;
}

export interface UseCounts {
  /** Adds to a field's count of the day. */
  count(field: string, requests: number, wallClockMs: number): void;
  /** Returns the counts of a span, this process' latest included. @throws Error if the store cannot be read */
  read(span: Span): Promise<Use[]>;
  /** Writes new counts to the store. If that fails, they are kept for the next time. */
  flush(): Promise<void>;
  readonly storage: 'memory' | CountStore['kind'];
}

/** How long after a request its count is written. */
const FLUSH_MS = 5000;
const NO_BOUND = Number.POSITIVE_INFINITY;

/** @param store undefined: they are of this process since it started */
export function createUseCounts(store: CountStore | undefined): UseCounts {
  const book = createBook();
  /** What the store does not have yet, by day. */
  const days = new Map<string, Map<string, number>>();
  /** On their way to the store, until it confirms them. */
  const batches: Batch[] = [];
  /** The day of the last request: to write a date costs more than to count. */
  let today = { day: '', endMs: 0 };
  let timer: NodeJS.Timeout | undefined;
  let flushed = Promise.resolve();

  async function sendBatches(to: CountStore): Promise<void> {
    // Batches that were tried go first, unchanged. Only then do new counts become a batch, however long the store is away.
    await sendAll(to);
    for (const [day, counts] of days) batches.push({ id: randomUUID(), day, counts });
    days.clear();
    await sendAll(to);
  }

  async function sendAll(to: CountStore): Promise<void> {
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      await to.add(batch);
      batches.shift();
    }
  }

  /** @throws Error; what could not be sent is tried again */
  function send(to: CountStore): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // Waits for the running flush, which does not send what came after it began.
    const sent = flushed.then(() => sendBatches(to));
    flushed = sent.catch(() => schedule());
    return sent;
  }

  async function flush(): Promise<void> {
    if (store !== undefined) await send(store).catch(() => {});
  }

  function schedule(): void {
    if (store === undefined || timer !== undefined) return;
    timer = setTimeout(() => void flush(), FLUSH_MS);
    timer.unref();
  }

  return {
    storage: store?.kind ?? 'memory',
    count(field, requests, wallClockMs) {
      const { day } = dayAt(wallClockMs);
      const counts = days.get(day) ?? new Map<string, number>();
      // With the first of a day, what is old is added up.
      if (!days.has(day) && store === undefined) keep(wallClockMs);
      days.set(day, counts);
      counts.set(field, (counts.get(field) ?? 0) + requests);
      schedule();
    },
    async read(span) {
      if (store === undefined) {
        keep(Date.now());
        return book.read('', span);
      }
      // Without the counts of this process, the store's would be too few.
      await send(store);
      return store.read(span);
    },
    flush,
  };

  function dayAt(ms: number): typeof today {
    if (ms < today.endMs && ms >= today.endMs - DAY_MS) return today;
    today = { day: dayOf(ms), endMs: (Math.floor(ms / DAY_MS) + 1) * DAY_MS };
    return today;
  }

  /** Without a store: moves what was counted into the book. */
  function keep(nowMs: number): void {
    for (const [day, counts] of days) book.add('', day, counts);
    days.clear();
    book.tidy(nowMs, NO_BOUND);
  }
}
