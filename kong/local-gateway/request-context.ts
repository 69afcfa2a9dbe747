/** The state of one request: what came in, what plugins changed, and what goes back. */
import type { ServerResponse } from 'node:http';
import type { PdkValue } from '../../plugins/shared/pdk.js';
import type { ConsumerEntity, RouteEntity, ServiceEntity, Snapshot } from './config/types.js';
import type { HeaderList } from './headers.js';
import type { ReceivedRequest } from './received-request.js';
import type { Recording } from './recording.js';

/** An answer of the service or the gateway. */
export interface Answer {
  status: number;
  headers: HeaderList;
  body: Buffer;
}

export interface RequestContext {
  /** The configuration when the request came. The request keeps it to its end. */
  snapshot: Snapshot;
  /** Kong's request id: 32 hexadecimal digits. */
  id: string;
  startedAtMs: number;
  /** When the answer was sent, or the client had disconnected. */
  endedAtMs?: number;
  /** Bytes of this request and its answer, headers included, as nginx counts them. */
  sizes: { request: number; response: number };
  request: ReceivedRequest;
  response: ServerResponse;
  clientIp: string;
  /** nginx's `$host`. The Host header, by which Kong routes, may be another. */
  host: string;
  phase: 'access' | 'response' | 'log';
  /** Method, path and query as the client sent them. */
  method: string;
  rawPath: string;
  rawQuery: string;
  /** Request headers as plugins see and change them. The service gets these. */
  headers: HeaderList;
  /** `NO_ROUTE` if no route matches. */
  route: RouteEntity;
  /** What `strip_path` removed from the path, or an empty string. */
  strippedPrefix: string;
  /** What named groups of the route's path matched. */
  uriCaptures: Readonly<Record<string, string>>;
  service: ServiceEntity;
  consumer?: ConsumerEntity;
  credentialId?: string;
  shared: Map<string, PdkValue>;
  nginxCtx: Map<string, PdkValue>;
  /** Where and how the request goes to the service. */
  upstream: {
    scheme: string;
    /** An address, the name of an upstream, or a DNS name. */
    host: string;
    /** Whether `host` was set as an address. A name alone does not change this, and the request then fails. */
    isAddress: boolean;
    port: number;
    path: string;
    query: string;
    method: string;
    hostHeader?: string;
  };
  /** Whether Kong reads the whole answer before it sends any of it. It then goes on after the client disconnects. */
  buffered: boolean;
  /** The request body, once a plugin has asked for it or set it. */
  body?: Buffer;
  /** The protocol that the client asks to switch to, or an empty string. Such requests are not buffered. */
  upgrade: string;
  /** Response headers that plugins set before there is a response. */
  early: HeaderList;
  /** Lower-case names that the PDK set in access. If the service sends one too, both are sent. */
  setInAccess: Set<string>;
  earlyStatus?: number;
  /** A plugin's answer. It ends the phase. */
  exit?: Answer;
  /** The service's answer, if the response phase runs. */
  answer?: Answer;
  /** The service's body before plugins change it. */
  serviceBody?: Buffer;
  serviceStatus?: number;
  serviceHeaders?: HeaderList;
  source: 'service' | 'exit' | 'error';
  sentStatus: number;
  sentHeaders: HeaderList;
  serializeValues: Map<string, PdkValue>;
  /** Milliseconds; -1 while unknown. */
  latencies: { proxy: number; kong: number };
  tries: Try[];
  /** What passes, if somebody wants to see it. */
  recording?: Recording;
}

/** An attempt to reach the service, as Kong's balancer reports it. */
export interface Try {
  ip: string;
  port: number;
  balancer_latency: number;
  state?: 'failed';
  code?: number;
}
