/**
 * Makes spans of events: one for each phase of a plugin, with children for what it waited for. The parent is the span in the
 * client's `traceparent`. Without one, Kong's request id is the id of the trace: Kong gives external plugins none of its
 * own. Spans contain ids, times, and names of plugins and phases, and nothing else of a request.
 */
import type { Kong } from '../../../plugins/shared/pdk.js';
import type { Phase } from '../../../plugins/shared/plugin.js';
import type { Stretch } from '../../../plugins/shared/timeline.js';
import type { EventOutcome } from '../metric-types.js';
import type { NewSpanId } from './span-id.js';
import type { EventTrace, TraceEvent } from './trace-event.js';

/** A span, ready to be encoded. Times are values of `performance.now()`. */
export interface Span {
  traceId: string;
  spanId: string;
  /** Undefined for the first span of a trace that no client began. */
  parentId: string | undefined;
  requestId: string;
  plugin: string;
  phase: Phase;
  outcome: EventOutcome;
  startMs: number;
  endMs: number;
  children: readonly Stretch[];
}

export interface TracerOptions {
  /** The share of requests that is traced, from 0 to 1, of those whose `traceparent` does not decide. */
  ratio: number;
  newSpanId: NewSpanId;
  take(span: Span): void;
}

/** What the events of one request have in common. */
interface Context {
  traceId: string;
  parentId: string | undefined;
  requestId: string;
}

/** The key in `ctx.shared` under which the access phase leaves the context of a request that is traced. */
const MARK = 'genesys_trace';

/** W3C Trace Context, level 1: version, trace id, parent id, flags. A later version may have more after these. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;
const REQUEST_ID = /^[\da-f]{32}$/;
const MARK_FORMAT = /^([\da-f]{32})-([\da-f]{16}|)-([\da-f]{32})$/;

/** Waits of one event beyond this number are left out: no trace is clearer for more. */
const MAX_CHILDREN = 32;

/** Requests whose first span is remembered, so that their other spans become its children. */
const MAX_FIRST_SPANS = 10_000;

const NONE: Stretch[] = [];

/** Makes the tracer of a process. */
export function createTracer({ ratio, newSpanId, take }: TracerOptions): TraceEvent {
  const firstSpans = new Map<string, string>();

  /** Returns whose child a span is, in a trace without a client's span. The first span is nobody's. */
  function parentAmongOurs(traceId: string, spanId: string): string | undefined {
    const first = firstSpans.get(traceId);
    if (first !== undefined) return first === spanId ? undefined : first;
    const [oldest] = firstSpans.size < MAX_FIRST_SPANS ? [] : firstSpans.keys();
    if (oldest !== undefined) firstSpans.delete(oldest);
    firstSpans.set(traceId, spanId);
    return undefined;
  }

  /** It becomes the span itself: a copy of each would be garbage. */
  class Trace implements EventTrace, Span {
    readonly plugin: string;
    readonly phase: Phase;
    readonly startMs = performance.now();
    endMs = 0;
    outcome: EventOutcome = 'ended';
    traceId = '';
    spanId = '';
    requestId = '';
    parentId: string | undefined;
    children: Stretch[] = NONE;
    #isOver = false;
    /** Undefined until Kong has answered. */
    #isTraced: boolean | undefined;

    constructor(plugin: string, phase: Phase, kong: Kong) {
      this.plugin = plugin;
      this.phase = phase;
      // Read in the event's first write, and awaited by nobody: an event takes no round trip more.
      const context = phase === 'access' ? readContext(kong, ratio) : readMark(kong);
      void context.then(
        (found) => this.#know(found, kong),
        () => this.#know(null, kong),
      );
    }

    readonly timeline = (stretch: Stretch): void => {
      if (this.#isTraced === false) return;
      if (this.children === NONE) this.children = [];
      if (this.children.length < MAX_CHILDREN) this.children.push(stretch);
    };

    end(outcome: EventOutcome): void {
      this.outcome = outcome;
      this.endMs = performance.now();
      this.#isOver = true;
      if (this.#isTraced === true) take(this);
    }

    #know(context: Context | null, kong: Kong): void {
      this.#isTraced = context !== null;
      if (context === null) return;
      const { traceId, parentId, requestId } = context;
      this.traceId = traceId;
      this.requestId = requestId;
      this.spanId = newSpanId();
      this.parentId = parentId ?? parentAmongOurs(traceId, this.spanId);
      if (this.#isOver) take(this);
      else if (this.phase === 'access') void kong.ctx.shared.set(MARK, `${traceId}-${parentId ?? ''}-${requestId}`);
    }
  }

  return (plugin, phase, kong) => new Trace(plugin, phase, kong);
}

/** Reads what decides on the trace of a request. @returns null if it is not traced */
async function readContext(kong: Kong, ratio: number): Promise<Context | null> {
  const [requestId, header] = await Promise.all([
    kong.nginx.getVar('kong_request_id'),
    kong.request.getHeader('traceparent'),
  ]);
  return contextOf(requestId, header, ratio);
}

/** Decides whether a request is traced, and of which trace it is. A `traceparent` decides for its trace. Pure. */
export function contextOf(requestId: string, traceparent: string | undefined, ratio: number): Context | null {
  if (!REQUEST_ID.test(requestId)) return null;
  const [, traceId, parentId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined)
    return isSampled(requestId, ratio) ? { traceId: requestId, parentId: undefined, requestId } : null;
  return (Number.parseInt(flags, 16) & 1) === 1 ? { traceId, parentId, requestId } : null;
}

/** The same answer for all events of a request, in all processes: its id is random. */
function isSampled(requestId: string, ratio: number): boolean {
  return ratio >= 1 || Number.parseInt(requestId.slice(-12), 16) < ratio * 2 ** 48;
}

/** Reads what the access phase has left. Kong's own tracing may have changed the header since. */
async function readMark(kong: Kong): Promise<Context | null> {
  const mark = await kong.ctx.shared.get(MARK);
  const [, traceId, parentId, requestId] = MARK_FORMAT.exec(typeof mark === 'string' ? mark : '') ?? [];
  if (traceId === undefined || requestId === undefined) return null;
  return { traceId, parentId: parentId === '' ? undefined : parentId, requestId };
}
