/** Builds Kong's log entry of a request (`kong.log.serialize`) and redacts what Kong redacts. */
import { NO_ROUTE } from './no-route.js';
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
  const total = Math.max(0, (context.endedAtMs ?? Date.now()) - context.startedAtMs);
  const entry: Record<string, unknown> = {
    client_ip: context.clientIp,
    ...(context.consumer === undefined ? {} : { consumer: context.consumer }),
    latencies: {
      kong: total - Math.max(0, context.latencies.proxy),
      proxy: context.latencies.proxy,
      request: total,
      receive: 0,
    },
    request: {
      id: context.id,
      method: context.method,
      uri,
      url: `http://${host}${uri}`,
      size: context.sizes.request,
      querystring: Object.fromEntries(new URLSearchParams(context.rawQuery)),
      headers: flat(context.headers.toMap(), true),
    },
    response: {
      status: context.sentStatus,
      size: context.sizes.response,
      headers: flat(context.sentHeaders.toMap(), false),
    },
    ...(context.route === NO_ROUTE ? {} : { route: context.route, service: context.service }),
    source: context.source === 'service' ? 'upstream' : 'kong',
    started_at: context.startedAtMs,
    tries: context.tries,
    ...upstreamStatus(context),
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

/** Lists a status for each try as nginx does, or a dash. Empty if Kong read the answer itself and failed. */
function upstreamStatus({ serviceStatus, buffered, tries }: RequestContext): { upstream_status?: string } {
  if (buffered || tries.length === 0)
    return serviceStatus === undefined ? {} : { upstream_status: String(serviceStatus) };
  return { upstream_status: tries.map(({ code }) => code ?? serviceStatus ?? '-').join(', ') };
}
