/**
 * The `kong` object of one event: each member is one PDK method of methods.ts, sent through the event's connection.
 * What kong-pdk's types offer beyond ProtoBuf:1 throws as soon as it is touched, with the reason.
 */
import { open } from 'node:fs/promises';
import type {
  Consumer,
  Credential,
  HeaderMap,
  HeaderValue,
  HeaderValues,
  Kong,
  PdkValue,
  QueryMap,
  ResponseSource,
  Route,
  Service,
  UriCaptures,
} from '../../plugins/shared/pdk.js';
import type { RawBodyResult } from './messages.js';
import { METHODS, type Method, UNSUPPORTED_METHODS } from './methods.js';

/** A PDK call that was not made, or whose answer cannot be had. The message names the method and the reason. */
export class PdkError extends Error {
  override readonly name = 'PdkError';
}

/** Sends a PDK call of the running event. Resolves at once if the method has no reply. @throws PdkError, see connection.ts */
export type PdkCall = <A, R>(method: Method<A, R>, argument: A) => Promise<R>;

/** Kong's limit for headers and arguments read at once; its default of 100 would hide the rest from a plugin. */
const MAX_ITEMS = 1000;

const NO_CONSUMER: Consumer = { id: '', created_at: 0, username: '', custom_id: '', tags: [] };
const NO_CREDENTIAL: Credential = { id: '', consumer_id: '' };

/** Makes the `kong` object of an event. */
export function createKong(call: PdkCall): Kong {
  return new KongApi(call);
}

type PdkClient = Kong['client'];
type PdkCtx = Kong['ctx'];
type PdkIp = Kong['ip'];
type PdkLog = Kong['log'];
type PdkNginx = Kong['nginx'];
type PdkNode = Kong['node'];
type PdkRequest = Kong['request'];
type PdkResponse = Kong['response'];
type PdkRouter = Kong['router'];
type PdkService = Kong['service'];
type PdkShared = Kong['ctx']['shared'];
type PdkServiceRequest = Kong['service']['request'];
type PdkServiceResponse = Kong['service']['response'];

/** A namespace of the PDK, bound to the event that it belongs to. */
class Namespace {
  protected readonly call: PdkCall;
  constructor(call: PdkCall) {
    this.call = call;
  }
}

class ClientApi extends Namespace implements PdkClient {
  getIp(): Promise<string> {
    return this.call(METHODS.clientGetIp, undefined);
  }
  getForwardedIp(): Promise<string> {
    return this.call(METHODS.clientGetForwardedIp, undefined);
  }
  getPort(): Promise<number> {
    return this.call(METHODS.clientGetPort, undefined);
  }
  getForwardedPort(): Promise<number> {
    return this.call(METHODS.clientGetForwardedPort, undefined);
  }
  getProtocol(allowTerminated = false): Promise<string> {
    return this.call(METHODS.clientGetProtocol, allowTerminated);
  }
  getConsumer(): Promise<Consumer | undefined> {
    return this.call(METHODS.clientGetConsumer, undefined);
  }
  loadConsumer(id: string, byUsername = false): Promise<Consumer | undefined> {
    return this.call(METHODS.clientLoadConsumer, { id, by_username: byUsername });
  }
  getCredential(): Promise<Credential | undefined> {
    return this.call(METHODS.clientGetCredential, undefined);
  }
  authenticate(consumer: Partial<Consumer>, credential: Partial<Credential>): Promise<void> {
    return this.call(METHODS.clientAuthenticate, {
      consumer: { ...NO_CONSUMER, ...consumer },
      credential: { ...NO_CREDENTIAL, ...credential },
    });
  }
}

class CtxApi extends Namespace implements PdkCtx {
  get shared(): SharedApi {
    return new SharedApi(this.call);
  }
}

class SharedApi extends Namespace implements PdkShared {
  get(key: string): Promise<PdkValue> {
    return this.call(METHODS.ctxSharedGet, key);
  }
  set(key: string, value: PdkValue): Promise<void> {
    return this.call(METHODS.ctxSharedSet, { k: key, v: value });
  }
}

class IpApi extends Namespace implements PdkIp {
  isTrusted(address: string): Promise<boolean> {
    return this.call(METHODS.ipIsTrusted, address);
  }
}

class LogApi extends Namespace implements PdkLog {
  alert(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logAlert, values);
  }
  crit(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logCrit, values);
  }
  err(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logErr, values);
  }
  warn(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logWarn, values);
  }
  notice(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logNotice, values);
  }
  info(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logInfo, values);
  }
  debug(...values: PdkValue[]): Promise<void> {
    return this.call(METHODS.logDebug, values);
  }
  setSerializeValue(key: string, value: PdkValue): Promise<void> {
    return this.call(METHODS.logSetSerializeValue, { k: key, v: value });
  }
  serialize(): Promise<string> {
    return this.call(METHODS.logSerialize, undefined);
  }
}

class NginxApi extends Namespace implements PdkNginx {
  getVar(name: string): Promise<string> {
    return this.call(METHODS.nginxGetVar, name);
  }
  getCtx(key: string): Promise<PdkValue> {
    return this.call(METHODS.nginxGetCtx, key);
  }
  async setCtx(key: string, value: PdkValue): Promise<void> {
    await this.call(METHODS.nginxSetCtx, { k: key, v: value });
  }
  reqStartTime(): Promise<number> {
    return this.call(METHODS.nginxReqStartTime, undefined);
  }
  getSubsystem(): Promise<string> {
    return this.call(METHODS.nginxGetSubsystem, undefined);
  }
  getTls1_versionStr(): Promise<string> {
    return this.call(METHODS.nginxGetTls1VersionStr, undefined);
  }
}

class NodeApi extends Namespace implements PdkNode {
  getId(): Promise<string> {
    return this.call(METHODS.nodeGetId, undefined);
  }
}

class RequestApi extends Namespace implements PdkRequest {
  getScheme(): Promise<string> {
    return this.call(METHODS.requestGetScheme, undefined);
  }
  getHost(): Promise<string> {
    return this.call(METHODS.requestGetHost, undefined);
  }
  getPort(): Promise<number> {
    return this.call(METHODS.requestGetPort, undefined);
  }
  getForwardedScheme(): Promise<string> {
    return this.call(METHODS.requestGetForwardedScheme, undefined);
  }
  getForwardedHost(): Promise<string> {
    return this.call(METHODS.requestGetForwardedHost, undefined);
  }
  getForwardedPort(): Promise<number> {
    return this.call(METHODS.requestGetForwardedPort, undefined);
  }
  getHttpVersion(): Promise<number> {
    return this.call(METHODS.requestGetHttpVersion, undefined);
  }
  getMethod(): Promise<string> {
    return this.call(METHODS.requestGetMethod, undefined);
  }
  getPath(): Promise<string> {
    return this.call(METHODS.requestGetPath, undefined);
  }
  getPathWithQuery(): Promise<string> {
    return this.call(METHODS.requestGetPathWithQuery, undefined);
  }
  getRawQuery(): Promise<string> {
    return this.call(METHODS.requestGetRawQuery, undefined);
  }
  getQueryArg(name: string): Promise<string | undefined> {
    return this.call(METHODS.requestGetQueryArg, name);
  }
  getQuery(maxArgs = MAX_ITEMS): Promise<QueryMap> {
    return this.call(METHODS.requestGetQuery, maxArgs);
  }
  getHeader(name: string): Promise<string | undefined> {
    return this.call(METHODS.requestGetHeader, name);
  }
  getHeaders(maxHeaders = MAX_ITEMS): Promise<HeaderMap> {
    return this.call(METHODS.requestGetHeaders, maxHeaders);
  }
  async getRawBody(maxFileBytes = 0): Promise<Buffer> {
    return readRawBody(await this.call(METHODS.requestGetRawBody, undefined), maxFileBytes);
  }
  getUriCaptures(): Promise<UriCaptures> {
    return this.call(METHODS.requestGetUriCaptures, undefined);
  }
}

class ResponseApi extends Namespace implements PdkResponse {
  getStatus(): Promise<number> {
    return this.call(METHODS.responseGetStatus, undefined);
  }
  getHeader(name: string): Promise<string | undefined> {
    return this.call(METHODS.responseGetHeader, name);
  }
  getHeaders(maxHeaders = MAX_ITEMS): Promise<HeaderMap> {
    return this.call(METHODS.responseGetHeaders, maxHeaders);
  }
  getSource(): Promise<ResponseSource> {
    return this.call(METHODS.responseGetSource, undefined) as Promise<ResponseSource>;
  }
  setStatus(status: number): Promise<void> {
    return this.call(METHODS.responseSetStatus, status);
  }
  setHeader(name: string, value: HeaderValue): Promise<void> {
    return this.call(METHODS.responseSetHeader, { k: name, v: value });
  }
  addHeader(name: string, value: HeaderValue): Promise<void> {
    return this.call(METHODS.responseAddHeader, { k: name, v: value });
  }
  clearHeader(name: string): Promise<void> {
    return this.call(METHODS.responseClearHeader, name);
  }
  setHeaders(headers: HeaderValues): Promise<void> {
    return this.call(METHODS.responseSetHeaders, headers);
  }
  exit(status: number, body: Buffer | string = '', headers: HeaderValues = {}): Promise<void> {
    return this.call(METHODS.responseExit, { status, body: toBytes(body), headers });
  }
}

class RouterApi extends Namespace implements PdkRouter {
  getRoute(): Promise<Route | undefined> {
    return this.call(METHODS.routerGetRoute, undefined);
  }
  getService(): Promise<Service | undefined> {
    return this.call(METHODS.routerGetService, undefined);
  }
}

class ServiceApi extends Namespace implements PdkService {
  setUpstream(name: string): Promise<boolean> {
    return this.call(METHODS.serviceSetUpstream, name);
  }
  setTarget(host: string, port: number): Promise<void> {
    return this.call(METHODS.serviceSetTarget, { host, port });
  }
  get request(): ServiceRequestApi {
    return new ServiceRequestApi(this.call);
  }
  get response(): ServiceResponseApi {
    return new ServiceResponseApi(this.call);
  }
}

class ServiceRequestApi extends Namespace implements PdkServiceRequest {
  setScheme(scheme: string): Promise<void> {
    return this.call(METHODS.serviceRequestSetScheme, scheme);
  }
  setPath(path: string): Promise<void> {
    return this.call(METHODS.serviceRequestSetPath, path);
  }
  setRawQuery(query: string): Promise<void> {
    return this.call(METHODS.serviceRequestSetRawQuery, query);
  }
  setMethod(method: string): Promise<void> {
    return this.call(METHODS.serviceRequestSetMethod, method);
  }
  setQuery(query: Record<string, string | boolean | (string | boolean)[]>): Promise<void> {
    return this.call(METHODS.serviceRequestSetQuery, query);
  }
  setHeader(name: string, value: HeaderValue): Promise<void> {
    return this.call(METHODS.serviceRequestSetHeader, { k: name, v: value });
  }
  addHeader(name: string, value: HeaderValue): Promise<void> {
    return this.call(METHODS.serviceRequestAddHeader, { k: name, v: value });
  }
  clearHeader(name: string): Promise<void> {
    return this.call(METHODS.serviceRequestClearHeader, name);
  }
  setHeaders(headers: HeaderValues): Promise<void> {
    return this.call(METHODS.serviceRequestSetHeaders, headers);
  }
  setRawBody(body: Buffer | string): Promise<void> {
    return this.call(METHODS.serviceRequestSetRawBody, toBytes(body));
  }
}

class ServiceResponseApi extends Namespace implements PdkServiceResponse {
  getStatus(): Promise<number> {
    return this.call(METHODS.serviceResponseGetStatus, undefined);
  }
  getHeader(name: string): Promise<string | undefined> {
    return this.call(METHODS.serviceResponseGetHeader, name);
  }
  getHeaders(maxHeaders = MAX_ITEMS): Promise<HeaderMap> {
    return this.call(METHODS.serviceResponseGetHeaders, maxHeaders);
  }
  getRawBody(): Promise<Buffer> {
    return this.call(METHODS.serviceResponseGetRawBody, undefined);
  }
}

class KongApi extends Namespace implements Kong {
  get client(): ClientApi {
    return new ClientApi(this.call);
  }
  get ctx(): CtxApi {
    return new CtxApi(this.call);
  }
  get ip(): IpApi {
    return new IpApi(this.call);
  }
  get log(): LogApi {
    return new LogApi(this.call);
  }
  get nginx(): NginxApi {
    return new NginxApi(this.call);
  }
  get node(): NodeApi {
    return new NodeApi(this.call);
  }
  get request(): RequestApi {
    return new RequestApi(this.call);
  }
  get response(): ResponseApi {
    return new ResponseApi(this.call);
  }
  get router(): RouterApi {
    return new RouterApi(this.call);
  }
  get service(): ServiceApi {
    return new ServiceApi(this.call);
  }
}

function toBytes(body: Buffer | string): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

/**
 * The bytes of a request body, wherever Kong keeps them.
 * @throws PdkError if Kong could not read it, or its file is over `maxFileBytes` (0: no limit) or unreadable
 */
async function readRawBody(result: RawBodyResult, maxFileBytes: number): Promise<Buffer> {
  if (result.error !== undefined) throw new PdkError(`kong.request.get_raw_body: ${result.error}`);
  if (result.body_filepath === undefined) return result.content ?? Buffer.alloc(0);
  try {
    const file = await open(result.body_filepath, 'r');
    try {
      const { size } = await file.stat();
      if (maxFileBytes > 0 && size > maxFileBytes) {
        throw new PdkError(`kong.request.get_raw_body: the body has ${size} bytes, more than ${maxFileBytes}`);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof PdkError) throw error;
    throw new PdkError(`kong.request.get_raw_body: the spilled body cannot be read: ${(error as Error).message}`);
  }
}

const PROTOTYPES: Record<string, object> = {
  kong: KongApi.prototype,
  'kong.client': ClientApi.prototype,
  'kong.log': LogApi.prototype,
  'kong.nginx': NginxApi.prototype,
  'kong.node': NodeApi.prototype,
  'kong.request': RequestApi.prototype,
  'kong.response': ResponseApi.prototype,
  'kong.service': ServiceApi.prototype,
  'kong.service.request': ServiceRequestApi.prototype,
  'kong.service.response': ServiceResponseApi.prototype,
};

for (const name of UNSUPPORTED_METHODS) {
  const dot = name.lastIndexOf('.');
  const prototype = PROTOTYPES[name.slice(0, dot)];
  const member = name.slice(dot + 1).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  Object.defineProperty(prototype, member, {
    get() {
      throw new PdkError(`${name} cannot be had over ProtoBuf:1`);
    },
  });
}
