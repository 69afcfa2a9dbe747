/** A receiver of logs over HTTP: checks that a batch is what it says, and answers it as a test wishes. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** What becomes of a request: a status, the connection closed after the body was read, or nothing for ever. */
export type Wish = number | 'close' | 'hang';

export interface Batch {
  headers: IncomingHttpHeaders;
  /** As sent. */
  bytes: number;
  entries: Record<string, unknown>[];
}

export interface HttpReceiver {
  url: string;
  /** Batches that were answered with success. */
  taken: Batch[];
  /** Batches that were not. */
  refused: Batch[];
  /** Answers of success for which the sender did not wait: it will send these entries again, and must. */
  unheard: number;
  /** What the next request gets; `index` counts from 0. */
  answer: (index: number, batch: Batch) => Wish;
  close(): Promise<void>;
}

/** Starts it. Bodies must be lines of JSON, compressed if the header says so. */
export async function startHttpReceiver(): Promise<HttpReceiver> {
  let count = 0;
  const receiver: HttpReceiver = {
    url: '',
    taken: [],
    refused: [],
    unheard: 0,
    answer: () => 200,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
    const lines = text.split('\n');
    if (lines.pop() !== '') throw new Error('a batch does not end with a line feed');
    const batch = {
      headers: request.headers,
      bytes: body.length,
      entries: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    };
    const wish = receiver.answer(count++, batch);
    const isTaken = typeof wish === 'number' && wish < 300;
    if (isTaken && request.socket.destroyed) receiver.unheard += 1;
    else if (isTaken) response.once('close', () => (receiver.unheard += response.writableFinished ? 0 : 1));
    (isTaken ? receiver.taken : receiver.refused).push(batch);
    if (wish === 'close') response.destroy();
    else if (wish !== 'hang') response.writeHead(wish).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs`;
  return receiver;
}
