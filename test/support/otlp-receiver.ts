/**
 * A receiver of OTLP/HTTP, as a collector has, in protobuf and JSON. It holds what it gets against the messages of
 * opentelemetry-proto 1.x: a field that they do not have, or of another type, is a fault.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { PbfReader } from 'pbf';

export interface KeyValue {
  key: string;
  value: { stringValue?: string };
}

export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  status?: { code: number };
}

export interface OtlpMetric {
  name: string;
  sum?: { isMonotonic: boolean; dataPoints: { attributes: KeyValue[]; asDouble: number }[] };
  gauge?: { dataPoints: { attributes: KeyValue[]; asDouble: number }[] };
  histogram?: {
    dataPoints: { attributes: KeyValue[]; count: string; bucketCounts: string[]; explicitBounds: number[] }[];
  };
}

export interface OtlpLogRecord {
  timeUnixNano: string;
  severityNumber: number;
  body: { stringValue: string };
  traceId?: string;
  attributes?: KeyValue[];
}

export interface OtlpReceiver {
  url: string;
  spans: OtlpSpan[];
  metrics: OtlpMetric[];
  logs: OtlpLogRecord[];
  /** The attributes of the resource of the last request. */
  resource: Record<string, string | undefined>;
  headers: IncomingHttpHeaders;
  /** Everything as it came. */
  text: string;
  /** What is not as opentelemetry-proto says. */
  faults: string[];
  /** Answers a request; without it, the answer is a success. What it does not answer with success is not kept. */
  answer: ((response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** The types of fields in JSON (opentelemetry-proto, docs/specification.md): 64-bit integers are strings, ids hexadecimal. */
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  double: (value) => typeof value === 'number',
  enum: Number.isSafeInteger,
  fixed64: (value) => typeof value === 'string' && /^\d{1,20}$/.test(value),
  traceId: (value) => typeof value === 'string' && /^(?!0{32})[\da-f]{32}$/.test(value),
  spanId: (value) => typeof value === 'string' && /^(?!0{16})[\da-f]{16}$/.test(value),
};

type Fields = Readonly<Record<string, readonly [number: number, type: string]>>;

/** Fields of messages with their numbers, by type; in brackets: repeated. Of opentelemetry-proto what is used here. */
const MESSAGES: Readonly<Record<string, Fields>> = {
  '/v1/traces': { resourceSpans: [1, '[ResourceSpans]'] },
  '/v1/metrics': { resourceMetrics: [1, '[ResourceMetrics]'] },
  '/v1/logs': { resourceLogs: [1, '[ResourceLogs]'] },
  ResourceSpans: { resource: [1, 'Resource'], scopeSpans: [2, '[ScopeSpans]'] },
  ResourceMetrics: { resource: [1, 'Resource'], scopeMetrics: [2, '[ScopeMetrics]'] },
  ResourceLogs: { resource: [1, 'Resource'], scopeLogs: [2, '[ScopeLogs]'] },
  Resource: { attributes: [1, '[KeyValue]'] },
  Scope: { name: [1, 'string'], version: [2, 'string'] },
  ScopeSpans: { scope: [1, 'Scope'], spans: [2, '[Span]'] },
  ScopeMetrics: { scope: [1, 'Scope'], metrics: [2, '[Metric]'] },
  ScopeLogs: { scope: [1, 'Scope'], logRecords: [2, '[LogRecord]'] },
  KeyValue: { key: [1, 'string'], value: [2, 'AnyValue'] },
  AnyValue: { stringValue: [1, 'string'], boolValue: [2, 'bool'], doubleValue: [4, 'double'] },
  Span: {
    traceId: [1, 'traceId'],
    spanId: [2, 'spanId'],
    parentSpanId: [4, 'spanId'],
    name: [5, 'string'],
    kind: [6, 'enum'],
    startTimeUnixNano: [7, 'fixed64'],
    endTimeUnixNano: [8, 'fixed64'],
    attributes: [9, '[KeyValue]'],
    status: [15, 'Status'],
  },
  Status: { message: [2, 'string'], code: [3, 'enum'] },
  Metric: {
    name: [1, 'string'],
    description: [2, 'string'],
    unit: [3, 'string'],
    gauge: [5, 'Gauge'],
    sum: [7, 'Sum'],
    histogram: [9, 'Histogram'],
  },
  Gauge: { dataPoints: [1, '[NumberDataPoint]'] },
  Sum: { dataPoints: [1, '[NumberDataPoint]'], aggregationTemporality: [2, 'enum'], isMonotonic: [3, 'bool'] },
  Histogram: { dataPoints: [1, '[HistogramDataPoint]'], aggregationTemporality: [2, 'enum'] },
  NumberDataPoint: {
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    asDouble: [4, 'double'],
    attributes: [7, '[KeyValue]'],
  },
  HistogramDataPoint: {
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    bucketCounts: [6, '[fixed64]'],
    explicitBounds: [7, '[double]'],
    attributes: [9, '[KeyValue]'],
  },
  LogRecord: {
    timeUnixNano: [1, 'fixed64'],
    severityNumber: [2, 'enum'],
    severityText: [3, 'string'],
    body: [5, 'AnyValue'],
    attributes: [6, '[KeyValue]'],
    traceId: [9, 'traceId'],
    observedTimeUnixNano: [11, 'fixed64'],
  },
};

/** The wire types of protobuf, for all but messages. */
const WIRE_TYPES: Readonly<Record<string, number>> = { bool: 0, enum: 0, double: 1, fixed64: 1 };

/** Decodes a message into what its JSON would be. @throws Error for a field that it does not have, or of another type */
export function decodeMessage(bytes: Buffer, type: string): Record<string, unknown> {
  const fields = Object.entries(MESSAGES[type] ?? {});
  const message: Record<string, unknown> = {};
  new PbfReader(bytes).readFields<undefined>((number, _, reader) => {
    const [name = '', [, fieldType] = [0, '']] = fields.find(([, [known]]) => known === number) ?? [];
    const [, element] = /^\[(.*)\]$/.exec(fieldType) ?? [];
    const one = element ?? fieldType;
    const isPacked = element !== undefined && WIRE_TYPES[one] === 1;
    if (name === '' || reader === undefined || reader.type !== (isPacked ? 2 : (WIRE_TYPES[one] ?? 2)))
      throw new Error(`${type} has no field ${number} of the wire type ${reader?.type}`);
    if (isPacked) {
      const content = Buffer.from(reader.readBytes());
      const numbers = Array.from({ length: content.length / 8 }, (__, index) => numberAt(content, index * 8, one));
      message[name] = numbers;
    } else if (element === undefined) message[name] = readValue(reader, one);
    else message[name] = [...((message[name] as unknown[]) ?? []), readValue(reader, one)];
  }, undefined);
  return message;
}

function readValue(reader: PbfReader, type: string): unknown {
  if (type === 'bool') return reader.readBoolean();
  if (type === 'enum') return reader.readVarint();
  if (WIRE_TYPES[type] === 1) {
    const at = reader.pos;
    reader.pos += 8;
    return numberAt(Buffer.from(reader.buf), at, type);
  }
  const bytes = Buffer.from(reader.readBytes());
  if (type === 'string') return bytes.toString('utf8');
  return type in MESSAGES ? decodeMessage(bytes, type) : bytes.toString('hex');
}

function numberAt(bytes: Buffer, at: number, type: string): unknown {
  return type === 'double' ? bytes.readDoubleLE(at) : String(bytes.readBigUInt64LE(at));
}

/** Returns what is wrong with a value of a type. */
export function faultsOf(value: unknown, type: string, at = type): string[] {
  const [, element] = /^\[(.*)\]$/.exec(type) ?? [];
  if (element !== undefined) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((one, index) => faultsOf(one, element, `${at}[${index}]`));
  }
  const isType = TYPES[type];
  if (isType !== undefined) return isType(value) ? [] : [`${at} is no ${type}`];
  const fields = MESSAGES[type] ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no message`];
  return Object.entries(value).flatMap(([name, one]) => {
    const [, field] = (Object.hasOwn(fields, name) && fields[name]) || [];
    return field === undefined ? [`${at}.${name} is unknown`] : faultsOf(one, field, `${at}.${name}`);
  });
}

/** Returns a record of attributes with texts. */
export function textsOf(attributes: readonly KeyValue[] = []): Record<string, string | undefined> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
}

interface Scope {
  spans?: OtlpSpan[];
  metrics?: OtlpMetric[];
  logRecords?: OtlpLogRecord[];
}

/** Of any signal: the names of its lists differ. */
type Body = Record<string, ({ resource: { attributes: KeyValue[] } } & Record<`scope${string}`, Scope[]>)[]>;

/** Parses a body; what is wrong with it becomes a fault. */
function parse(bytes: Buffer, path: string, contentType: string | undefined, faults: string[]): Body {
  if (!(path in MESSAGES)) faults.push(`${path} is no path of OTLP`);
  try {
    const isJson = contentType === 'application/json';
    if (!isJson && contentType !== 'application/x-protobuf') faults.push(`${contentType} is no type of OTLP`);
    const body: unknown = isJson ? JSON.parse(bytes.toString('utf8')) : decodeMessage(bytes, path);
    faults.push(...faultsOf(body, path));
    return body as Body;
  } catch (error) {
    faults.push((error as Error).message);
    return {};
  }
}

/** Starts it. @param port where another one was; left out: any */
export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    const path = request.url ?? '';
    const body = parse(bytes, path, request.headers['content-type'], receiver.faults);
    receiver.headers = request.headers;
    if (receiver.answer !== undefined) receiver.answer(response);
    if (!response.writableEnded) response.end();
    if (response.statusCode >= 300) return;
    receiver.text += bytes.toString('latin1');
    for (const { resource, ...scopes } of Object.values(body).flat()) {
      receiver.resource = textsOf(resource.attributes);
      for (const { spans = [], metrics = [], logRecords = [] } of Object.values(
        scopes as Record<string, Scope[]>,
      ).flat()) {
        receiver.spans.push(...spans);
        receiver.metrics.push(...metrics);
        receiver.logs.push(...logRecords);
      }
    }
  });
  const receiver: OtlpReceiver = {
    url: '',
    spans: [],
    metrics: [],
    logs: [],
    resource: {},
    headers: {},
    text: '',
    faults: [],
    answer: undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}
