/** An entry in the Elastic Common Schema (8.x). Fields for which ECS has no name are under `genesys`. Pure. */
import type { Entry } from './entry.js';

/** Renames the fields of an entry to those of ECS. */
export function toEcs(entry: Entry): Record<string, unknown> {
  const { request, response, latency_ms: latency, upstream } = entry;
  const failed = entry.status === undefined || entry.status >= 400;
  const body = (side: Entry['request']): Record<string, unknown> | undefined =>
    side.body && {
      ...(side.body.content === undefined ? {} : { content: side.body.content }),
      ...(side.body.bytes === undefined ? {} : { bytes: side.body.bytes }),
    };
  return compact({
    '@timestamp': entry.time,
    ecs: { version: '8.11.0' },
    event: {
      kind: 'event',
      category: ['web'],
      type: ['access'],
      outcome: failed ? 'failure' : 'success',
      duration: latency.total === undefined ? undefined : latency.total * 1_000_000,
      dataset: 'genesys.pii_log',
    },
    trace: { id: entry.trace_id },
    client: { ip: isAddress(entry.client_ip) ? entry.client_ip : undefined },
    user: { id: entry.consumer?.id, name: entry.consumer?.username },
    url: { path: entry.path, query: entry.query },
    user_agent: { original: request.headers['user-agent'] },
    http: {
      request: {
        id: entry.request_id,
        method: entry.method,
        bytes: entry.bytes.request,
        mime_type: request.body?.content_type,
        body: body(request),
      },
      response: {
        status_code: entry.status,
        bytes: entry.bytes.response,
        mime_type: response.body?.content_type,
        body: body(response),
      },
    },
    service: { id: entry.service?.id, name: entry.service?.name },
    destination: { ip: upstream?.ip, port: upstream?.port },
    genesys: {
      correlation_id: entry.correlation_id,
      credential_id: entry.credential_id,
      consumer: { custom_id: entry.consumer?.custom_id },
      client_ip: isAddress(entry.client_ip) ? undefined : entry.client_ip,
      route: entry.route,
      source: entry.source,
      latency_ms: latency,
      upstream: upstream && { status: upstream.status, tries: upstream.tries },
      request: { headers: request.headers, body: aboutBody(request) },
      response: { headers: response.headers, body: aboutBody(response) },
      masked: entry.masked,
      truncated: entry.truncated,
    },
  }) as Record<string, unknown>;
}

/** Returns what describes a body, except its content and size. */
function aboutBody({ body }: Entry['request']): Record<string, unknown> | undefined {
  if (body === undefined) return undefined;
  const { kind, parts, truncated, omitted } = body;
  return { kind, parts, truncated, omitted };
}

/** Returns whether a text is an address. ECS' ip fields accept nothing else, so no hash. */
function isAddress(text: string | undefined): boolean {
  return text !== undefined && !text.startsWith('***');
}

function compact(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value)
    .map(([key, member]): [string, unknown] => [key, compact(member)])
    .filter(([, member]) => member !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
