/**
 * The requests that are on their way through the gateway: their bodies until the log phase, and how many never get
 * there. Under overload, Kong drops log events without telling the plugin. An access event whose log event has not come
 * after a while counts as lost.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../shared/clock.js';
import type { CapturedBody } from './body/body.js';

export interface Requests {
  /** Begins a request. @returns the id under which the log phase finds it */
  begin(): string;
  /** Keeps a request's body until the log phase, for a limited time and while there is room. */
  keep(id: string, body: CapturedBody): void;
  /** Ends a request. `isKnown` is false if it is not waiting; `body` is undefined if there is none, or no longer. */
  end(id: string): { isKnown: boolean; body: CapturedBody | undefined; wasDropped: boolean };
  /** The number of log events that never came. */
  readonly lost: number;
  readonly stats: RequestStats;
}

export interface RequestStats {
  access_events: number;
  log_events: number;
  lost_log_events: number;
  waiting: number;
  captured_bytes: number;
  dropped_captures: number;
}

interface Waiting {
  since: number;
  body: CapturedBody | undefined;
  wasDropped: boolean;
}

const MAX_CAPTURED_BYTES = 64 * 1024 * 1024;
/** How long a body is kept. If the request takes longer, only its body is missing from the log. */
const KEEP_BODY_MS = 300_000;
/** No request takes this long. */
const LOST_AFTER_MS = 3_600_000;
const MAX_WAITING = 200_000;
const SWEEP_MS = 30_000;

export function createRequests(clock: Clock): Requests {
  const prefix = randomBytes(8).toString('hex');
  /** Requests by id, in the order in which they began. */
  const waiting = new Map<string, Waiting>();
  /** Ids of the requests that have a body, in the order in which it was kept. */
  const holding = new Set<string>();
  let count = 0;
  let logged = 0;
  let lost = 0;
  let capturedBytes = 0;
  let droppedCaptures = 0;
  let sweeping = false;

  function dropBody(id: string, entry: Waiting): void {
    capturedBytes -= entry.body?.bytes.length ?? 0;
    entry.body = undefined;
    holding.delete(id);
  }

  function dropOldestBody(): void {
    for (const id of holding) {
      const entry = waiting.get(id);
      if (entry === undefined) holding.delete(id);
      else {
        dropBody(id, entry);
        entry.wasDropped = true;
        droppedCaptures++;
      }
      return;
    }
  }

  function lose(id: string, entry: Waiting): void {
    dropBody(id, entry);
    waiting.delete(id);
    lost++;
  }

  function sweep(): void {
    sweeping = false;
    const now = clock.nowMs();
    for (const [id, entry] of waiting) {
      if (now - entry.since < LOST_AFTER_MS) break;
      lose(id, entry);
    }
    for (const id of holding) {
      const entry = waiting.get(id);
      if (entry !== undefined && now - entry.since < KEEP_BODY_MS) break;
      dropOldestBody();
    }
    scheduleSweep();
  }

  function scheduleSweep(): void {
    if (sweeping || waiting.size === 0) return;
    sweeping = true;
    clock.startTimer(SWEEP_MS, sweep);
  }

  return {
    begin() {
      const id = `${prefix}-${(++count).toString(36)}`;
      waiting.set(id, { since: clock.nowMs(), body: undefined, wasDropped: false });
      if (waiting.size > MAX_WAITING) {
        const [oldest] = waiting;
        if (oldest !== undefined) lose(...oldest);
      }
      scheduleSweep();
      return id;
    },
    keep(id, body) {
      const entry = waiting.get(id);
      if (entry === undefined) return;
      entry.body = body;
      holding.add(id);
      capturedBytes += body.bytes.length;
      while (capturedBytes > MAX_CAPTURED_BYTES) dropOldestBody();
    },
    end(id) {
      const entry = waiting.get(id);
      // It began in an earlier process, or was given up.
      if (entry === undefined) return { isKnown: false, body: undefined, wasDropped: false };
      const { body, wasDropped } = entry;
      logged++;
      dropBody(id, entry);
      waiting.delete(id);
      return { isKnown: true, body, wasDropped };
    },
    get lost() {
      return lost;
    },
    get stats() {
      return {
        access_events: count,
        log_events: logged,
        lost_log_events: lost,
        waiting: waiting.size,
        captured_bytes: capturedBytes,
        dropped_captures: droppedCaptures,
      };
    },
  };
}
