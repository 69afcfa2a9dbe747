/**
 * All PDK methods of ProtoBuf:1: how arguments are sent, how the reply is read, and in which phases Kong runs them. The
 * client and the local gateway's side are both built from this table. The compiler checks it against the types that
 * plugins see (plugins/shared/pdk.ts).
 *
 * The phases are Kong 3.9's own checks. For `log` they are narrowed to what works in the timer in which Kong runs it. A
 * call that Kong refuses ends the request with 500, and in `log` it leaks one request's data into another's. So the
 * plugin server refuses it first.
 */
import { BodyTooLong } from '../../plugins/shared/body-too-long.js';
import type { Consumer, Credential, HeaderValues, Kong, PdkValue, ResponseSource } from '../../plugins/shared/pdk.js';
import type { Phase } from '../../plugins/shared/plugin.js';
import type { Codec } from './codec.js';
import {
  authenticateArgsMessage,
  boolMessage,
  bytesInMessage,
  bytesMessage,
  bytesMessageLength,
  consumerSpecMessage,
  emptyMessage,
  exitArgsMessage,
  headersMessage,
  intMessage,
  keyValueMessage,
  listMessage,
  numberMessage,
  optionalConsumerMessage,
  optionalCredentialMessage,
  optionalRouteMessage,
  optionalServiceMessage,
  optionalStringMessage,
  queryMessage,
  rawBodyResultMessage,
  stringMessage,
  structMessage,
  targetMessage,
  uriCapturesMessage,
  valueMessage,
} from './messages.js';
import { readRawBody } from './raw-body.js';

/** How a plugin's arguments are sent: as one message. */
interface ArgumentForm<Args extends unknown[], A> {
  readonly argument: Codec<A>;
  /** Makes the message. An argument that is left out is undefined, or null in MsgPack:1. */
  toArgument(...args: Args): A;
}

/** A PDK method as it is called over the wire. */
export interface Method<Args extends unknown[] = unknown[], A = unknown, R = unknown, Result = unknown>
  extends ArgumentForm<Args, A> {
  /** Kong's name, such as `kong.request.get_header`. */
  readonly name: string;
  /** The name as a whole frame, length first. */
  readonly nameFrame: Buffer;
  readonly reply: Codec<R>;
  /** Whether the reply is empty, so that callers need not wait for it. */
  readonly replyIsEmpty: boolean;
  /** Turns the reply into what the plugin gets, if that differs. */
  result?(reply: R, ...args: Args): Promise<Result>;
  readonly phases: ReadonlySet<Phase>;
  /** Reads from the arguments how long a reply the plugin accepts. */
  limit?(...args: Args): ReplyLimit | undefined;
}

/** The longest reply that a plugin accepts. */
export interface ReplyLimit {
  /** The length of the longest frame that is kept. */
  frameBytes: number;
  /** Makes the error for a longer frame. */
  exceeded(frameBytes: number): Error;
}

/** Methods by namespace and by their names in plugins. */
export interface MethodTree {
  readonly [member: string]: Method | MethodTree;
}

function form<Args extends unknown[], A>(argument: Codec<A>, toArgument: (...args: Args) => A): ArgumentForm<Args, A> {
  return { argument, toArgument };
}

/** Kong's limit for headers and arguments read at once. Its default of 100 would hide the rest from a plugin. */
const MAX_ITEMS = 1000;
const NO_CONSUMER: Consumer = { id: '', created_at: 0, username: '', custom_id: '', tags: [] };
const NO_CREDENTIAL: Credential = { id: '', consumer_id: '' };
const toBytes = (body: Buffer | string): Buffer => (typeof body === 'string' ? Buffer.from(body) : body);

const none = form(emptyMessage, () => undefined);
const unsent = form(emptyMessage, (_maxBytes?: number) => undefined);
const text = form(stringMessage, (value: string) => value);
const integer = form(intMessage, (value: number) => value);
const flag = form(boolMessage, (value?: boolean) => value ?? false);
const maximum = form(intMessage, (count?: number) => count ?? MAX_ITEMS);
const keyValue = form(keyValueMessage, (k: string, v: PdkValue) => ({ k, v }));
const list = form(listMessage, (...values: PdkValue[]) => values);
const struct = form(structMessage, (values: Record<string, PdkValue>) => values);
const bytes = form(bytesMessage, toBytes);
const target = form(targetMessage, (host: string, port: number) => ({ host, port }));
const consumerSpec = form(consumerSpecMessage, (id: string, byUsername?: boolean) => ({
  id,
  by_username: byUsername ?? false,
}));
const authentication = form(
  authenticateArgsMessage,
  (consumer: Partial<Consumer>, credential: Partial<Credential>) => ({
    consumer: { ...NO_CONSUMER, ...consumer },
    credential: { ...NO_CREDENTIAL, ...credential },
  }),
);
const exitArgs = form(exitArgsMessage, (status: number, body?: Buffer | string, headers?: HeaderValues) => ({
  status,
  body: toBytes(body ?? ''),
  headers: headers ?? {},
}));

const sourceMessage = stringMessage as Codec<ResponseSource>;

const ACCESS: ReadonlySet<Phase> = new Set(['access']);
const RESPONSE: ReadonlySet<Phase> = new Set(['response']);
const LOG: ReadonlySet<Phase> = new Set(['log']);
const BEFORE_LOG: ReadonlySet<Phase> = new Set(['access', 'response']);
const AFTER_ACCESS: ReadonlySet<Phase> = new Set(['response', 'log']);
const ANY_PHASE: ReadonlySet<Phase> = new Set(['access', 'response', 'log']);

function method<Args extends unknown[], A, R, Result = R>(
  { argument, toArgument }: ArgumentForm<Args, A>,
  reply: Codec<R>,
  phases: ReadonlySet<Phase>,
  result?: (reply: R, ...args: NoInfer<Args>) => Promise<Result>,
) {
  return (name: string): Method<Args, A, R, Result> => {
    const nameFrame = Buffer.alloc(4 + name.length);
    nameFrame.writeUInt32LE(name.length);
    nameFrame.write(name, 4, 'latin1');
    const replyIsEmpty = (reply as Codec<unknown>) === emptyMessage;
    const called = { name, nameFrame, argument, toArgument, reply, replyIsEmpty, phases };
    return result === undefined ? called : { ...called, result };
  };
}

/** Lets the plugin limit how many bytes it accepts of a reply that is one `bytesMessage`. */
function upTo<M extends Method<[maxBytes?: number], undefined, Buffer, Buffer>>(named: (name: string) => M) {
  const limit = (maxBytes?: number): ReplyLimit | undefined =>
    maxBytes === undefined
      ? undefined
      : {
          frameBytes: bytesMessageLength(maxBytes),
          exceeded: (frameBytes) => new BodyTooLong(bytesInMessage(frameBytes)),
        };
  return (name: string) => ({ ...named(name), limit });
}

/** Names the methods of a namespace as Kong does: `getIp` in `kong.client` is `kong.client.get_ip`. */
function namespace<T extends Record<string, (name: string) => object>>(path: string, methods: T) {
  const named = Object.entries(methods).map(([member, withName]) => {
    const name = member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return [member, withName(`${path}.${name}`)];
  });
  return Object.fromEntries(named) as { readonly [K in keyof T]: ReturnType<T[K]> };
}

/** A tree of methods with the same arguments and results as a tree of functions. */
type MethodsOf<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer Args) => Promise<infer Result>
    ? { toArgument: (...args: Args) => unknown; result?: (...args: never) => Promise<Result> }
    : MethodsOf<T[K]>;
};

export const METHODS = {
  client: namespace('kong.client', {
    getIp: method(none, stringMessage, BEFORE_LOG),
    getForwardedIp: method(none, stringMessage, BEFORE_LOG),
    getPort: method(none, intMessage, BEFORE_LOG),
    getForwardedPort: method(none, intMessage, BEFORE_LOG),
    getProtocol: method(flag, stringMessage, BEFORE_LOG),
    getConsumer: method(none, optionalConsumerMessage, ANY_PHASE),
    loadConsumer: method(consumerSpec, optionalConsumerMessage, BEFORE_LOG),
    getCredential: method(none, optionalCredentialMessage, ANY_PHASE),
    authenticate: method(authentication, emptyMessage, ACCESS),
  }),
  ctx: {
    shared: namespace('kong.ctx.shared', {
      set: method(keyValue, emptyMessage, ANY_PHASE),
      get: method(text, valueMessage, ANY_PHASE),
    }),
  },
  ip: namespace('kong.ip', {
    isTrusted: method(text, boolMessage, ANY_PHASE),
  }),
  log: namespace('kong.log', {
    alert: method(list, emptyMessage, ANY_PHASE),
    crit: method(list, emptyMessage, ANY_PHASE),
    err: method(list, emptyMessage, ANY_PHASE),
    warn: method(list, emptyMessage, ANY_PHASE),
    notice: method(list, emptyMessage, ANY_PHASE),
    info: method(list, emptyMessage, ANY_PHASE),
    debug: method(list, emptyMessage, ANY_PHASE),
    setSerializeValue: method(keyValue, emptyMessage, BEFORE_LOG),
    serialize: method(none, stringMessage, LOG),
  }),
  nginx: namespace('kong.nginx', {
    getVar: method(text, stringMessage, BEFORE_LOG),
    setCtx: method(keyValue, stringMessage, ANY_PHASE, async () => {}),
    getCtx: method(text, valueMessage, ANY_PHASE),
    reqStartTime: method(none, numberMessage, ANY_PHASE),
    getSubsystem: method(none, stringMessage, ANY_PHASE),
    getTls1_versionStr: method(none, stringMessage, BEFORE_LOG),
  }),
  node: namespace('kong.node', {
    getId: method(none, stringMessage, ANY_PHASE),
  }),
  request: namespace('kong.request', {
    getScheme: method(none, stringMessage, BEFORE_LOG),
    getHost: method(none, stringMessage, BEFORE_LOG),
    getPort: method(none, intMessage, BEFORE_LOG),
    getForwardedScheme: method(none, stringMessage, BEFORE_LOG),
    getForwardedHost: method(none, stringMessage, BEFORE_LOG),
    getForwardedPort: method(none, intMessage, BEFORE_LOG),
    getHttpVersion: method(none, numberMessage, BEFORE_LOG),
    getMethod: method(none, stringMessage, BEFORE_LOG),
    getPath: method(none, stringMessage, BEFORE_LOG),
    getPathWithQuery: method(none, stringMessage, BEFORE_LOG),
    getRawQuery: method(none, stringMessage, BEFORE_LOG),
    getQueryArg: method(text, optionalStringMessage, BEFORE_LOG),
    getQuery: method(maximum, queryMessage, BEFORE_LOG),
    getHeader: method(text, optionalStringMessage, ANY_PHASE),
    getHeaders: method(maximum, headersMessage, ANY_PHASE),
    getRawBody: method(unsent, rawBodyResultMessage, BEFORE_LOG, readRawBody),
    getUriCaptures: method(none, uriCapturesMessage, BEFORE_LOG),
  }),
  response: namespace('kong.response', {
    getStatus: method(none, intMessage, AFTER_ACCESS),
    getHeader: method(text, optionalStringMessage, AFTER_ACCESS),
    getHeaders: method(maximum, headersMessage, AFTER_ACCESS),
    getSource: method(none, sourceMessage, AFTER_ACCESS),
    setStatus: method(integer, emptyMessage, BEFORE_LOG),
    setHeader: method(keyValue, emptyMessage, BEFORE_LOG),
    addHeader: method(keyValue, emptyMessage, BEFORE_LOG),
    clearHeader: method(text, emptyMessage, BEFORE_LOG),
    setHeaders: method(struct, emptyMessage, BEFORE_LOG),
    exit: method(exitArgs, emptyMessage, BEFORE_LOG),
  }),
  router: namespace('kong.router', {
    getRoute: method(none, optionalRouteMessage, ANY_PHASE),
    getService: method(none, optionalServiceMessage, ANY_PHASE),
  }),
  service: {
    ...namespace('kong.service', {
      setUpstream: method(text, boolMessage, ACCESS),
      setTarget: method(target, emptyMessage, ACCESS),
    }),
    request: namespace('kong.service.request', {
      setScheme: method(text, emptyMessage, ACCESS),
      setPath: method(text, emptyMessage, ACCESS),
      setRawQuery: method(text, emptyMessage, ACCESS),
      setMethod: method(text, emptyMessage, ACCESS),
      setQuery: method(struct, emptyMessage, ACCESS),
      setHeader: method(keyValue, emptyMessage, ACCESS),
      addHeader: method(keyValue, emptyMessage, ACCESS),
      clearHeader: method(text, emptyMessage, ACCESS),
      setHeaders: method(struct, emptyMessage, ACCESS),
      setRawBody: method(bytes, emptyMessage, ACCESS),
    }),
    response: namespace('kong.service.response', {
      getStatus: method(none, intMessage, RESPONSE),
      getHeader: method(text, optionalStringMessage, RESPONSE),
      getHeaders: method(maximum, headersMessage, RESPONSE),
      getRawBody: upTo(method(unsent, bytesMessage, AFTER_ACCESS)),
    }),
  },
} satisfies MethodsOf<Kong>;

/** `METHODS` by Kong's names. */
export const METHODS_BY_NAME: ReadonlyMap<string, Method> = new Map(
  methodsIn(METHODS).map((method) => [method.name, method]),
);

function methodsIn(tree: MethodTree): Method[] {
  return Object.values(tree).flatMap((member) => (isMethod(member) ? [member] : methodsIn(member)));
}

export function isMethod(member: Method | MethodTree): member is Method {
  return 'nameFrame' in member;
}

/** Methods that kong-pdk's types offer and ProtoBuf:1 cannot carry. Calling one throws. */
export const UNSUPPORTED_METHODS = [
  'kong.client.get_consumer_group',
  'kong.client.get_consumer_groups',
  'kong.client.set_authenticated_consumer_group',
  'kong.client.set_authenticated_consumer_groups',
  'kong.client.authenticate_consumer_group_by_consumer_id',
  'kong.client.tls',
  'kong.cluster',
  'kong.enterprise_edition',
  'kong.log.deprecation',
  'kong.nginx.get_statistics',
  'kong.nginx.shared',
  'kong.node.get_hostname',
  'kong.node.get_memory_stats',
  'kong.plugin',
  'kong.request.get_body',
  'kong.request.get_forwarded_path',
  'kong.request.get_forwarded_prefix',
  'kong.request.get_raw_path',
  'kong.request.get_start_time',
  'kong.response.error',
  'kong.service.set_retries',
  'kong.service.set_target_retry_callback',
  'kong.service.set_timeouts',
  'kong.service.set_tls_verify',
  'kong.service.set_tls_verify_depth',
  'kong.service.request.disable_tls',
  'kong.service.request.enable_buffering',
  'kong.service.request.set_body',
  'kong.service.response.get_body',
  'kong.telemetry',
  'kong.vault',
] as const;
