/** A request whose answer is taken as it comes, nothing decoded: `fetch` would undo encodings and refuse some headers. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

export interface RawResponse {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface RawRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Called when the head of the answer is there. */
  onHead?: () => void;
}

/** Sends it. @throws Error if the connection breaks before the answer is whole */
export function rawRequest(
  url: string,
  { method = 'GET', headers = {}, body = '', onHead }: RawRequest = {},
): Promise<RawResponse> {
  // Node sends the body of a DELETE without any length, unless it is told.
  const length: Record<string, string> = body.length === 0 ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: { ...length, ...headers } }, (response) => {
      onHead?.();
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/**
 * Sends bytes as they are and takes what comes back until the connection closes, for requests that no client would send.
 * @param hangUp whether the client's side ends behind them
 * @throws Error if the connection is still open after `timeoutMs`
 */
export function rawBytes(url: string, bytes: Uint8Array | string, hangUp = false, timeoutMs = 15_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    const hangs = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was left hanging after ${Buffer.concat(chunks).toString('latin1', 0, 200)}`));
    }, timeoutMs);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(hangs);
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (hangUp) socket.end(data);
    else socket.write(data);
  });
}
