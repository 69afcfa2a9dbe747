/** Sends a request to the service: to one target, and to another if a retry is allowed. Answers itself if all fail. */
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions as HttpsRequestOptions, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Balancer, Report } from './balancer.js';
import type { TargetEntity } from './config/types.js';
import { HeaderList } from './headers.js';
import { kongError, nginxError } from './kong-errors.js';
import { isBrokenOff, readRequestBody } from './request-body.js';
import type { Answer, RequestContext, Try } from './request-context.js';

/** Headers that belong to one connection (RFC 9110 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
/** Request headers that nginx and Kong do not pass on. */
const NOT_FORWARDED = [...HOP_BY_HOP, 'expect', 'proxy'];
/** Kong looks for the client's Connection header among this many headers. */
const MAX_HEADERS = 100;

/** Methods that are not repeated once sent (nginx's proxy_next_upstream without non_idempotent). */
const NON_IDEMPOTENT = new Set(['POST', 'LOCK', 'PATCH']);

/** The result of sending a request to the service. */
export type Outcome =
  /** The service has answered; the body is not read yet. */
  | { kind: 'answered'; message: IncomingMessage }
  /** The service has switched protocols. From now on it and the client talk directly. */
  | { kind: 'tunnelled' }
  /** The service has not answered. The client gets this answer instead. */
  | { kind: 'failed'; source: RequestContext['source']; answer: Answer }
  /** The client disconnected before its request was complete. */
  | { kind: 'broken-off' };

const failed = (source: RequestContext['source'], answer: Answer): Outcome => ({ kind: 'failed', source, answer });

type Peer = Pick<TargetEntity, 'host' | 'port'>;

/** Why a try failed. */
class TryFailed extends Error {
  readonly kind: 'connect' | 'timeout' | 'broken';
  /** Whether the service may have received the request. */
  readonly wasSent: boolean;

  constructor(kind: TryFailed['kind'], wasSent: boolean) {
    super(kind);
    this.kind = kind;
    this.wasSent = wasSent;
  }
}

export function createProxy(balancer: Balancer) {
  const agents = { 'http:': new Agent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };

  async function send(context: RequestContext): Promise<Outcome> {
    // Kong does not resolve a name that replaces an address (measured: "no host allowed while connecting to upstream").
    if (context.upstream.isAddress && isIP(context.upstream.host) === 0) {
      return failed('error', nginxError(context, 500));
    }
    const upstream = context.snapshot.upstreams.get(context.upstream.host);
    // Shows log handlers that Kong looked for a target (runloop/balancer/init.lua).
    if (!context.upstream.isAddress) context.nginxCtx.set('KONG_UPSTREAM_DNS_START', Date.now());
    const isUnframed = losesLength(context);
    if (isUnframed) context.body ??= Buffer.alloc(0);
    else if (context.route.request_buffering) await readRequestBody(context);
    const hasNoLength = isUnframed || hasNoBody(context);
    const tried: TargetEntity[] = [];
    for (let attempt = 0; ; attempt += 1) {
      const target = upstream && balancer.next(upstream, tried);
      const peer: Peer | undefined = upstream === undefined ? context.upstream : target;
      if (peer === undefined) return noPeer(context, attempt);
      context.nginxCtx.set('KONG_BALANCER_START', Date.now());
      if (target !== undefined) tried.push(target);
      const current: Try = { ip: peer.host, port: peer.port, balancer_latency: 0 };
      context.tries.push(current);
      try {
        const outcome = await sendTo(context, peer, hasNoLength, upstream?.host_header);
        if (upstream && target && outcome.kind === 'answered') {
          balancer.report(upstream, target, { kind: 'status', status: outcome.message.statusCode ?? 0 });
        }
        return outcome;
      } catch (error) {
        if (!(error instanceof TryFailed)) throw error;
        if (context.response.destroyed && !context.buffered) {
          // nginx's status for a client that did not wait. Nobody receives it.
          return failed('service', { status: 499, headers: new HeaderList(), body: Buffer.alloc(0) });
        }
        Object.assign(current, { state: 'failed', code: error.kind === 'timeout' ? 504 : 502 });
        const repeatable =
          context.body !== undefined && !(error.wasSent && NON_IDEMPOTENT.has(context.upstream.method));
        // As the settings of nginx that we print: a timeout is not tried again.
        const isLast = attempt >= context.service.retries || !repeatable || error.kind === 'timeout';
        if (upstream && target) balancer.report(upstream, target, reportOf(error, isLast));
        if (!isLast) continue;
        return failed('error', nginxError(context, error.kind === 'timeout' ? 504 : 502));
      }
    }
  }

  function sendTo(context: RequestContext, peer: Peer, isUnframed: boolean, hostHeader?: string): Promise<Outcome> {
    const { upstream, service, response } = context;
    const headers = serviceHeaders(context, peer, isUnframed, hostHeader);
    const protocol = upstream.scheme === 'https' ? 'https:' : 'http:';
    const options: HttpsRequestOptions = {
      agent: context.upgrade === '' ? agents[protocol] : false,
      host: peer.host,
      port: peer.port,
      method: upstream.method,
      path: upstream.query === '' ? upstream.path : `${upstream.path}?${upstream.query}`,
      setHost: false,
      ...(isUnframed ? {} : { headers: headers.raw() as never }),
      // Kong does not verify certificates unless the service asks for it (measured).
      rejectUnauthorized: service.tls_verify === true,
      // It trusts only the authorities that the service names.
      ca: service.authorities ?? [],
      servername: isIP(peer.host) === 0 ? peer.host : '',
    };
    return new Promise((resolve, reject) => {
      let wasSent = false;
      const outgoing = (protocol === 'https:' ? httpsRequest : httpRequest)(options);
      const fail = (kind: TryFailed['kind']): void => {
        reject(new TryFailed(kind, wasSent));
        outgoing.destroy();
      };
      const connecting = setTimeout(() => fail('timeout'), service.connect_timeout);
      const connected = (): void => {
        wasSent = true;
        clearTimeout(connecting);
        outgoing.setTimeout(service.read_timeout, () => fail('timeout'));
      };
      outgoing.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', connected);
        else connected();
      });
      outgoing.on('response', (message) => resolve({ kind: 'answered', message }));
      outgoing.on('upgrade', (answer, socket, head) => {
        tunnel(context, answer, socket, head);
        resolve({ kind: 'tunnelled' });
      });
      outgoing.on('error', () => fail(wasSent ? 'broken' : 'connect'));
      outgoing.on('close', () => clearTimeout(connecting));
      response.on('close', () => {
        if (!response.writableFinished && !context.buffered) outgoing.destroy();
      });
      // nginx takes it for a client that is gone, unless Kong asks the service itself (measured).
      context.request.onHalfClosed(() => {
        if (!context.buffered) response.destroy();
      });
      if (isUnframed) endUnframed(outgoing, headers, context.body);
      else if (context.body !== undefined) outgoing.end(context.body);
      else context.request.pipe(outgoing);
    });
  }

  return {
    send: (context: RequestContext): Promise<Outcome> =>
      send(context).catch((error: Error) => {
        if (isBrokenOff(context)) return { kind: 'broken-off' };
        throw error;
      }),
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** Makes the report of a failed try. On the last one a refused connection is the client's 502 (runloop/handler.lua). */
function reportOf({ kind }: TryFailed, isLast: boolean): Report {
  if (kind === 'timeout') return { kind };
  return isLast ? { kind: 'status', status: 502 } : { kind: 'tcp-failure' };
}

/** Answers when there is no target. Before the first try Kong answers, as a plugin would; later nginx does. */
function noPeer(context: RequestContext, attempt: number): Outcome {
  if (attempt > 0) return failed('error', nginxError(context, 503));
  return failed('exit', kongError(context, 503, 'failure to get a peer from the ring-balancer'));
}

/** Connects the client directly to the service, which has answered 101. */
function tunnel({ response }: RequestContext, answer: IncomingMessage, service: Duplex, head: Buffer): void {
  const client = response.socket;
  if (client === null) {
    service.destroy();
    return;
  }
  response.detachSocket(client);
  const lines = [`HTTP/1.1 101 ${answer.statusMessage ?? 'Switching Protocols'}`];
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2) {
    lines.push(`${answer.rawHeaders[index]}: ${answer.rawHeaders[index + 1]}`);
  }
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  client.write(head);
  for (const [from, to] of [
    [client, service],
    [service, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}

/**
 * Lists the headers that the first line of the client's Connection header names. Kong clears them after all plugins
 * have run, even if a plugin has set them (runloop/handler.lua, `access.after`). Headers set after that stay.
 */
function clearedByConnection({ request }: RequestContext): string[] {
  const line = HeaderList.from(request.rawHeaders.slice(0, 2 * MAX_HEADERS)).get('connection') ?? '';
  return csv(line.toLowerCase());
}

/** Splits a list as Kong does: a tab is part of a name. */
function csv(list: string): string[] {
  return list.split(',').map((item) => item.replace(/^ \s*/, '').replace(/\s* $/, ''));
}

/**
 * Returns whether nginx sends the body without a length. nginx read the length before Kong cleared the header. The body
 * of a chunked request gets a length afterwards if nobody has read it, or if the answer is buffered. Otherwise, without
 * a length there is nothing to read.
 */
function losesLength(context: RequestContext): boolean {
  const getsOne = context.request.isChunked && (context.body === undefined || context.buffered);
  return !getsOne && clearedByConnection(context).includes('content-length');
}

/** Returns whether there is no body, and the client said of none. nginx sends no length then, whatever the method. */
function hasNoBody({ body, request, headers }: RequestContext): boolean {
  return body?.length === 0 && !request.isChunked && headers.get('content-length') === undefined;
}

/** Sends the head without a length and then the body, where the service expects the next request. */
function endUnframed(outgoing: ClientRequest, headers: HeaderList, body: Buffer | undefined): void {
  for (const [name] of headers.entries()) outgoing.setHeader(name, headers.all(name));
  // Otherwise Node frames the body of a POST.
  outgoing.useChunkedEncodingByDefault = false;
  outgoing.on('finish', () => outgoing.socket?.write(body ?? ''));
  outgoing.end();
}

function serviceHeaders(context: RequestContext, peer: Peer, isUnframed: boolean, hostHeader?: string): HeaderList {
  const headers = context.headers.clone();
  for (const name of [...clearedByConnection(context), ...NOT_FORWARDED]) headers.remove(name);
  const { upstream } = context;
  const standard = upstream.scheme === 'https' ? 443 : 80;
  const own = upstream.hostHeader ?? (context.route.preserve_host ? context.headers.get('host') : undefined);
  const withPort = (host: string): string => (peer.port === standard ? host : `${host}:${peer.port}`);
  headers.set('Host', [own ?? withPort(hostHeader ?? peer.host)]);
  const forwarded = context.headers.get('x-forwarded-for');
  headers.set('X-Forwarded-For', [forwarded === undefined ? context.clientIp : `${forwarded}, ${context.clientIp}`]);
  headers.set('X-Forwarded-Proto', ['http']);
  headers.set('X-Forwarded-Host', [context.host]);
  headers.set('X-Forwarded-Port', [String(context.request.socket.localPort)]);
  headers.set('X-Forwarded-Path', [context.rawPath]);
  if (context.strippedPrefix !== '') headers.set('X-Forwarded-Prefix', [context.strippedPrefix]);
  headers.set('X-Real-IP', [context.clientIp]);
  headers.set('X-Kong-Request-Id', [context.id]);
  headers.set('Via', [[context.headers.get('via') ?? [], '1.1 kong/3.9.3'].flat().join(', ')]);
  if (csv(context.headers.get('te') ?? '').includes('trailers')) headers.set('TE', ['trailers']);
  if (isUnframed) headers.remove('content-length');
  else if (context.body !== undefined) headers.set('Content-Length', [String(context.body.length)]);
  else if (context.request.isChunked) {
    headers.set('Transfer-Encoding', ['chunked']);
  }
  headers.set('Connection', [context.upgrade === '' ? 'keep-alive' : 'keep-alive, Upgrade']);
  if (context.upgrade !== '') headers.set('Upgrade', [context.upgrade]);
  return headers;
}

/** Returns the headers of the service's answer, without those of its connection. */
export function answerHeaders(message: IncomingMessage): HeaderList {
  const headers = HeaderList.from(message.rawHeaders);
  for (const name of HOP_BY_HOP) headers.remove(name);
  return headers;
}
