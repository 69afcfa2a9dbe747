/** What a rotation does to the world beside its own files: time, chance and HTTP. Tests put their own in. */
import nodeFetch from 'node-fetch';

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
}

export interface HttpAnswer {
  status: number;
  header(name: string): string | null;
  text: string;
}

export interface Effects {
  /** Milliseconds since 1970: grace and soak periods outlast the process. */
  nowMs(): number;
  /** Between 0 and 1. */
  random(): number;
  sleep(ms: number): Promise<void>;
  /** Rejects if there is no whole answer. Does not follow redirects: credentials are for one place only. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Tells that something is about to become lasting, such as a file; tests end the "process" here. */
  checkpoint(what: string): void;
}

/** No answer that a rotation reads is larger. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** A timer of Node's that is longer runs at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const realEffects: Effects = {
  nowMs: Date.now,
  random: Math.random,
  async sleep(ms) {
    for (let left = ms; left > 0; left -= LONGEST_TIMER_MS) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, LONGEST_TIMER_MS)));
    }
  },
  async send({ method, url, headers, body, timeoutMs }) {
    const response = await nodeFetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      size: MAX_ANSWER_BYTES,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, header: (name) => response.headers.get(name), text: await response.text() };
  },
  checkpoint: () => {},
};
