/**
 * Every PDK method of ProtoBuf:1: its argument, its reply, and the phases in which Kong carries it out.
 *
 * Phases are Kong 3.9's own checks, narrowed in `log` to what works in the timer in which Kong runs it. A call that Kong
 * refuses ends the request with 500, and in the log phase leaks one request's data into another's, so the server
 * refuses it first. Both ends read this table: the plugin server, and the local gateway, which plays Kong.
 */
import type { Phase } from '../../plugins/shared/plugin.js';
import type { Codec } from './codec.js';
import {
  authenticateArgsMessage,
  boolMessage,
  bytesMessage,
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

/** A PDK method as it is called over the wire. */
export interface Method<A = unknown, R = unknown> {
  /** Kong's name, such as `kong.request.get_header`. */
  readonly name: string;
  /** The name as a whole frame, length first. */
  readonly nameFrame: Buffer;
  readonly argument: Codec<A>;
  readonly reply: Codec<R>;
  /** Whether there is nothing in the reply, so that its caller need not wait for it. */
  readonly replyIsEmpty: boolean;
  readonly phases: ReadonlySet<Phase>;
}

function method<A, R>(name: string, argument: Codec<A>, reply: Codec<R>, ...phases: Phase[]): Method<A, R> {
  const nameFrame = Buffer.alloc(4 + name.length);
  nameFrame.writeUInt32LE(name.length);
  nameFrame.write(name, 4, 'latin1');
  return {
    name,
    nameFrame,
    argument,
    reply,
    replyIsEmpty: (reply as Codec<unknown>) === emptyMessage,
    phases: new Set(phases),
  };
}

export const METHODS = {
  clientGetIp: method('kong.client.get_ip', emptyMessage, stringMessage, 'access', 'response'),
  clientGetForwardedIp: method('kong.client.get_forwarded_ip', emptyMessage, stringMessage, 'access', 'response'),
  clientGetPort: method('kong.client.get_port', emptyMessage, intMessage, 'access', 'response'),
  clientGetForwardedPort: method('kong.client.get_forwarded_port', emptyMessage, intMessage, 'access', 'response'),
  clientGetProtocol: method('kong.client.get_protocol', boolMessage, stringMessage, 'access', 'response'),
  clientGetConsumer: method(
    'kong.client.get_consumer',
    emptyMessage,
    optionalConsumerMessage,
    'access',
    'response',
    'log',
  ),
  clientLoadConsumer: method(
    'kong.client.load_consumer',
    consumerSpecMessage,
    optionalConsumerMessage,
    'access',
    'response',
  ),
  clientGetCredential: method(
    'kong.client.get_credential',
    emptyMessage,
    optionalCredentialMessage,
    'access',
    'response',
    'log',
  ),
  clientAuthenticate: method('kong.client.authenticate', authenticateArgsMessage, emptyMessage, 'access'),

  ctxSharedSet: method('kong.ctx.shared.set', keyValueMessage, emptyMessage, 'access', 'response', 'log'),
  ctxSharedGet: method('kong.ctx.shared.get', stringMessage, valueMessage, 'access', 'response', 'log'),

  ipIsTrusted: method('kong.ip.is_trusted', stringMessage, boolMessage, 'access', 'response', 'log'),

  logAlert: method('kong.log.alert', listMessage, emptyMessage, 'access', 'response', 'log'),
  logCrit: method('kong.log.crit', listMessage, emptyMessage, 'access', 'response', 'log'),
  logErr: method('kong.log.err', listMessage, emptyMessage, 'access', 'response', 'log'),
  logWarn: method('kong.log.warn', listMessage, emptyMessage, 'access', 'response', 'log'),
  logNotice: method('kong.log.notice', listMessage, emptyMessage, 'access', 'response', 'log'),
  logInfo: method('kong.log.info', listMessage, emptyMessage, 'access', 'response', 'log'),
  logDebug: method('kong.log.debug', listMessage, emptyMessage, 'access', 'response', 'log'),
  logSetSerializeValue: method('kong.log.set_serialize_value', keyValueMessage, emptyMessage, 'access', 'response'),
  logSerialize: method('kong.log.serialize', emptyMessage, stringMessage, 'log'),

  nginxGetVar: method('kong.nginx.get_var', stringMessage, stringMessage, 'access', 'response'),
  nginxSetCtx: method('kong.nginx.set_ctx', keyValueMessage, stringMessage, 'access', 'response', 'log'),
  nginxGetCtx: method('kong.nginx.get_ctx', stringMessage, valueMessage, 'access', 'response', 'log'),
  nginxReqStartTime: method('kong.nginx.req_start_time', emptyMessage, numberMessage, 'access', 'response', 'log'),
  nginxGetSubsystem: method('kong.nginx.get_subsystem', emptyMessage, stringMessage, 'access', 'response', 'log'),
  nginxGetTls1VersionStr: method('kong.nginx.get_tls1_version_str', emptyMessage, stringMessage, 'access', 'response'),

  nodeGetId: method('kong.node.get_id', emptyMessage, stringMessage, 'access', 'response', 'log'),

  requestGetScheme: method('kong.request.get_scheme', emptyMessage, stringMessage, 'access', 'response'),
  requestGetHost: method('kong.request.get_host', emptyMessage, stringMessage, 'access', 'response'),
  requestGetPort: method('kong.request.get_port', emptyMessage, intMessage, 'access', 'response'),
  requestGetForwardedScheme: method(
    'kong.request.get_forwarded_scheme',
    emptyMessage,
    stringMessage,
    'access',
    'response',
  ),
  requestGetForwardedHost: method('kong.request.get_forwarded_host', emptyMessage, stringMessage, 'access', 'response'),
  requestGetForwardedPort: method('kong.request.get_forwarded_port', emptyMessage, intMessage, 'access', 'response'),
  requestGetHttpVersion: method('kong.request.get_http_version', emptyMessage, numberMessage, 'access', 'response'),
  requestGetMethod: method('kong.request.get_method', emptyMessage, stringMessage, 'access', 'response'),
  requestGetPath: method('kong.request.get_path', emptyMessage, stringMessage, 'access', 'response'),
  requestGetPathWithQuery: method(
    'kong.request.get_path_with_query',
    emptyMessage,
    stringMessage,
    'access',
    'response',
  ),
  requestGetRawQuery: method('kong.request.get_raw_query', emptyMessage, stringMessage, 'access', 'response'),
  requestGetQueryArg: method('kong.request.get_query_arg', stringMessage, optionalStringMessage, 'access', 'response'),
  requestGetQuery: method('kong.request.get_query', intMessage, queryMessage, 'access', 'response'),
  requestGetHeader: method(
    'kong.request.get_header',
    stringMessage,
    optionalStringMessage,
    'access',
    'response',
    'log',
  ),
  requestGetHeaders: method('kong.request.get_headers', intMessage, headersMessage, 'access', 'response', 'log'),
  requestGetRawBody: method('kong.request.get_raw_body', emptyMessage, rawBodyResultMessage, 'access', 'response'),
  requestGetUriCaptures: method(
    'kong.request.get_uri_captures',
    emptyMessage,
    uriCapturesMessage,
    'access',
    'response',
  ),

  responseGetStatus: method('kong.response.get_status', emptyMessage, intMessage, 'response', 'log'),
  responseGetHeader: method('kong.response.get_header', stringMessage, optionalStringMessage, 'response', 'log'),
  responseGetHeaders: method('kong.response.get_headers', intMessage, headersMessage, 'response', 'log'),
  responseGetSource: method('kong.response.get_source', emptyMessage, stringMessage, 'response', 'log'),
  responseSetStatus: method('kong.response.set_status', intMessage, emptyMessage, 'access', 'response'),
  responseSetHeader: method('kong.response.set_header', keyValueMessage, emptyMessage, 'access', 'response'),
  responseAddHeader: method('kong.response.add_header', keyValueMessage, emptyMessage, 'access', 'response'),
  responseClearHeader: method('kong.response.clear_header', stringMessage, emptyMessage, 'access', 'response'),
  responseSetHeaders: method('kong.response.set_headers', structMessage, emptyMessage, 'access', 'response'),
  responseExit: method('kong.response.exit', exitArgsMessage, emptyMessage, 'access', 'response'),

  routerGetRoute: method('kong.router.get_route', emptyMessage, optionalRouteMessage, 'access', 'response', 'log'),
  routerGetService: method(
    'kong.router.get_service',
    emptyMessage,
    optionalServiceMessage,
    'access',
    'response',
    'log',
  ),

  serviceSetUpstream: method('kong.service.set_upstream', stringMessage, boolMessage, 'access'),
  serviceSetTarget: method('kong.service.set_target', targetMessage, emptyMessage, 'access'),

  serviceRequestSetScheme: method('kong.service.request.set_scheme', stringMessage, emptyMessage, 'access'),
  serviceRequestSetPath: method('kong.service.request.set_path', stringMessage, emptyMessage, 'access'),
  serviceRequestSetRawQuery: method('kong.service.request.set_raw_query', stringMessage, emptyMessage, 'access'),
  serviceRequestSetMethod: method('kong.service.request.set_method', stringMessage, emptyMessage, 'access'),
  serviceRequestSetQuery: method('kong.service.request.set_query', structMessage, emptyMessage, 'access'),
  serviceRequestSetHeader: method('kong.service.request.set_header', keyValueMessage, emptyMessage, 'access'),
  serviceRequestAddHeader: method('kong.service.request.add_header', keyValueMessage, emptyMessage, 'access'),
  serviceRequestClearHeader: method('kong.service.request.clear_header', stringMessage, emptyMessage, 'access'),
  serviceRequestSetHeaders: method('kong.service.request.set_headers', structMessage, emptyMessage, 'access'),
  serviceRequestSetRawBody: method('kong.service.request.set_raw_body', bytesMessage, emptyMessage, 'access'),

  serviceResponseGetStatus: method('kong.service.response.get_status', emptyMessage, intMessage, 'response'),
  serviceResponseGetHeader: method(
    'kong.service.response.get_header',
    stringMessage,
    optionalStringMessage,
    'response',
  ),
  serviceResponseGetHeaders: method('kong.service.response.get_headers', intMessage, headersMessage, 'response'),
  serviceResponseGetRawBody: method(
    'kong.service.response.get_raw_body',
    emptyMessage,
    bytesMessage,
    'response',
    'log',
  ),
};

/** The same table by Kong's names. */
export const METHODS_BY_NAME: ReadonlyMap<string, Method> = new Map(
  Object.values(METHODS).map((entry) => [entry.name, entry as unknown as Method]),
);

/** What kong-pdk's types offer and ProtoBuf:1 cannot carry; calling it throws. */
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
