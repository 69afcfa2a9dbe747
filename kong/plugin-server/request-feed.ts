/**
 * The requests that Kong has logged, for the page on the operator's port. A plugin that asks Kong for its log entry
 * (`kong.log.serialize`) brings them here. They are kept only while somebody looks, and told without anything that a
 * client chose: no path, no header, no body.
 */
import { randomBytes } from 'node:crypto';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import type { Operation } from '../../plugins/shared/plugin.js';

/** A request, as the page shows it. Times are milliseconds; undefined if Kong does not say. */
export interface SeenRequest {
  id: string;
  startedAtMs: number | undefined;
  /** `OTHER` for one that HTTP does not know. */
  method: string;
  route: string | undefined;
  service: { id: string; name: string | undefined } | undefined;
  consumer: string | undefined;
  status: number | undefined;
  /** Who answered: the service, or Kong with its plugins. */
  source: 'service' | 'gateway';
  ms: { total: number | undefined; gateway: number | undefined; service: number | undefined };
  /** How often Kong tried to reach the service. */
  tries: number;
}

export interface RequestFeed {
  /** Takes a log entry as Kong serialises it. Costs nothing unless somebody looks. */
  note(json: string): void;
  operation: Operation;
}

/** How many requests are kept: what a page shows, and those of half a second at 500 requests/s. */
const KEPT = 300;
/** An entry that is longer has enormous headers, and is not worth its memory. */
const MAX_ENTRY_CHARS = 64 * 1024;
/** How long requests are kept after the last look. A page looks twice a second. */
const WATCHED_MS = 10_000;

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** @param nowMs a clock that only goes forward */
export function createRequestFeed(nowMs: () => number): RequestFeed {
  /** Tells this process from the one before it, whose numbers mean nothing here. */
  const run = randomBytes(8).toString('hex');
  /** As Kong has written them until somebody looks, since most are never looked at. */
  let entries: (string | SeenRequest | undefined)[] = [];
  /** How many entries came before those that are kept. */
  let dropped = 0;
  let watchedUntilMs = Number.NEGATIVE_INFINITY;

  return {
    note(json) {
      if (nowMs() > watchedUntilMs) {
        dropped += entries.length;
        entries = [];
        return;
      }
      if (json.length > MAX_ENTRY_CHARS) return;
      entries.push(json);
      if (entries.length <= KEPT) return;
      entries.shift();
      dropped += 1;
    },
    operation: {
      method: 'GET',
      path: '/requests',
      run(query) {
        watchedUntilMs = nowMs() + WATCHED_MS;
        const next = dropped + entries.length;
        const after = query.get('run') === run ? Number(query.get('after')) || 0 : 0;
        // What is not told is not kept either.
        entries = entries.map((entry) => (typeof entry === 'string' ? readEntry(entry) : entry));
        const fresh = entries.slice(Math.max(0, after - dropped)).filter((entry) => entry !== undefined);
        const skipped = Math.max(0, dropped - after);
        return { status: 200, body: { run, next, skipped: after === 0 ? 0 : skipped, bodies: false, requests: fresh } };
      },
    },
  };
}

/** Reads what is told of an entry; undefined if it is none. */
function readEntry(json: string): SeenRequest | undefined {
  const entry = parse(json);
  const request = record(entry.request);
  const id = text(request.id);
  if (id === undefined) return undefined;
  const latencies = record(entry.latencies);
  const serviceId = text(record(entry.service).id);
  const method = text(request.method) ?? '';
  return {
    id,
    startedAtMs: number(entry.started_at),
    method: METHODS.has(method) ? method : 'OTHER',
    route: text(record(entry.route).name),
    service: serviceId === undefined ? undefined : { id: serviceId, name: text(record(entry.service).name) },
    consumer: text(record(entry.consumer).username),
    status: number(record(entry.response).status),
    source: entry.source === 'upstream' ? 'service' : 'gateway',
    ms: {
      total: duration(latencies.request),
      gateway: duration(latencies.kong),
      service: duration(latencies.proxy),
    },
    tries: Array.isArray(entry.tries) ? entry.tries.length : 0,
  };
}

function parse(json: string): PlainObject {
  try {
    return record(JSON.parse(json));
  } catch {
    return {};
  }
}

function record(value: unknown): PlainObject {
  return isPlainObject(value) ? value : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Returns a duration. Kong writes -1 for what did not happen. */
function duration(value: unknown): number | undefined {
  const ms = number(value);
  return ms === undefined || ms < 0 ? undefined : ms;
}
