/**
 * The entry of a request: what is known of it, masked, under names that stay. Pure but for the slices in which bodies are
 * masked.
 */
import { type CapturedBody, type LoggedBody, logBody } from '../body/body.js';
import { maskJsonString } from '../mask/json.js';
import { type Mask, REDACTED } from '../mask/masks.js';
import type { Masking, Rules } from '../mask/rules.js';
import { type ExtraSearchTime, orOmitted, SearchTime, SlowPattern } from '../mask/search-time.js';
import { Tally } from '../mask/tally.js';
import { type AddressMode, clientAddress } from './address.js';
import { idOf, maskHeaders } from './headers.js';
import type { KongEntry } from './kong-entry.js';
import { maskPath, maskQuery } from './request-line.js';

/** What is known of a request. */
export interface Observed {
  kong: KongEntry;
  /** service, exit (a plugin answered) or error (Kong did). */
  source: string;
  credentialId: string | undefined;
  /** Undefined if it is not logged, or there is none. A string says why it could not be had. */
  requestBody: CapturedBody | LoggedBody | undefined;
  responseBody: CapturedBody | LoggedBody | undefined;
}

/** What of it is logged. */
export interface EntryPolicy {
  rules: Rules;
  keptHeaders: ReadonlySet<string>;
  clientIp: AddressMode;
  /** Hashes addresses, whatever masks the rest. */
  addressMask: Mask;
  maxBodyBytes: number;
}

/** A body in an entry. */
interface BodyEntry {
  kind?: string;
  bytes?: number;
  content_type?: string;
  content?: string;
  parts?: { name?: string; content_type?: string; file?: true; bytes: number }[];
  truncated?: true;
  omitted?: string;
}

/** The entry with its own names; all but `type`, `time`, `masked` and `truncated` may be absent. */
export interface Entry {
  type: 'request';
  time: string;
  request_id?: string;
  correlation_id?: string;
  trace_id?: string;
  consumer?: { id?: string; username?: string; custom_id?: string };
  credential_id?: string;
  client_ip?: string;
  method?: string;
  path?: string;
  query?: string;
  route?: { id?: string; name?: string };
  service?: { id?: string; name?: string };
  status?: number;
  source: string;
  latency_ms: { total?: number; kong?: number; upstream?: number };
  bytes: { request?: number; response?: number };
  upstream?: { status?: string; ip?: string; port?: number; tries: Record<string, unknown>[] };
  request: { headers: Record<string, string>; body?: BodyEntry };
  response: { headers: Record<string, string>; body?: BodyEntry };
  /** How many values were masked, by rule. */
  masked: Record<string, number>;
  /** Whether a body was cut or left out. */
  truncated: boolean;
}

/** nginx says 499 if the client went away. */
const MAX_TRIES = 10;

/**
 * Builds the entry of a request.
 * @param extraSearchTime of the process
 */
export async function buildEntry(
  observed: Observed,
  policy: EntryPolicy,
  extraSearchTime: ExtraSearchTime,
): Promise<Entry> {
  const { kong, source } = observed;
  const { rules, keptHeaders } = policy;
  const searchTime = new SearchTime(extraSearchTime, rules.patterns);
  const masking: Masking = { rules, tally: new Tally(), searchTime };
  const [uriPath = '', uriQuery] = splitUri(kong.uri);
  const label = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : orOmitted(masking, () => maskJsonString(text, masking, 0, 256).text);
  // Before the bodies: a body on which patterns take too long must not hide what was called.
  const consumer = kong.consumer && {
    id: kong.consumer.id,
    username: label(kong.consumer.username),
    custom_id: label(kong.consumer.customId),
  };
  const credentialId = label(observed.credentialId ?? kong.credentialId);
  const path = orOmitted(masking, () => maskPath(uriPath, masking, segmentsOf(kong.routePaths)));
  const query = uriQuery === undefined ? undefined : orOmitted(masking, () => maskQuery(uriQuery, masking));
  const requestHeaders = maskHeaders(kong.requestHeaders, keptHeaders, masking);
  const responseHeaders = maskHeaders(kong.responseHeaders, keptHeaders, masking);
  const requestBody = await bodyOf(observed.requestBody, masking, policy.maxBodyBytes);
  const responseBody = await bodyOf(observed.responseBody, masking, policy.maxBodyBytes);
  const last = kong.tries.at(-1);
  const ids = { ...kong.requestHeaders, ...kong.responseHeaders };
  const entry = {
    type: 'request' as const,
    time: new Date(kong.startedAtMs ?? Date.now()).toISOString(),
    request_id: kong.requestId,
    correlation_id: idOf(ids, 'inin-correlation-id') ?? idOf(ids, 'x-correlation-id'),
    trace_id: idOf(ids, 'traceparent')?.split('-')[1] ?? idOf(ids, 'x-b3-traceid'),
    consumer,
    credential_id: credentialId,
    client_ip: clientAddress(kong.clientIp, policy.clientIp, policy.addressMask),
    method: methodOf(kong.method, rules),
    path,
    query,
    route: kong.route,
    service: kong.service,
    status: kong.status,
    source,
    latency_ms: { total: kong.latencies.request, kong: kong.latencies.kong, upstream: kong.latencies.proxy },
    bytes: { request: kong.requestSize, response: kong.responseSize },
    upstream: last && {
      status: kong.upstreamStatus,
      ip: last.ip,
      port: last.port,
      tries: kong.tries.slice(-MAX_TRIES).map(({ ip, port, state, code, latencyMs }) => ({
        ip,
        port,
        state,
        code,
        latency_ms: latencyMs,
      })),
    },
    request: { headers: requestHeaders, body: requestBody },
    response: { headers: responseHeaders, body: responseBody },
    masked: masking.tally.toObject(),
    truncated: requestBody?.truncated === true || responseBody?.truncated === true,
  };
  return withoutAbsent(entry) as unknown as Entry;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']);

/** A method of the caller's own invention is a text of the caller's. */
function methodOf(method: string | undefined, { allowed }: Rules): string | undefined {
  return method === undefined || allowed === undefined || METHODS.has(method) ? method : REDACTED;
}

/** The segments of a route's paths that are neither patterns nor parameters: the operator's own words. */
function segmentsOf(paths: readonly string[]): ReadonlySet<string> {
  return new Set(paths.flatMap((path) => path.split('/')).filter((segment) => /^[\w.-]{1,64}$/.test(segment)));
}

function splitUri(uri: string): [string, string | undefined] {
  const mark = uri.indexOf('?');
  return mark === -1 ? [uri, undefined] : [uri.slice(0, mark), uri.slice(mark + 1)];
}

const UNREADABLE: LoggedBody = { truncated: true, omitted: 'unreadable' };

async function bodyOf(
  body: CapturedBody | LoggedBody | undefined,
  masking: Masking,
  maxBytes: number,
): Promise<BodyEntry | undefined> {
  if (body === undefined) return undefined;
  const logged =
    'bytes' in body
      ? await logBody(body, masking, maxBytes).catch((error) => withoutContent(error, body, masking))
      : body;
  const { kind, size, contentType, content, parts, truncated, omitted } = logged;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(size === undefined ? {} : { bytes: size }),
    ...(contentType === undefined ? {} : { content_type: contentType }),
    ...(content === undefined ? {} : { content }),
    ...(parts === undefined
      ? {}
      : {
          parts: parts.map((part) => ({
            ...(part.name === undefined ? {} : { name: part.name }),
            ...(part.contentType === undefined ? {} : { content_type: part.contentType }),
            ...(part.file === undefined ? {} : { file: part.file }),
            bytes: part.size,
          })),
        }),
    ...(truncated ? { truncated: true as const } : {}),
    ...(omitted === undefined ? {} : { omitted }),
  };
}

/** What makes masking itself fail must not take the whole entry along. */
function withoutContent(error: unknown, { size }: CapturedBody, { tally }: Masking): LoggedBody {
  if (!(error instanceof SlowPattern)) return UNREADABLE;
  tally.add(`slow_pattern:${error.pattern}`);
  return { size, truncated: true, omitted: 'slow_pattern' };
}

/** Without members that are undefined, and records in which nothing is. */
function withoutAbsent(value: Record<string, unknown>): Record<string, unknown> {
  const kept: [string, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (typeof member !== 'object' || member === null || Array.isArray(member)) kept.push([key, member]);
    else {
      const inner = withoutAbsent(member as Record<string, unknown>);
      if (Object.keys(inner).length > 0 || ALWAYS.has(key)) kept.push([key, inner]);
    }
  }
  return Object.fromEntries(kept);
}

const ALWAYS = new Set(['masked', 'headers', 'request', 'response', 'latency_ms', 'bytes']);
