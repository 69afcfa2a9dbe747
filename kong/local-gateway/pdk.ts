/** Kong's side of the PDK: what each method does to a request. Arguments and replies are those of methods.ts. */
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { PdkValue } from '../../plugins/shared/pdk.js';
import type { ConsumerEntity } from './config/types.js';
import { fromText, type HeaderList, toText } from './headers.js';
import { serialize } from './log-entry.js';
import { readRequestBody } from './request-body.js';
import type { RequestContext } from './request-context.js';
import { decodeArgs, encodeArgs, escapePath, normalizePath } from './uri.js';

export interface PdkHost {
  log(level: string, message: string): void;
  /** Request bodies over this many bytes are handed over as a file. */
  clientBodyBufferBytes: number;
  spillFolder: string;
  nodeId: string;
}

type Implementation = (context: RequestContext, argument: never, host: PdkHost) => unknown;

const NOT_A_HEADER_VALUE = 'expected array of string, string, number or boolean';

/** A header value as Kong takes it: an empty string becomes a space, an empty list removes the header. */
function headerValues(name: string, value: PdkValue): string[] {
  if (Array.isArray(value)) {
    return value.map((item) => {
      if (typeof item !== 'string') throw new Error(`invalid header value in array "${name}": expected string`);
      return fromText(item === '' ? ' ' : item);
    });
  }
  if (typeof value === 'string') return [fromText(value === '' ? ' ' : value)];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  throw new Error(`invalid header value for "${name}": got nil, ${NOT_A_HEADER_VALUE}`);
}

/** What Kong keeps in `ngx.ctx.KONG_PHASE` (kong/pdk/private/phases.lua). */
const PHASE_NUMBERS = { access: 0x20, response: 0x80, log: 0x2000 } as const;

const consumerOf = (consumer: ConsumerEntity | undefined) =>
  consumer && {
    id: consumer.id,
    created_at: consumer.created_at,
    username: consumer.username ?? '',
    custom_id: consumer.custom_id ?? '',
    tags: consumer.tags ?? [],
  };

/** Changes response headers, and notes which were set before there was a response. */
function changeResponseHeader(context: RequestContext, name: string, change: (headers: HeaderList) => void): void {
  if (context.answer === undefined) context.setInAccess.add(name.toLowerCase());
  change(responseHeaders(context));
}

const responseHeaders = (context: RequestContext): HeaderList =>
  context.phase === 'log' ? context.sentHeaders : (context.answer?.headers ?? context.early);

function setRequestHeader(context: RequestContext, name: string, value: PdkValue): void {
  if (name.toLowerCase() === 'host') context.upstream.hostHeader = headerValues(name, value)[0] ?? '';
  context.headers.set(name, headerValues(name, value));
}

const logLevels = Object.fromEntries(
  ['alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'].map((level) => [
    `kong.log.${level}`,
    (_context: RequestContext, values: PdkValue[], host: PdkHost) => host.log(level, values.map(String).join('')),
  ]),
);

const variables: Record<string, (context: RequestContext) => string> = {
  request_id: (context) => context.id,
  kong_request_id: (context) => context.id,
  remote_addr: (context) => context.clientIp,
  request_method: (context) => context.method,
  upstream_uri: ({ upstream, phase }) =>
    phase === 'response' && upstream.query !== '' ? `${upstream.path}?${upstream.query}` : upstream.path,
  http_connection: (context) => context.headers.all('connection').join(', '),
  upstream_upgrade: (context) => context.upgrade,
  upstream_scheme: (context) => context.upstream.scheme,
  upstream_host: (context) => context.upstream.hostHeader ?? '',
  request_uri: (context) => (context.rawQuery === '' ? context.rawPath : `${context.rawPath}?${context.rawQuery}`),
  args: (context) => context.rawQuery,
  scheme: () => 'http',
  host: (context) => (context.headers.get('host') ?? '').replace(/:\d+$/, ''),
};

export const PDK = {
  'kong.client.get_ip': (context) => context.clientIp,
  'kong.client.get_forwarded_ip': (context) => context.clientIp,
  'kong.client.get_port': (context) => context.request.socket.remotePort ?? 0,
  'kong.client.get_forwarded_port': (context) => context.request.socket.remotePort ?? 0,
  'kong.client.get_protocol': () => 'http',
  'kong.client.get_consumer': (context) => consumerOf(context.consumer),
  'kong.client.load_consumer': (context, { id, by_username }: { id: string; by_username: boolean }) => {
    const { consumers, consumersByUsername } = context.snapshot;
    if (!by_username && !/^[0-9a-f-]{36}$/i.test(id))
      throw new Error('cannot load a consumer with an id that is not a uuid');
    return consumerOf(consumers.get(id) ?? (by_username ? consumersByUsername.get(id) : undefined));
  },
  'kong.client.get_credential': (context) =>
    context.credentialId === undefined ? undefined : { id: context.credentialId, consumer_id: '' },
  'kong.client.authenticate': (
    context,
    { consumer, credential }: { consumer: { id: string }; credential: { id: string } },
  ) => {
    const known = context.snapshot.consumers.get(consumer.id);
    if (known !== undefined) context.consumer = known;
    context.credentialId = credential.id;
  },
  'kong.ctx.shared.set': (context, { k, v }: { k: string; v: PdkValue }) => {
    if (v === null) context.shared.delete(k);
    else context.shared.set(k, v);
  },
  // A stored false comes back as null: Kong loses it on the way (measured).
  'kong.ctx.shared.get': (context, key: string) => context.shared.get(key) || null,
  'kong.ip.is_trusted': () => false,
  ...logLevels,
  'kong.log.set_serialize_value': (context, { k, v }: { k: string; v: PdkValue }) => {
    context.serializeValues.set(k, v);
  },
  'kong.log.serialize': (context) => JSON.stringify(serialize(context)),
  'kong.nginx.get_var': (context, name: string) => variables[name]?.(context) ?? '',
  'kong.nginx.set_ctx': (context, { k, v }: { k: string; v: PdkValue }) => {
    context.nginxCtx.set(k, v);
    return '';
  },
  'kong.nginx.get_ctx': (context, key: string) =>
    key === 'KONG_PHASE' ? PHASE_NUMBERS[context.phase] : (context.nginxCtx.get(key) ?? null),
  'kong.nginx.req_start_time': (context) => context.startedAtMs / 1000,
  'kong.nginx.get_subsystem': () => 'http',
  'kong.nginx.get_tls1_version_str': () => '',
  'kong.node.get_id': (_context, _argument, host) => host.nodeId,
  'kong.request.get_scheme': () => 'http',
  'kong.request.get_host': (context) => (context.headers.get('host') ?? '').replace(/:\d+$/, ''),
  'kong.request.get_port': (context) => context.request.socket.localPort ?? 0,
  'kong.request.get_forwarded_scheme': () => 'http',
  'kong.request.get_forwarded_host': (context) => (context.headers.get('host') ?? '').replace(/:\d+$/, ''),
  'kong.request.get_forwarded_port': (context) => context.request.socket.localPort ?? 0,
  'kong.request.get_http_version': (context) => Number(context.request.httpVersion),
  'kong.request.get_method': (context) => context.method,
  'kong.request.get_path': (context) => toText(normalizePath(context.rawPath)),
  'kong.request.get_path_with_query': (context) =>
    context.rawQuery === '' ? context.rawPath : `${context.rawPath}?${context.rawQuery}`,
  'kong.request.get_raw_query': (context) => context.rawQuery,
  'kong.request.get_query_arg': (context, name: string) => {
    const [first] = decodeArgs(context.rawQuery)[name] ?? [];
    return first === true ? 'true' : first;
  },
  'kong.request.get_query': (context, max: number) => decodeArgs(context.rawQuery, max),
  'kong.request.get_header': (context, name: string) => {
    const value = context.headers.get(name);
    return value === undefined ? undefined : toText(value);
  },
  'kong.request.get_headers': (context, max: number) => context.headers.toMap(max),
  'kong.request.get_raw_body': async (context, _argument, host) => {
    const body = await readRequestBody(context);
    if (body.length <= host.clientBodyBufferBytes) return { content: body, body_filepath: undefined, error: undefined };
    const path = join(host.spillFolder, context.id);
    writeFileSync(path, body, { mode: 0o600 });
    return { content: undefined, body_filepath: path, error: undefined };
  },
  'kong.request.get_uri_captures': () => ({ unnamed: [], named: {} }),
  'kong.response.get_status': (context) =>
    context.phase === 'log' ? context.sentStatus : (context.answer?.status ?? 0),
  'kong.response.get_header': (context, name: string) => responseHeaders(context).get(name),
  'kong.response.get_headers': (context, max: number) => responseHeaders(context).toMap(max),
  'kong.response.get_source': (context) => context.source,
  'kong.response.set_status': (context, status: number) => {
    if (context.answer === undefined) context.earlyStatus = status;
    else context.answer.status = status;
  },
  'kong.response.set_header': (context, { k, v }: { k: string; v: PdkValue }) =>
    changeResponseHeader(context, k, (list) => list.set(k, headerValues(k, v))),
  'kong.response.add_header': (context, { k, v }: { k: string; v: PdkValue }) => {
    for (const value of headerValues(k, v)) changeResponseHeader(context, k, (list) => list.add(k, value));
  },
  'kong.response.clear_header': (context, name: string) => responseHeaders(context).remove(name),
  'kong.response.set_headers': (context, headers: Record<string, PdkValue>) => {
    for (const [name, value] of Object.entries(headers)) {
      changeResponseHeader(context, name, (list) => list.set(name, headerValues(name, value)));
    }
  },
  'kong.router.get_route': ({ route }) => ({
    ...{ name: '', methods: [], hosts: [], paths: [], tags: [], snis: [], sources: [], destinations: [], ...route },
    headers: [],
    service: route.service ?? { id: '' },
  }),
  'kong.router.get_service': ({ service }) => ({ name: '', path: '', tags: [], ...service }),
  'kong.service.set_upstream': (context, name: string) => {
    if (!context.snapshot.upstreams.has(name)) return false;
    context.upstream.host = name;
    return true;
  },
  'kong.service.set_target': (context, { host, port }: { host: string; port: number }) =>
    Object.assign(context.upstream, { host, port, isAddress: isIP(host) !== 0 }) && undefined,
  'kong.service.request.set_scheme': (context, scheme: string) => {
    context.upstream.scheme = scheme;
  },
  'kong.service.request.set_path': (context, path: string) => {
    if (!path.startsWith('/')) throw new Error('path must start with /');
    context.upstream.path = escapePath(fromText(path));
  },
  'kong.service.request.set_raw_query': (context, query: string) => {
    context.upstream.query = query;
  },
  'kong.service.request.set_method': (context, method: string) => {
    context.upstream.method = method.toUpperCase();
  },
  'kong.service.request.set_query': (context, query: Record<string, unknown>) => {
    context.upstream.query = encodeArgs(query);
  },
  'kong.service.request.set_header': (context, { k, v }: { k: string; v: PdkValue }) => setRequestHeader(context, k, v),
  'kong.service.request.add_header': (context, { k, v }: { k: string; v: PdkValue }) => {
    for (const value of headerValues(k, v)) context.headers.add(k, value);
  },
  'kong.service.request.clear_header': (context, name: string) => context.headers.remove(name),
  'kong.service.request.set_headers': (context, headers: Record<string, PdkValue>) => {
    for (const [name, value] of Object.entries(headers)) headerValues(name, value);
    for (const [name, value] of Object.entries(headers)) setRequestHeader(context, name, value);
  },
  'kong.service.request.set_raw_body': async (context, body: Buffer) => {
    await readRequestBody(context);
    context.body = Buffer.from(body);
  },
  'kong.service.response.get_status': (context) => context.serviceStatus ?? 0,
  'kong.service.response.get_header': (context, name: string) => context.serviceHeaders?.get(name),
  // Always empty on Kong 3.9 (measured).
  'kong.service.response.get_headers': () => ({}),
  'kong.service.response.get_raw_body': (context) => {
    if (context.serviceBody === undefined) throw new Error('service body is only available with buffered proxying');
    return context.serviceBody;
  },
} satisfies Record<string, Implementation>;

/** Carries out a method. @throws Error as Kong raises it; Kong then closes the connection */
export async function callPdk(
  context: RequestContext,
  name: string,
  argument: unknown,
  host: PdkHost,
): Promise<unknown> {
  const implementation = (PDK as Record<string, Implementation>)[name];
  if (implementation === undefined) throw new Error(`method "${name}" not found`);
  return implementation(context, argument as never, host);
}
