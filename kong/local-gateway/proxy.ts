/** The way to the service and back: a target, the request streamed or from memory, the answer streamed or buffered. */
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { HeaderList } from './headers.js';
import { type Answer, kongError, type RequestContext } from './request-context.js';

/** Headers that belong to one connection (RFC 9110 7.6.1), and what `Connection` names besides. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

export interface Proxy {
  /** Sends the request; resolves with the service's answer, its body not read yet, or with Kong's own for a failure. */
  send(context: RequestContext): Promise<IncomingMessage | Answer>;
  close(): void;
}

export function createProxy(): Proxy {
  const agents = { 'http:': new Agent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };
  const turns = new Map<string, number>();

  function target(context: RequestContext): { host: string; port: number } | undefined {
    const upstream = context.snapshot.upstreams.get(context.upstream.host);
    if (upstream === undefined) return context.upstream;
    const wheel = upstream.targets.flatMap((item) =>
      Array<typeof item>(item.weight > 0 ? Math.max(1, Math.round(item.weight / 10)) : 0).fill(item),
    );
    const turn = turns.get(upstream.name) ?? 0;
    turns.set(upstream.name, turn + 1);
    return wheel[turn % wheel.length];
  }

  async function send(context: RequestContext): Promise<IncomingMessage | Answer> {
    const peer = target(context);
    if (peer === undefined) return kongError(context, 503, 'failure to get a peer from the ring-balancer');
    const attempts = 1 + context.service.retries;
    for (let attempt = 1; ; attempt += 1) {
      try {
        context.tries.push({ ip: peer.host, port: peer.port });
        return await sendTo(context, peer);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ECONNREFUSED' && attempt < attempts && context.body !== undefined) continue;
        if (code === 'ETIMEDOUT') return kongError(context, 504, 'The upstream server is timing out');
        return kongError(context, 502, 'An invalid response was received from the upstream server');
      }
    }
  }

  function sendTo(context: RequestContext, peer: { host: string; port: number }): Promise<IncomingMessage> {
    const { upstream, service } = context;
    const protocol = upstream.scheme === 'https' ? 'https:' : 'http:';
    const options: RequestOptions = {
      agent: agents[protocol],
      host: peer.host,
      port: peer.port,
      method: upstream.method,
      path: upstream.query === '' ? upstream.path : `${upstream.path}?${upstream.query}`,
      setHost: false,
      headers: serviceHeaders(context, peer) as never,
    };
    return new Promise((resolve, reject) => {
      const outgoing = (protocol === 'https:' ? httpsRequest : httpRequest)(options, resolve);
      outgoing.on('error', reject);
      outgoing.setTimeout(service.read_timeout, () => {
        outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
      });
      context.response.on('close', () => {
        if (!context.response.writableFinished) outgoing.destroy();
      });
      if (context.body !== undefined) outgoing.end(context.body);
      else context.request.pipe(outgoing);
    });
  }

  return {
    send,
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function serviceHeaders(context: RequestContext, peer: { host: string; port: number }): string[] {
  const headers = context.headers.clone();
  // As Kong: what the client's Connection header names goes, also when a plugin has set it (runloop/handler.lua).
  for (const name of context.headers.all('connection').flatMap((value) => value.split(',')))
    headers.remove(name.trim());
  for (const name of HOP_BY_HOP) headers.remove(name);
  const { upstream } = context;
  const standard = upstream.scheme === 'https' ? 443 : 80;
  const own = upstream.hostHeader ?? (context.route.preserve_host ? context.headers.get('host') : undefined);
  headers.set('Host', [own ?? (peer.port === standard ? peer.host : `${peer.host}:${peer.port}`)]);
  const forwarded = context.headers.get('x-forwarded-for');
  headers.set('X-Forwarded-For', [forwarded === undefined ? context.clientIp : `${forwarded}, ${context.clientIp}`]);
  headers.set('X-Forwarded-Proto', ['http']);
  headers.set('X-Forwarded-Host', [(context.headers.get('host') ?? '').replace(/:\d+$/, '')]);
  headers.set('X-Forwarded-Port', [String(context.request.socket.localPort)]);
  headers.set('X-Forwarded-Path', [context.rawPath]);
  headers.set('X-Real-IP', [context.clientIp]);
  headers.set('X-Kong-Request-Id', [context.id]);
  headers.set('Via', ['1.1 kong/3.9.3']);
  if (context.body !== undefined) headers.set('Content-Length', [String(context.body.length)]);
  else if (headers.get('content-length') === undefined && context.request.headers['transfer-encoding'] !== undefined) {
    headers.set('Transfer-Encoding', ['chunked']);
  }
  headers.set('Connection', context.upgrade === '' ? ['keep-alive'] : ['upgrade']);
  if (context.upgrade !== '') headers.set('Upgrade', [context.upgrade]);
  return headers.raw();
}

/** The headers of the service's answer, without those of its connection. */
export function answerHeaders(message: IncomingMessage): HeaderList {
  const headers = HeaderList.from(message.rawHeaders);
  for (const name of HOP_BY_HOP) headers.remove(name);
  return headers;
}
