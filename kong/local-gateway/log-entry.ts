/** Kong's log entry of a request (`kong.log.serialize`): its keys, and what it redacts. */
import type { RequestContext } from './request-context.js';

const REDACTED = new Set(['authorization', 'proxy-authorization']);

export function serialize(context: RequestContext): Record<string, unknown> {
  const flat = (map: Record<string, string[]>, redact: boolean): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(map).map(([name, values]) => [
        name,
        redact && REDACTED.has(name) ? 'REDACTED' : values.length === 1 ? values[0] : values,
      ]),
    );
  const host = context.headers.get('host') ?? '';
  const uri = context.rawQuery === '' ? context.rawPath : `${context.rawPath}?${context.rawQuery}`;
  const entry: Record<string, unknown> = {
    client_ip: context.clientIp,
    ...(context.consumer === undefined ? {} : { consumer: context.consumer }),
    latencies: {
      kong: context.latencies.kong,
      proxy: context.latencies.proxy,
      request: Date.now() - context.startedAtMs,
      receive: 0,
    },
    request: {
      id: context.id,
      method: context.method,
      uri,
      url: `http://${host}${uri}`,
      size: context.request.socket.bytesRead,
      querystring: Object.fromEntries(new URLSearchParams(context.rawQuery)),
      headers: flat(context.headers.toMap(), true),
    },
    response: {
      status: context.sentStatus,
      size: context.response.socket?.bytesWritten ?? 0,
      headers: flat(context.sentHeaders.toMap(), false),
    },
    route: context.route,
    service: context.service,
    source: context.source === 'service' ? 'upstream' : 'kong',
    started_at: context.startedAtMs,
    tries: context.tries,
    ...(context.serviceStatus === undefined ? {} : { upstream_status: String(context.serviceStatus) }),
    upstream_uri:
      context.upstream.query === '' ? context.upstream.path : `${context.upstream.path}?${context.upstream.query}`,
    workspace_name: 'default',
  };
  for (const [path, value] of context.serializeValues) {
    const keys = path.split('.');
    const last = keys.pop() ?? path;
    const parent = keys.reduce<Record<string, unknown>>((node, key) => {
      node[key] ??= {};
      return node[key] as Record<string, unknown>;
    }, entry);
    parent[last] = value;
  }
  return entry;
}
