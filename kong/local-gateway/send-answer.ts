/** Sends the client a complete answer, or the service's answer as it arrives. */
import type { IncomingMessage } from 'node:http';
import { addKongHeaders, mergeServiceHeaders } from './answer-headers.js';
import type { Answer, RequestContext } from './request-context.js';

/** Sends a complete answer. Resolves when it is sent, or when the client has disconnected. */
export async function sendAnswer(context: RequestContext, { status, headers, body }: Answer): Promise<void> {
  const { request, response } = context;
  context.sentStatus = status;
  context.sentHeaders = headers;
  request.resume();
  if (response.destroyed) return;
  const sent = headers.clone();
  addKongHeaders(sent, context);
  if (!sent.has('server')) sent.set('Server', ['kong/3.9.3']);
  const bodiless = status === 204 || status === 304;
  if (!bodiless) context.recording?.client.push(body);
  if (!bodiless) sent.set('Content-Length', [String(body.length)]);
  response.writeHead(status, sent.raw() as never);
  await new Promise<void>((resolve) => {
    response.on('close', resolve);
    response.end(bodiless ? undefined : body, resolve);
  });
}

/** Passes the service's answer on as it arrives. If the service breaks off, the client's connection ends too. */
export async function streamAnswer(context: RequestContext, message: IncomingMessage): Promise<void> {
  const { response } = context;
  const headers = mergeServiceHeaders(context, 'add');
  context.sentStatus = context.earlyStatus ?? message.statusCode ?? 502;
  context.sentHeaders = headers;
  addKongHeaders(headers, context);
  response.writeHead(context.sentStatus, message.statusMessage ?? '', headers.raw() as never);
  const { recording } = context;
  if (recording !== undefined) {
    message.on('data', (chunk: Buffer) => {
      recording.service.push(chunk);
      recording.client.push(chunk);
    });
  }
  await new Promise<void>((resolve) => {
    message.on('error', () => response.destroy());
    message.on('aborted', () => response.destroy());
    response.on('close', resolve);
    message.pipe(response);
    if (response.destroyed) resolve();
  });
}
