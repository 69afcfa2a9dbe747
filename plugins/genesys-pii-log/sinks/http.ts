/** Sends batches of lines by HTTP POST, in the formats that receivers of logs accept. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createPoster, type PostAnswer } from '../../shared/http/post.js';
import type { Secret } from '../../shared/secret.js';
import type { Line } from '../entry/line.js';
import { reasonOf, SendFailure, type Transport } from './transport.js';

/** The format of entries in the body of a request. */
export type Framing = 'ndjson' | 'array' | 'splunk_hec' | 'elasticsearch_bulk' | 'loki' | 'otlp';

export interface HttpSettings {
  url: URL;
  headers: readonly { name: string; value: Secret }[];
  framing: Framing;
  gzip: boolean;
  batchEntries: number;
  flushMs: number;
  timeoutMs: number;
  /** Certificate authorities in addition to Node's own, in PEM. */
  ca: string | undefined;
}

const compress = promisify(gzip);
const MAX_BATCH_BYTES = 1024 * 1024;

export function createHttpTransport(settings: HttpSettings): Transport {
  const poster = createPoster(settings);
  return {
    maxLines: settings.batchEntries,
    maxBytes: MAX_BATCH_BYTES,
    lingerMs: settings.flushMs,
    async send(lines) {
      const text = frame(lines, settings.framing);
      const body = settings.gzip ? await compress(text) : Buffer.from(text);
      const answer = await poster.post(body, headersOf(settings)).catch((error: unknown) => {
        throw new SendFailure(`the receiver cannot be reached (${reasonOf(error)})`);
      });
      judge(answer, lines, settings.framing);
    },
    close: poster.close,
  };
}

/** Returns the body of a request. */
export function frame(lines: readonly Line[], framing: Framing): string {
  switch (framing) {
    case 'ndjson':
      return lines.map(({ json }) => `${json}\n`).join('');
    case 'array':
      return `[${lines.map(({ json }) => json).join(',')}]`;
    case 'splunk_hec':
      return lines
        .map(({ json, timeMs }) => `{"time":${timeMs / 1000},"sourcetype":"_json","event":${json}}`)
        .join('\n');
    case 'elasticsearch_bulk':
      return lines.map(({ json }) => `{"create":{}}\n${json}\n`).join('');
    case 'loki': {
      const values = lines.map(({ json, timeMs }) => [`${timeMs}000000`, json]);
      return JSON.stringify({ streams: [{ stream: { job: 'genesys-pii-log' }, values }] });
    }
    case 'otlp':
      return otlpRequest(lines);
  }
}

/** SEVERITY_NUMBER_INFO, _WARN and _ERROR. */
const SEVERITIES = { info: 9, warn: 13, error: 17 };

/** Returns the entries as log records of OTLP, in JSON (opentelemetry-proto, logs/v1/logs.proto). */
function otlpRequest(lines: readonly Line[]): string {
  const logRecords = lines.map(({ json, timeMs, status = 0, traceId }) => ({
    timeUnixNano: `${timeMs}000000`,
    severityNumber: status >= 500 ? SEVERITIES.error : status >= 400 ? SEVERITIES.warn : SEVERITIES.info,
    body: { stringValue: json },
    ...(traceId === undefined ? {} : { traceId }),
  }));
  const attributes = Object.entries({ 'service.name': 'genesys-pii-log', 'service.namespace': 'kong-genesys-cloud' });
  const resource = { attributes: attributes.map(([key, text]) => ({ key, value: { stringValue: text } })) };
  return JSON.stringify({
    resourceLogs: [{ resource, scopeLogs: [{ scope: { name: 'genesys-pii-log' }, logRecords }] }],
  });
}

/** Checks the answer to a batch. @throws SendFailure unless everything was taken */
function judge({ status, retryAfterMs, body }: PostAnswer, lines: readonly Line[], framing: Framing): void {
  if (status >= 200 && status < 300) {
    if (framing === 'elasticsearch_bulk') judgeBulk(body.toString('utf8'), lines);
    if (framing === 'otlp') judgeOtlp(body.toString('utf8'), lines);
    return;
  }
  // 401 and 403 are transient, because credentials may be in a file that is about to change.
  const isTransient = status >= 500 || [401, 403, 408, 425, 429].includes(status);
  throw new SendFailure(`the receiver answered ${status}`, { isTransient, retryAfterMs });
}

/** Checks the answer to a bulk request: Elasticsearch answers 200, with a status for each entry. */
function judgeBulk(body: string, lines: readonly Line[]): void {
  if (!/"errors"\s*:\s*true/.test(body.slice(0, 1000)) && !/"errors"\s*:\s*true/.test(body)) return;
  let items: unknown;
  try {
    items = (JSON.parse(body) as { items?: unknown }).items;
  } catch {
    throw new SendFailure('the receiver gave an answer that is no JSON');
  }
  const statuses = (Array.isArray(items) ? items : []).map((item: { create?: { status?: unknown } }) =>
    Number(item?.create?.status),
  );
  if (statuses.length !== lines.length) throw new SendFailure('the receiver gave an answer that cannot be read');
  const remaining = lines.filter((_, index) => statuses[index] === 429 || (statuses[index] ?? 0) >= 500);
  const refused = lines.filter((_, index) => isRefusal(statuses[index] ?? 0));
  if (remaining.length + refused.length > 0) {
    const taken = lines.length - remaining.length - refused.length;
    throw new SendFailure(`the receiver took ${taken} of ${lines.length} entries`, { remaining, refused });
  }
}

/** Checks what a collector has not taken of a batch. Which entries, it does not say, and they must not be sent again. */
function judgeOtlp(body: string, lines: readonly Line[]): void {
  const [, count] = /"rejectedLogRecords"\s*:\s*"?(\d{1,9})/.exec(body) ?? [];
  const refused = lines.slice(0, Number(count ?? 0));
  if (refused.length === 0) return;
  const taken = lines.length - refused.length;
  throw new SendFailure(`the receiver took ${taken} of ${lines.length} entries`, { remaining: [], refused });
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

function headersOf({ framing, gzip, headers }: HttpSettings): Record<string, string> {
  const isLines = framing === 'ndjson' || framing === 'elasticsearch_bulk';
  return {
    'Content-Type': isLines ? 'application/x-ndjson' : 'application/json',
    ...(gzip ? { 'Content-Encoding': 'gzip' } : {}),
    ...Object.fromEntries(headers.map(({ name, value }) => [name, value.current()])),
  };
}
