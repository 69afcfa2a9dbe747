/**
 * Spans in OTLP (opentelemetry-proto, trace/v1/trace.proto), written into the memory in which they wait. Of a span only ids
 * and times differ from the next one of its kind, and these always have the same length: so the rest is copied.
 */
import type { Stretch, Wait } from '../../../plugins/shared/timeline.js';
import {
  fixedKey,
  lengthPrefix,
  messageField,
  textAttribute,
  textField,
  varintField,
  writeFixed64,
} from './protobuf.js';
import type { NewSpanId } from './span-id.js';
import type { Span } from './tracer.js';

/** Where a span may be written; undefined if there is no room. @param length in bytes */
export type Reserve = (length: number) => { bytes: Buffer; at: number } | undefined;

/** SPAN_KIND_INTERNAL, and SPAN_KIND_CLIENT for what is asked of another process. */
const KIND_OF_EVENT = 1;
const KINDS: Readonly<Record<Wait, number>> = { login: 3, redis: 3, wait: 1 };
/** STATUS_CODE_ERROR */
const ERROR = messageField(15, [varintField(3, 2)]);

/** What differs, with its bytes: ids, Kong's id of the request as text, and times. */
const LENGTHS = { traceId: 16, spanId: 8, parentId: 8, requestId: 32, start: 8, end: 8 } as const;

type Slot = keyof typeof LENGTHS;
type Part = Buffer | Slot;

/** A kind of span: its bytes, and where the slots begin. */
interface Template {
  bytes: Buffer;
  at: Partial<Record<Slot, number>>;
}

/**
 * Writes a span and its children.
 * @param originMs what to add to a value of `performance.now()` to get milliseconds since 1970
 */
export type WriteSpan = (span: Span, originMs: number) => void;

/** Makes what writes the spans of a process. */
export function createSpanWriter(newSpanId: NewSpanId, reserve: Reserve): WriteSpan {
  const ofEvents = new Map<string, Template>();

  function templateOf({ plugin, phase, outcome, parentId }: Span): Template {
    const key = `${plugin} ${phase} ${outcome} ${parentId === undefined ? '' : 'child'}`;
    const known = ofEvents.get(key);
    if (known !== undefined) return known;
    const made = eventTemplate({ plugin, phase, outcome }, parentId !== undefined);
    ofEvents.set(key, made);
    return made;
  }

  /** Copies a template and fills its slots. Times are in milliseconds since 1970. */
  function write(
    { bytes, at }: Template,
    ids: { traceId: string; spanId: string; parentId: string | undefined; requestId: string },
    startMs: number,
    endMs: number,
  ): void {
    const place = reserve(bytes.length);
    if (place === undefined) return;
    const { bytes: into, at: from } = place;
    bytes.copy(into, from);
    into.write(ids.traceId, from + (at.traceId ?? 0), 'hex');
    into.write(ids.spanId, from + (at.spanId ?? 0), 'hex');
    if (at.parentId !== undefined && ids.parentId !== undefined) into.write(ids.parentId, from + at.parentId, 'hex');
    if (at.requestId !== undefined) into.write(ids.requestId, from + at.requestId, 'latin1');
    writeFixed64(into, from + (at.start ?? 0), startMs * 1e6);
    writeFixed64(into, from + (at.end ?? 0), endMs * 1e6);
  }

  function writeChild({ traceId, spanId, requestId, startMs }: Span, child: Stretch, originMs: number): void {
    // A request may join a login that another one began.
    const fromMs = Math.max(child.startMs, startMs);
    const template = CHILDREN[child.wait][child.failed ? 'failed' : 'ended'];
    const ids = { traceId, spanId: newSpanId(), parentId: spanId, requestId };
    write(template, ids, originMs + fromMs, originMs + child.endMs);
  }

  return (span, originMs) => {
    write(templateOf(span), span, originMs + span.startMs, originMs + span.endMs);
    for (const child of span.children) writeChild(span, child, originMs);
  };
}

/** Puts parts together. The span is a field of ScopeSpans, with its length. */
function template(span: readonly Part[]): Template {
  const parts = withLength(2, span);
  const at: Template['at'] = {};
  let length = 0;
  const pieces = parts.map((part) => {
    if (typeof part === 'string') at[part] = length;
    const piece = typeof part === 'string' ? Buffer.alloc(LENGTHS[part]) : part;
    length += piece.length;
    return piece;
  });
  return { bytes: Buffer.concat(pieces), at };
}

function withLength(field: number, parts: readonly Part[]): Part[] {
  const length = parts.reduce((sum, part) => sum + (typeof part === 'string' ? LENGTHS[part] : part.length), 0);
  return [lengthPrefix(field, length), ...parts];
}

function eventTemplate(
  { plugin, phase, outcome }: Pick<Span, 'plugin' | 'phase' | 'outcome'>,
  hasParent: boolean,
): Template {
  return template([
    ...partsOf(`${plugin} ${phase}`, KIND_OF_EVENT, hasParent),
    textAttribute(9, 'kong.plugin.name', plugin),
    textAttribute(9, 'kong.phase', phase),
    textAttribute(9, 'kong.event.outcome', outcome),
    ...withLength(9, [textField(1, 'kong.request.id'), ...withLength(2, withLength(1, ['requestId']))]),
    ...(outcome === 'failed' ? [ERROR] : []),
  ]);
}

function partsOf(name: string, kind: number, hasParent: boolean): Part[] {
  return [
    ...withLength(1, ['traceId']),
    ...withLength(2, ['spanId']),
    ...(hasParent ? withLength(4, ['parentId']) : []),
    textField(5, name),
    varintField(6, kind),
    fixedKey(7),
    'start',
    fixedKey(8),
    'end',
  ];
}

function childTemplates(wait: Wait): Readonly<Record<'ended' | 'failed', Template>> {
  const parts = partsOf(wait, KINDS[wait], true);
  return { ended: template(parts), failed: template([...parts, ERROR]) };
}

const CHILDREN = { login: childTemplates('login'), redis: childTemplates('redis'), wait: childTemplates('wait') };
