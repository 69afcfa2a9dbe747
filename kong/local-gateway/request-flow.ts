/** Takes a request from its head to its log phase, in Kong's order: route, access, service, response, log. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { PdkValue } from '../../plugins/shared/pdk.js';
import { mergeServiceHeaders, withEarlyHeaders } from './answer-headers.js';
import type { Balancer } from './balancer.js';
import { takeSizes } from './connection-bytes.js';
import { type Exchange, exchangeOf } from './exchange.js';
import { HeaderList } from './headers.js';
import { kongError, nginxError } from './kong-errors.js';
import { newContext, type Running } from './new-context.js';
import { NO_ROUTE } from './no-route.js';
import type { GatewayPlugin } from './plugin.js';
import { createPluginChain } from './plugin-chain.js';
import { answerHeaders, createProxy, type Outcome } from './proxy.js';
import type { ReceivedRequest } from './received-request.js';
import { newRecording } from './recording.js';
import { isBrokenOff } from './request-body.js';
import type { RequestContext } from './request-context.js';
import { sendAnswer, streamAnswer } from './send-answer.js';

/** One finished request, for people to read. */
export interface RequestLine {
  method: string;
  path: string;
  consumer: string | undefined;
  status: number;
  ms: number;
}

export interface RequestFlowOptions {
  plugins: readonly GatewayPlugin[];
  /** Called once for each request, which then keeps this configuration to its end. */
  running: () => Running;
  balancer: Balancer;
  log: (level: string, message: string) => void;
  onRequest: (line: RequestLine) => void;
  /** Called with what passed, bodies too. Undefined: nothing is kept. */
  onExchange?: ((exchange: Exchange) => void) | undefined;
}

/** Methods that Kong can send when it buffers. For any other it sends GET (kong/init.lua, `Kong.response`). */
const BUFFERED_METHODS = new Set([
  ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'],
  ...['MKCOL', 'COPY', 'MOVE', 'PROPFIND', 'PROPPATCH', 'LOCK', 'UNLOCK'],
]);

export function createRequestFlow(options: RequestFlowOptions) {
  const { plugins, running, balancer, log, onRequest, onExchange } = options;
  const chain = createPluginChain(plugins, log);
  const proxy = createProxy(balancer);

  async function run(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const context = newContext(request, response, running());
    const { method, rawPath: path } = context;
    if (onExchange !== undefined) context.recording = newRecording();
    await answer(context);
    context.endedAtMs = Date.now();
    context.sizes = takeSizes(request.socket);
    const ms = performance.now() - began;
    onRequest({ method, path, consumer: context.consumer?.username, status: context.sentStatus, ms });
    if (context.recording !== undefined) onExchange?.(exchangeOf(context, context.recording, ms));
    setImmediate(() => void chain.runLog(context));
  }

  async function answer(context: RequestContext): Promise<void> {
    if (context.route === NO_ROUTE)
      return sendAnswer(context, kongError(context, 404, 'no Route matched with those values'));
    await chain.run('access', context);
    if (isBrokenOff(context)) return setBrokenOff(context);
    if (context.exit !== undefined) return sendAnswer(context, context.exit);
    const outcome = await askService(context);
    switch (outcome.kind) {
      case 'broken-off':
        return setBrokenOff(context);
      case 'failed':
        // When Kong buffers, its answer for a service that fails counts as a plugin's (measured).
        context.source = context.buffered ? 'exit' : outcome.source;
        return sendAnswer(context, withEarlyHeaders(outcome.answer, context));
      case 'tunnelled':
        context.source = 'service';
        context.sentStatus = 101;
        return;
      case 'answered':
        context.source = 'service';
        context.serviceStatus = outcome.message.statusCode ?? 502;
        context.serviceHeaders = answerHeaders(outcome.message);
        return context.buffered ? runResponse(context, outcome.message) : streamAnswer(context, outcome.message);
    }
  }

  async function askService(context: RequestContext): Promise<Outcome> {
    const { upstream, latencies } = context;
    context.buffered = context.upgrade === '' && chain.needsBuffering(context);
    if (context.buffered && !BUFFERED_METHODS.has(upstream.method)) upstream.method = 'GET';
    const sentAt = performance.now();
    const outcome = await proxy.send(context);
    if (outcome.kind !== 'broken-off') latencies.proxy = Math.round(performance.now() - sentAt);
    return outcome;
  }

  async function runResponse(context: RequestContext, message: IncomingMessage): Promise<void> {
    const { serviceStatus: status = 502 } = context;
    const body = await buffer(message).catch(() => undefined);
    if (body === undefined) {
      // The service broke off. As in Kong, no response handler runs and the status stays, whatever it is (measured).
      context.source = 'exit';
      delete context.serviceStatus;
      return sendAnswer(context, withEarlyHeaders(nginxError(context, status), context));
    }
    context.serviceBody = body;
    context.recording?.service.push(body);
    context.nginxCtx.set('buffered_headers', bufferedHeaders(context.serviceHeaders));
    const headers = mergeServiceHeaders(context, 'replace');
    context.answer = { status: context.earlyStatus ?? status, headers, body };
    await chain.run('response', context);
    await sendAnswer(context, context.exit ?? context.answer);
  }

  return {
    serve(request: ReceivedRequest, response: ServerResponse): void {
      run(request, response).catch((error: Error) => {
        log('err', error.stack ?? error.message);
        response.destroy();
      });
    },
    close: proxy.close,
  };
}

/** Returns the service's headers as Kong keeps them: the length is a number. */
function bufferedHeaders(headers = new HeaderList()): PdkValue {
  const entries = Object.entries(headers.toMap()).map(([name, values]): [string, PdkValue] => {
    const [first = '', ...others] = values;
    if (name === 'content-length') return [name, Number(first)];
    return [name, others.length === 0 ? first : values];
  });
  return Object.fromEntries(entries);
}

/** Sets what nginx logs for a client that disconnects before its request is complete. Nobody gets an answer. */
function setBrokenOff(context: RequestContext): void {
  context.source = 'error';
  context.sentStatus = 400;
}
