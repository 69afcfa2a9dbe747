/** Sends batches of lines by HTTP POST, in the formats that receivers of logs accept. */
import type { Agent, IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { parseRetryAfter } from '../../shared/retry-after.js';
import type { Secret } from '../../shared/secret.js';
import type { Line } from '../entry/line.js';
import { reasonOf, SendFailure, type Transport } from './transport.js';

/** The format of entries in the body of a request. */
export type Framing = 'ndjson' | 'array' | 'splunk_hec' | 'elasticsearch_bulk' | 'loki';

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
/** The rest of a longer answer is discarded. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export function createHttpTransport(settings: HttpSettings): Transport {
  let agent: Promise<Agent> | undefined;
  return {
    maxLines: settings.batchEntries,
    maxBytes: MAX_BATCH_BYTES,
    lingerMs: settings.flushMs,
    async send(lines) {
      agent ??= makeAgent(settings);
      const text = frame(lines, settings.framing);
      const body = settings.gzip ? await compress(text) : Buffer.from(text);
      const answer = await post(settings, body, await agent);
      judge(answer, lines, settings.framing);
    },
    close() {
      void agent?.then((made) => made.destroy());
      agent = undefined;
    },
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
  }
}

interface Answer {
  status: number;
  retryAfterMs: number;
  body: string;
}

/** Checks the answer to a batch. @throws SendFailure unless everything was taken */
function judge({ status, retryAfterMs, body }: Answer, lines: readonly Line[], framing: Framing): void {
  if (status >= 200 && status < 300) {
    if (framing === 'elasticsearch_bulk') judgeBulk(body, lines);
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

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

/** Creates the agent. Loads modules with the first batch only, because a process must start small. */
async function makeAgent({ url, ca }: HttpSettings): Promise<Agent> {
  const options = { keepAlive: true, maxSockets: 1 };
  if (url.protocol === 'http:') return new (await import('node:http')).Agent(options);
  const { rootCertificates } = await import('node:tls');
  const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return new (await import('node:https')).Agent({ ...options, ...authorities });
}

async function post(settings: HttpSettings, body: Buffer, agent: Agent): Promise<Answer> {
  const { url, headers, framing, timeoutMs } = settings;
  const { request } = url.protocol === 'http:' ? await import('node:http') : await import('node:https');
  const isLines = framing === 'ndjson' || framing === 'elasticsearch_bulk';
  const own = {
    'Content-Type': isLines ? 'application/x-ndjson' : 'application/json',
    'Content-Length': String(body.length),
    ...(settings.gzip ? { 'Content-Encoding': 'gzip' } : {}),
    ...Object.fromEntries(headers.map(({ name, value }) => [name, value.current()])),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void =>
      reject(new SendFailure(`the receiver cannot be reached (${reasonOf(error)})`));
    const sent = request(url, { method: 'POST', headers: own, agent }, (response) => {
      readAnswer(response).then(resolve, fail);
    });
    const timer = setTimeout(() => sent.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })), timeoutMs);
    sent.on('error', fail);
    sent.on('close', () => clearTimeout(timer));
    sent.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: parseRetryAfter(response.headers['retry-after'] ?? null, Date.now()) ?? 0,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
