/**
 * The `kong` object that a phase handler receives: Kong's Plugin Development Kit over ProtoBuf:1.
 *
 * Names and signatures are those of npm `kong-pdk`, and its types are used where they are right. Those types are
 * generated from Lua comments and are wrong in places (bodies, header maps, optional results). These members are typed
 * here. What ProtoBuf:1 cannot carry (`request.getBody`, `response.error`, `vault`, ...) is missing, and throws when
 * called.
 */
import type client from 'kong-pdk/kong/client/index.js';
import type ip from 'kong-pdk/kong/ip.js';
import type node from 'kong-pdk/kong/node.js';
import type request from 'kong-pdk/kong/request.js';
import type response from 'kong-pdk/kong/response.js';

/** A value that fits into protobuf's `google.protobuf.Value`: what `ctx.shared`, `log` and `serialize` can hold. */
export type PdkValue = null | boolean | number | string | PdkValue[] | { [key: string]: PdkValue };

/** All headers of a message: lower-case names, each with its values in order. The object has no prototype. */
export type HeaderMap = Record<string, string[]>;

/** All query arguments. The value of an argument without `=` is `true`. The object has no prototype. */
export type QueryMap = Record<string, (string | true)[]>;

/** A value that a header can be set to. Kong sends an empty string as one space. */
export type HeaderValue = string | number | boolean | string[];

/** Headers to set at once. */
export type HeaderValues = Record<string, HeaderValue>;

/** The consumer of a request, as far as ProtoBuf:1 can carry it. `created_at` is in seconds since 1970. */
export interface Consumer {
  id: string;
  created_at: number;
  username: string;
  custom_id: string;
  tags: string[];
}

/** The credential that authenticated a request. Kong fills in only `id`. */
export interface Credential {
  id: string;
  consumer_id: string;
}

/** The route that matched. Times are in seconds since 1970. */
export interface Route {
  id: string;
  created_at: number;
  updated_at: number;
  name: string;
  protocols: string[];
  methods: string[];
  hosts: string[];
  paths: string[];
  headers: string[];
  https_redirect_status_code: number;
  regex_priority: number;
  strip_path: boolean;
  preserve_host: boolean;
  snis: string[];
  sources: string[];
  destinations: string[];
  tags: string[];
  service: { id: string };
}

/** The service of the route. Timeouts are in milliseconds, times in seconds since 1970. */
export interface Service {
  id: string;
  created_at: number;
  updated_at: number;
  name: string;
  retries: number;
  protocol: string;
  host: string;
  port: number;
  path: string;
  connect_timeout: number;
  write_timeout: number;
  read_timeout: number;
  tags: string[];
}

/** Who made the response: the service; a plugin or Kong by `exit`; or Kong itself because of an error. */
export type ResponseSource = 'service' | 'exit' | 'error';

/** What `router.getRoute` captured from a regular-expression path. */
export interface UriCaptures {
  unnamed: string[];
  named: Record<string, string>;
}

/**
 * Kong's PDK. Every call throws a `PdkError` at once if the phase does not allow it.
 *
 * Setters need not be awaited: their promise resolves at once, and the calls of one tick are sent in one write. If Kong
 * refuses one of them, it answers the client with 500. Getters resolve when Kong has answered. `Promise.all` over any
 * number of getters costs one round trip.
 */
export interface Kong {
  client: Pick<client.default, 'getIp' | 'getForwardedIp' | 'getPort' | 'getForwardedPort'> & {
    getProtocol(allowTerminated?: boolean): Promise<string>;
    /** The authenticated consumer, or undefined. */
    getConsumer(): Promise<Consumer | undefined>;
    loadConsumer(consumerIdOrUsername: string, searchByUsername?: boolean): Promise<Consumer | undefined>;
    getCredential(): Promise<Credential | undefined>;
    authenticate(consumer: Partial<Consumer>, credential: Partial<Credential>): Promise<void>;
  };
  ctx: {
    /** Values that all plugins of a request share. A stored `false` is read as null, because Kong loses it. */
    shared: { get(key: string): Promise<PdkValue>; set(key: string, value: PdkValue): Promise<void> };
  };
  ip: Pick<ip.default, 'isTrusted'>;
  log: {
    alert(...values: PdkValue[]): Promise<void>;
    crit(...values: PdkValue[]): Promise<void>;
    err(...values: PdkValue[]): Promise<void>;
    warn(...values: PdkValue[]): Promise<void>;
    notice(...values: PdkValue[]): Promise<void>;
    info(...values: PdkValue[]): Promise<void>;
    debug(...values: PdkValue[]): Promise<void>;
    setSerializeValue(key: string, value: PdkValue): Promise<void>;
    /** Kong's log entry of the request, as JSON text. */
    serialize(): Promise<string>;
  };
  nginx: {
    /** The value of an nginx variable; empty if it has none. */
    getVar(name: string): Promise<string>;
    getCtx(key: string): Promise<PdkValue>;
    setCtx(key: string, value: PdkValue): Promise<void>;
    /** Seconds since 1970, with milliseconds. */
    reqStartTime(): Promise<number>;
    getSubsystem(): Promise<string>;
    getTls1_versionStr(): Promise<string>;
  };
  node: Pick<node.default, 'getId'>;
  request: Pick<
    request.default,
    | 'getScheme'
    | 'getHost'
    | 'getPort'
    | 'getForwardedScheme'
    | 'getForwardedHost'
    | 'getForwardedPort'
    | 'getHttpVersion'
    | 'getMethod'
    | 'getPath'
    | 'getPathWithQuery'
    | 'getRawQuery'
  > & {
    /** The first value of an argument; undefined if it is absent or empty (ProtoBuf:1 cannot tell these apart). */
    getQueryArg(name: string): Promise<string | undefined>;
    /** Up to `maxArgs` arguments (1 to 1000, Kong's limits; 1000 if left out). */
    getQuery(maxArgs?: number): Promise<QueryMap>;
    /** The first value of a header; undefined if it is absent or empty (ProtoBuf:1 cannot tell these apart). */
    getHeader(name: string): Promise<string | undefined>;
    /** Up to `maxHeaders` headers (1 to 1000, Kong's limits; 1000 if left out). */
    getHeaders(maxHeaders?: number): Promise<HeaderMap>;
    /**
     * The request body, or an empty buffer. Also reads a body that Kong has written to a file.
     * @param maxFileBytes the limit for a body in a file; 0 or undefined means no limit
     * @throws PdkError if the body cannot be read or is longer than `maxFileBytes`
     */
    getRawBody(maxFileBytes?: number): Promise<Buffer>;
    getUriCaptures(): Promise<UriCaptures>;
  };
  response: Pick<response.default, 'getStatus'> & {
    getHeader(name: string): Promise<string | undefined>;
    getHeaders(maxHeaders?: number): Promise<HeaderMap>;
    getSource(): Promise<ResponseSource>;
    setStatus(status: number): Promise<void>;
    setHeader(name: string, value: HeaderValue): Promise<void>;
    addHeader(name: string, value: HeaderValue): Promise<void>;
    clearHeader(name: string): Promise<void>;
    setHeaders(headers: HeaderValues): Promise<void>;
    /** Answers the client and ends the event. Later calls throw, and the rest of the handler has no effect. */
    exit(status: number, body?: Buffer | string, headers?: HeaderValues): Promise<void>;
  };
  router: {
    getRoute(): Promise<Route | undefined>;
    getService(): Promise<Service | undefined>;
  };
  service: {
    /** Returns false, and changes nothing, if Kong has no upstream of that name. */
    setUpstream(name: string): Promise<boolean>;
    setTarget(host: string, port: number): Promise<void>;
    request: {
      setScheme(scheme: string): Promise<void>;
      setPath(path: string): Promise<void>;
      setRawQuery(query: string): Promise<void>;
      setMethod(method: string): Promise<void>;
      setQuery(query: Record<string, string | boolean | (string | boolean)[]>): Promise<void>;
      setHeader(name: string, value: HeaderValue): Promise<void>;
      addHeader(name: string, value: HeaderValue): Promise<void>;
      clearHeader(name: string): Promise<void>;
      setHeaders(headers: HeaderValues): Promise<void>;
      setRawBody(body: Buffer | string): Promise<void>;
    };
    response: {
      getStatus(): Promise<number>;
      getHeader(name: string): Promise<string | undefined>;
      /** Always empty on Kong 3.9 (measured): use `kong.response.getHeaders`. */
      getHeaders(maxHeaders?: number): Promise<HeaderMap>;
      /**
       * The body as the service sent it. Kong copies the body to send it, so ask for it only if it is needed.
       * @param maxBytes a longer body is dropped while it arrives, but not under the plugin server of npm kong-pdk
       * @throws BodyTooLong
       */
      getRawBody(maxBytes?: number): Promise<Buffer>;
    };
  };
}
