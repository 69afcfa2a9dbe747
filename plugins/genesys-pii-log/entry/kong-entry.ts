/** Reads Kong's own log entry of a request (`kong.log.serialize`), as far as it is used. Nothing is masked. Pure. */

/** An attempt to reach the service. */
export interface Try {
  ip: string | undefined;
  port: number | undefined;
  /** How the attempt failed, as health checks see it: `failed` or `next`. Undefined if it did not fail. */
  state: string | undefined;
  code: number | undefined;
  latencyMs: number | undefined;
}

export interface KongEntry {
  requestId: string | undefined;
  startedAtMs: number | undefined;
  clientIp: string | undefined;
  method: string | undefined;
  /** Path and query as the client sent them. */
  uri: string;
  requestHeaders: Record<string, unknown>;
  requestSize: number | undefined;
  status: number | undefined;
  responseHeaders: Record<string, unknown>;
  responseSize: number | undefined;
  consumer: { id: string | undefined; username: string | undefined; customId: string | undefined } | undefined;
  credentialId: string | undefined;
  route: { id: string | undefined; name: string | undefined };
  /** The paths that the route matches, as configured. */
  routePaths: string[];
  service: { id: string | undefined; name: string | undefined };
  /** Who answered. `upstream`: the service; `kong`: Kong or a plugin. */
  source: string | undefined;
  latencies: { request: number | undefined; kong: number | undefined; proxy: number | undefined };
  tries: Try[];
  /** The statuses of all tries, as nginx lists them. */
  upstreamStatus: string | undefined;
}

/** Reads an entry. @throws SyntaxError if it is not JSON */
export function parseKongEntry(json: string): KongEntry {
  const entry = record(JSON.parse(json));
  const request = record(entry.request);
  const response = record(entry.response);
  const latencies = record(entry.latencies);
  const consumer = entry.consumer === undefined || entry.consumer === null ? undefined : record(entry.consumer);
  return {
    requestId: text(request.id),
    startedAtMs: number(entry.started_at),
    clientIp: text(entry.client_ip),
    method: text(request.method),
    uri: text(request.uri) ?? '',
    requestHeaders: record(request.headers),
    requestSize: number(request.size),
    status: number(response.status),
    responseHeaders: record(response.headers),
    responseSize: number(response.size),
    consumer: consumer && {
      id: text(consumer.id),
      username: text(consumer.username),
      customId: text(consumer.custom_id),
    },
    credentialId: text(record(entry.authenticated_entity).id),
    route: { id: text(record(entry.route).id), name: text(record(entry.route).name) },
    routePaths: list(record(entry.route).paths).flatMap((path) => text(path) ?? []),
    service: { id: text(record(entry.service).id), name: text(record(entry.service).name) },
    source: text(entry.source),
    latencies: {
      request: duration(latencies.request),
      kong: duration(latencies.kong),
      proxy: duration(latencies.proxy),
    },
    tries: list(entry.tries).map((item) => {
      const attempt = record(item);
      return {
        ip: text(attempt.ip),
        port: number(attempt.port),
        state: text(attempt.state),
        code: number(attempt.code),
        latencyMs: number(attempt.balancer_latency),
      };
    }),
    upstreamStatus: text(entry.upstream_status),
  };
}

/** Returns an object, empty for anything else. Lua writes an empty table as `{}` or `[]`, whatever it means. */
function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns a text. An empty one counts as absent. */
function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns a number. Kong writes some of them as strings. */
function number(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : undefined;
}

/** Returns a duration. Kong writes -1 for what did not happen. */
function duration(value: unknown): number | undefined {
  const ms = number(value);
  return ms === undefined || ms < 0 ? undefined : ms;
}
