/** Kong's side of the PDK: what each method of kong/pdk/methods.ts does to a request. */
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { PdkValue } from '../../plugins/shared/pdk.js';
import type { Phase } from '../../plugins/shared/plugin.js';
import { isMethod, METHODS, METHODS_BY_NAME, type Method, type MethodTree } from '../pdk/methods.js';
import type { ConsumerEntity } from './config/types.js';
import { answerOf } from './exit.js';
import { fromText, type HeaderList, toText } from './headers.js';
import { serialize } from './log-entry.js';
import { readRequestBody } from './request-body.js';
import type { RequestContext } from './request-context.js';
import { decodeArgs, encodeArgs, escapePath, normalizePath } from './uri.js';

export interface PdkHost {
  log(level: string, message: string): void;
  /** Longer request bodies are passed as a file. */
  clientBodyBufferBytes: number;
  spillFolder: string;
  nodeId: string;
  /** How long a plugin server may stay silent. */
  pluginServerTimeoutMs: number;
}

/** A plugin's event, during which it makes PDK calls. */
export interface PdkEvent {
  context: RequestContext;
  phase: string;
  host: PdkHost;
}

/** Implements a method, or each method of a tree. Where the plugin gets nothing, any return value is allowed. */
type Implementation<M> =
  M extends Method<infer _Args, infer A, infer R>
    ? (context: RequestContext, argument: A, host: PdkHost) => [R] extends [undefined] ? unknown : R | Promise<R>
    : { readonly [K in keyof M]: Implementation<M[K]> };

const NOT_A_HEADER_VALUE = 'expected array of string, string, number or boolean';

/** Converts a header value as Kong does: an empty string becomes a space, an empty list removes the header. */
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

/** Kong's values of `ngx.ctx.KONG_PHASE` (kong/pdk/private/phases.lua). */
const PHASE_NUMBERS = { access: 0x20, response: 0x80, log: 0x2000 } as const;

const consumerOf = (consumer: ConsumerEntity | undefined) =>
  consumer && {
    id: consumer.id,
    created_at: consumer.created_at,
    username: consumer.username ?? '',
    custom_id: consumer.custom_id ?? '',
    tags: consumer.tags ?? [],
  };

/** Changes response headers, and remembers which were set before there was a response. */
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

const logs =
  (level: string): Implementation<Method<PdkValue[], PdkValue[], undefined>> =>
  (_context, values, host) =>
    host.log(level, values.map(String).join(''));

const variables: Record<string, (context: RequestContext) => string> = {
  request_id: (context) => context.id,
  kong_request_id: (context) => context.id,
  remote_addr: (context) => context.clientIp,
  request_method: (context) => context.method,
  upstream_uri: ({ upstream, phase }) =>
    phase === 'response' && upstream.query !== '' ? `${upstream.path}?${upstream.query}` : upstream.path,
  http_connection: (context) => context.headers.all('connection').join(', '),
  http_authorization: (context) => context.headers.all('authorization').join(', '),
  upstream_upgrade: (context) => context.upgrade,
  upstream_scheme: (context) => context.upstream.scheme,
  upstream_host: (context) => context.upstream.hostHeader ?? '',
  request_uri: (context) => (context.rawQuery === '' ? context.rawPath : `${context.rawPath}?${context.rawQuery}`),
  args: (context) => context.rawQuery,
  scheme: () => 'http',
  host: (context) => context.host,
};

const IMPLEMENTATIONS: Implementation<typeof METHODS> = {
  client: {
    getIp: (context) => context.clientIp,
    getForwardedIp: (context) => context.clientIp,
    getPort: (context) => context.request.socket.remotePort ?? 0,
    getForwardedPort: (context) => context.request.socket.remotePort ?? 0,
    getProtocol: () => 'http',
    getConsumer: (context) => consumerOf(context.consumer),
    loadConsumer: (context, { id, by_username }) => {
      const { consumers, consumersByUsername } = context.snapshot;
      if (!by_username && !/^[0-9a-f-]{36}$/i.test(id))
        throw new Error('cannot load a consumer with an id that is not a uuid');
      return consumerOf(consumers.get(id) ?? (by_username ? consumersByUsername.get(id) : undefined));
    },
    getCredential: (context) =>
      context.credentialId === undefined ? undefined : { id: context.credentialId, consumer_id: '' },
    authenticate: (context, { consumer, credential }) => {
      const known = context.snapshot.consumers.get(consumer.id);
      if (known !== undefined) context.consumer = known;
      context.credentialId = credential.id;
    },
  },
  ctx: {
    shared: {
      set: (context, { k, v }) => {
        if (v === null) context.shared.delete(k);
        else context.shared.set(k, v);
      },
      // Kong loses a stored false: it comes back as null (measured).
      get: (context, key) => context.shared.get(key) || null,
    },
  },
  ip: { isTrusted: () => false },
  log: {
    alert: logs('alert'),
    crit: logs('crit'),
    err: logs('err'),
    warn: logs('warn'),
    notice: logs('notice'),
    info: logs('info'),
    debug: logs('debug'),
    setSerializeValue: (context, { k, v }) => {
      context.serializeValues.set(k, v);
    },
    serialize: (context) => JSON.stringify(serialize(context)),
  },
  nginx: {
    getVar: (context, name) => variables[name]?.(context) ?? '',
    setCtx: (context, { k, v }) => {
      context.nginxCtx.set(k, v);
      return '';
    },
    getCtx: (context, key) =>
      key === 'KONG_PHASE' ? PHASE_NUMBERS[context.phase] : (context.nginxCtx.get(key) ?? null),
    reqStartTime: (context) => context.startedAtMs / 1000,
    getSubsystem: () => 'http',
    getTls1_versionStr: () => '',
  },
  node: { getId: (_context, _argument, host) => host.nodeId },
  request: {
    getScheme: () => 'http',
    getHost: (context) => context.host,
    getPort: (context) => context.request.socket.localPort ?? 0,
    getForwardedScheme: () => 'http',
    getForwardedHost: (context) => context.host,
    getForwardedPort: (context) => context.request.socket.localPort ?? 0,
    getHttpVersion: (context) => Number(context.request.httpVersion),
    getMethod: (context) => context.method,
    getPath: (context) => toText(normalizePath(context.rawPath)),
    getPathWithQuery: (context) =>
      context.rawQuery === '' ? context.rawPath : `${context.rawPath}?${context.rawQuery}`,
    getRawQuery: (context) => context.rawQuery,
    getQueryArg: (context, name) => {
      const [first] = decodeArgs(context.rawQuery)[name] ?? [];
      return first === true ? 'true' : first;
    },
    getQuery: (context, max) => decodeArgs(context.rawQuery, max),
    getHeader: (context, name) => {
      const value = context.headers.find(name);
      return value === undefined ? undefined : toText(value);
    },
    getHeaders: (context, max) => context.headers.toMap(max),
    getRawBody: async (context, _argument, host) => {
      const body = await readRequestBody(context);
      if (body.length <= host.clientBodyBufferBytes)
        return { content: body, body_filepath: undefined, error: undefined };
      const path = join(host.spillFolder, context.id);
      writeFileSync(path, body, { mode: 0o600 });
      return { content: undefined, body_filepath: path, error: undefined };
    },
    getUriCaptures: ({ uriCaptures }) => ({ unnamed: [], named: { ...uriCaptures } }),
  },
  response: {
    getStatus: (context) => (context.phase === 'log' ? context.sentStatus : (context.answer?.status ?? 0)),
    getHeader: (context, name) => responseHeaders(context).get(name),
    getHeaders: (context, max) => responseHeaders(context).toMap(max),
    getSource: (context) => context.source,
    setStatus: (context, status) => {
      if (context.answer === undefined) context.earlyStatus = status;
      else context.answer.status = status;
    },
    setHeader: (context, { k, v }) => changeResponseHeader(context, k, (list) => list.set(k, headerValues(k, v))),
    addHeader: (context, { k, v }) => {
      for (const value of headerValues(k, v)) changeResponseHeader(context, k, (list) => list.add(k, value));
    },
    clearHeader: (context, name) => responseHeaders(context).remove(name),
    setHeaders: (context, headers) => {
      for (const [name, value] of Object.entries(headers)) {
        changeResponseHeader(context, name, (list) => list.set(name, headerValues(name, value)));
      }
    },
    exit: (context, args) => {
      context.exit = answerOf(context, args);
    },
  },
  router: {
    getRoute: ({ route }) => ({
      ...{ name: '', methods: [], hosts: [], paths: [], tags: [], snis: [], sources: [], destinations: [], ...route },
      headers: [],
      service: route.service ?? { id: '' },
    }),
    getService: ({ service }) => ({ name: '', path: '', tags: [], ...service }),
  },
  service: {
    setUpstream: (context, name) => {
      if (!context.snapshot.upstreams.has(name)) return false;
      context.upstream.host = name;
      return true;
    },
    setTarget: (context, { host, port }) => {
      Object.assign(context.upstream, { host, port, isAddress: isIP(host) !== 0 });
    },
    request: {
      setScheme: (context, scheme) => {
        context.upstream.scheme = scheme;
      },
      setPath: (context, path) => {
        if (!path.startsWith('/')) throw new Error('path must start with /');
        context.upstream.path = escapePath(fromText(path));
      },
      setRawQuery: (context, query) => {
        context.upstream.query = query;
      },
      setMethod: (context, method) => {
        context.upstream.method = method.toUpperCase();
      },
      setQuery: (context, query) => {
        context.upstream.query = encodeArgs(query);
      },
      setHeader: (context, { k, v }) => setRequestHeader(context, k, v),
      addHeader: (context, { k, v }) => {
        for (const value of headerValues(k, v)) context.headers.add(k, value);
      },
      clearHeader: (context, name) => context.headers.remove(name),
      setHeaders: (context, headers) => {
        for (const [name, value] of Object.entries(headers)) headerValues(name, value);
        for (const [name, value] of Object.entries(headers)) setRequestHeader(context, name, value);
      },
      setRawBody: async (context, body) => {
        await readRequestBody(context);
        context.body = Buffer.from(body);
      },
    },
    response: {
      getStatus: (context) => context.serviceStatus ?? 0,
      getHeader: (context, name) => {
        const value = context.serviceHeaders?.get(name);
        // Of a buffered answer, Kong has this one as a number (measured).
        if (name.toLowerCase() === 'content-length' && value !== undefined)
          throw new Error("bad argument #2 to 'encode' (string expected for field 'v', got number)");
        return value;
      },
      // Always empty on Kong 3.9 (measured).
      getHeaders: () => ({}),
      getRawBody: (context) => {
        if (context.serviceBody === undefined) throw new Error('service body is only available with buffered proxying');
        return context.serviceBody;
      },
    },
  },
};

type AnyImplementation = (context: RequestContext, argument: unknown, host: PdkHost) => unknown;
interface ImplementationTree {
  readonly [member: string]: AnyImplementation | ImplementationTree;
}

const BY_NAME = new Map(named(METHODS, IMPLEMENTATIONS as ImplementationTree));

function named(methods: MethodTree, own: ImplementationTree): [name: string, AnyImplementation][] {
  return Object.entries(methods).flatMap(([member, method]) =>
    isMethod(method)
      ? [[method.name, own[member] as AnyImplementation]]
      : named(method, own[member] as ImplementationTree),
  );
}

/** Runs a PDK method. @throws Error as Kong raises it; Kong then closes the connection */
export async function callPdk({ context, phase, host }: PdkEvent, name: string, argument: unknown): Promise<unknown> {
  const implementation = BY_NAME.get(name);
  if (implementation === undefined) throw new Error(`method "${name}" not found`);
  if (!METHODS_BY_NAME.get(name)?.phases.has(phase as Phase)) {
    throw new Error(`function ${name} cannot be called in ${phase} phase`);
  }
  return implementation(context, argument, host);
}
