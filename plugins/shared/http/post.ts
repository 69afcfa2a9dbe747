/** Posts bodies to one receiver, over one connection that is kept. Node's own HTTP, loaded with the first body. */
import type { Agent, IncomingMessage } from 'node:http';
import { parseRetryAfter } from '../retry-after.js';

export interface Receiver {
  url: URL;
  /** How long one request may take, with its answer. */
  timeoutMs: number;
  /** Certificate authorities in addition to Node's own, in PEM. */
  ca?: string | undefined;
}

export interface PostAnswer {
  status: number;
  retryAfterMs: number;
  body: Buffer;
}

export interface Poster {
  /** @throws Error, a system error's if the receiver cannot be reached */
  post(body: Buffer, headers: Readonly<Record<string, string>>): Promise<PostAnswer>;
  close(): void;
}

/** The rest of a longer answer is discarded. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Makes a poster. It connects with its first body. */
export function createPoster(receiver: Receiver): Poster {
  let agent: Promise<Agent> | undefined;
  return {
    async post(body, headers) {
      agent ??= makeAgent(receiver);
      return send(receiver, body, headers, await agent);
    },
    close() {
      void agent?.then((made) => made.destroy());
      agent = undefined;
    },
  };
}

async function makeAgent({ url, ca }: Receiver): Promise<Agent> {
  const options = { keepAlive: true, maxSockets: 1 };
  if (url.protocol === 'http:') return new (await import('node:http')).Agent(options);
  const { rootCertificates } = await import('node:tls');
  const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return new (await import('node:https')).Agent({ ...options, ...authorities });
}

async function send(
  { url, timeoutMs }: Receiver,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  agent: Agent,
): Promise<PostAnswer> {
  const { request } = url.protocol === 'http:' ? await import('node:http') : await import('node:https');
  const all = { 'Content-Length': String(body.length), ...headers };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: all, agent }, (response) => {
      readAnswer(response).then(resolve, reject);
    });
    const timer = setTimeout(() => sent.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })), timeoutMs);
    sent.on('error', reject);
    sent.on('close', () => clearTimeout(timer));
    sent.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<PostAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: parseRetryAfter(response.headers['retry-after'] ?? null, Date.now()) ?? 0,
    body: Buffer.concat(chunks),
  };
}
