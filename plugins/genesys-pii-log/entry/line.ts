/** An entry as the sinks take it: one line of JSON. It can be shortened and is still JSON. Pure. */
import { toEcs } from './ecs.js';
import type { Entry } from './entry.js';

export interface Line {
  /** Without a line feed. */
  json: string;
  /** Milliseconds since 1970. */
  timeMs: number;
  status: number | undefined;
  /** Of the trace that the client began, or that spans without a client's have; undefined without an id. */
  traceId?: string | undefined;
  /** Returns the line in at most `maxBytes`: without bodies, then headers, then all but what identifies the request. */
  within(maxBytes: number): string;
}

export type Format = 'native' | 'ecs';

/**
 * Characters that JSON does not escape, but that end a line for some readers (U+0085, U+2028, U+2029), are commands to
 * terminals (U+007F to U+009F), or make viewers show text in the other direction.
 */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

function stringify(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Makes the line of an entry. */
export function toLine(entry: Entry, format: Format): Line {
  // Thousands of lines may wait in queues. A native line can be shortened from its text, so the entry is not kept.
  const common = { timeMs: Date.parse(entry.time), status: entry.status, traceId: traceIdOf(entry) };
  if (format === 'native') return nativeLine(stringify(entry), common);
  const json = stringify(toEcs(entry));
  const write = (shown: Entry): string => stringify(toEcs(shown));
  return { json, ...common, within: (bytes) => shorten(json, bytes, () => entry, write) };
}

function nativeLine(json: string, common: Pick<Line, 'timeMs' | 'status' | 'traceId'>): Line {
  const read = (): Entry => JSON.parse(json) as Entry;
  return { json, ...common, within: (bytes) => shorten(json, bytes, read, stringify) };
}

const TRACE_ID = /^(?!0{32})[\da-f]{32}$/;

/** The plugin server's spans have Kong's request id as the id of the trace where the client began none. */
function traceIdOf({ trace_id, request_id }: Entry): string | undefined {
  return [trace_id, request_id].find((id) => id !== undefined && TRACE_ID.test(id));
}

function shorten(json: string, maxBytes: number, read: () => Entry, write: (entry: Entry) => string): string {
  if (Buffer.byteLength(json) <= maxBytes) return json;
  const entry = read();
  for (const without of [withoutBodies, withoutHeaders, withoutAll]) {
    const shorter = write(without(entry));
    if (Buffer.byteLength(shorter) <= maxBytes) return shorter;
  }
  return JSON.stringify({ type: 'request', time: entry.time, truncated: true });
}

function withoutBodies(entry: Entry): Entry {
  const without = ({ headers, body }: Entry['request']): Entry['request'] => {
    if (body === undefined) return { headers };
    const { content: _, parts: __, ...about } = body;
    return { headers, body: { ...about, truncated: true } };
  };
  return { ...entry, request: without(entry.request), response: without(entry.response), truncated: true };
}

function withoutHeaders(entry: Entry): Entry {
  return { ...withoutBodies(entry), request: { headers: {} }, response: { headers: {} } };
}

function withoutAll(entry: Entry): Entry {
  const { type, time, request_id, method, status, source, truncated: _, ...rest } = entry;
  const consumer = rest.consumer?.id === undefined ? {} : { consumer: { id: rest.consumer.id } };
  return {
    type,
    time,
    ...(request_id === undefined ? {} : { request_id }),
    ...(method === undefined ? {} : { method }),
    ...(status === undefined ? {} : { status }),
    ...consumer,
    source,
    latency_ms: {},
    bytes: {},
    request: { headers: {} },
    response: { headers: {} },
    masked: {},
    truncated: true,
  };
}
