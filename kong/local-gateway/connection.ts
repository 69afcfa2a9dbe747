/** One connection of a client: its requests one after the other, each read, served and answered before the next. */
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type BodyDecoder, createBodyDecoder } from './body-decoder.js';
import { ReceivedRequest } from './received-request.js';
import { type Refusal, readHead } from './request-head.js';

export interface Handlers {
  serve(request: ReceivedRequest, response: ServerResponse): void;
  /** Returns the bytes of the answer to what is no request for nginx. The connection ends with it. */
  refuse(refusal: Refusal): Buffer;
}

/** nginx's keepalive_timeout and client_header_timeout are close enough to share one. */
const IDLE_TIMEOUT_MS = 75_000;

/** More than nginx's buffers for a head can hold. */
const MAX_HEAD_BYTES = 64 * 1024;

const MALFORMED_BODY: Refusal = { status: 400, method: '', rawHeaders: [] };

interface Exchange {
  request: ReceivedRequest;
  response: ServerResponse;
  decode: BodyDecoder;
  /** The rest of a body that nobody wanted may still come. */
  isAnswered: boolean;
}

export function createConnection(socket: Socket, { serve, refuse }: Handlers): void {
  let received: Buffer = Buffer.alloc(0);
  let current: Exchange | undefined;
  let isEnding = false;
  let isHalfClosed = false;

  const onData = (chunk: Buffer): void => {
    if (isEnding) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    proceed();
  };
  const onEnd = (): void => {
    isHalfClosed = true;
    if (current?.request.complete) current.request.markHalfClosed();
    else {
      breakOff();
      socket.end();
    }
  };

  function proceed(): void {
    if (current === undefined) begin();
    if (current !== undefined && !current.request.complete) readBody(current);
    // Requests behind the current one wait in the connection.
    if (current?.request.complete && received.length > 0) socket.pause();
  }

  function begin(): void {
    if (received.length === 0) return;
    const result = readHead(received.toString('latin1', 0, MAX_HEAD_BYTES));
    if (result.kind === 'incomplete') return;
    if (result.kind === 'refused') {
      end(result.refusal);
      return;
    }
    received = received.subarray(result.end);
    const request = new ReceivedRequest(socket, result.head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = !request.isLast;
    response.assignSocket(socket);
    current = { request, response, decode: createBodyDecoder(result.head.framing), isAnswered: false };
    socket.setTimeout(0);
    response.on('finish', () => finish(response));
    const expectsContinue = request.httpVersion === '1.1' && /^100-continue$/i.test(headerOf(request, 'expect'));
    if (expectsContinue) response.writeContinue();
    if (request.isWebsocket) handOver();
    serve(request, response);
  }

  function readBody({ request, decode, isAnswered }: Exchange): void {
    try {
      const { parts, isDone, rest } = decode(received);
      received = rest;
      let hasRoom = true;
      for (const part of parts) hasRoom = request.push(part);
      if (isDone) {
        request.complete = true;
        request.push(null);
        if (isAnswered) next();
      } else if (!hasRoom) socket.pause();
    } catch {
      const isUnanswered = current?.response.headersSent === false;
      breakOff();
      if (isUnanswered) end(MALFORMED_BODY);
      else socket.destroy();
    }
  }

  function finish(response: ServerResponse): void {
    if (isEnding || current === undefined) return;
    response.detachSocket(socket);
    // What Node's own server says of a response that is done.
    response.destroyed = true;
    response.emit('close');
    current.isAnswered = true;
    socket.resume();
    if (!response.shouldKeepAlive) {
      isEnding = true;
      socket.end();
    } else if (current.request.complete) next();
  }

  function next(): void {
    current = undefined;
    socket.setTimeout(IDLE_TIMEOUT_MS);
    proceed();
    // What begins now was received before.
    if (isHalfClosed) onEnd();
  }

  function end(refusal: Refusal): void {
    isEnding = true;
    socket.end(refuse(refusal));
    // Otherwise the system resets the connection, and the client may lose the answer.
    socket.resume();
  }

  /** The service's answer decides whether the connection becomes a tunnel, and that listens itself. */
  function handOver(): void {
    if (current === undefined) return;
    readBody(current);
    if (!current.request.complete) return;
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.pause();
    if (received.length > 0) socket.unshift(received);
    received = Buffer.alloc(0);
    current.response.shouldKeepAlive = false;
  }

  function breakOff(): void {
    if (current !== undefined && !current.request.complete) current.request.destroy();
  }

  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('drain', () => current?.response.emit('drain'));
  socket.on('error', () => socket.destroy());
  socket.on('timeout', () => socket.destroy());
  socket.on('close', breakOff);
  socket.setTimeout(IDLE_TIMEOUT_MS);
}

function headerOf({ rawHeaders }: ReceivedRequest, wanted: string): string {
  const index = rawHeaders.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === wanted);
  return index < 0 ? '' : (rawHeaders[index + 1] ?? '');
}
