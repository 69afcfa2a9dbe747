/** One request on its way through the gateway: what came, what plugins made of it, what goes back. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PdkValue } from '../../plugins/shared/pdk.js';
import type { ConsumerEntity, RouteEntity, ServiceEntity, Snapshot } from './config/types.js';
import type { HeaderList } from './headers.js';

/** An answer, of the service or of the gateway. */
export interface Answer {
  status: number;
  headers: HeaderList;
  body: Buffer;
}

export interface RequestContext {
  /** The configuration that was in place when the request came; it holds to the request's end. */
  snapshot: Snapshot;
  /** Kong's request id: 32 hexadecimal digits. */
  id: string;
  startedAtMs: number;
  /** When the answer had left, or the client had gone. */
  endedAtMs?: number;
  /** Bytes of this request and its answer, headers included, as nginx counts them. */
  sizes: { request: number; response: number };
  request: IncomingMessage;
  response: ServerResponse;
  clientIp: string;
  phase: 'access' | 'response' | 'log';
  /** As the client sent them. */
  method: string;
  rawPath: string;
  rawQuery: string;
  /** Headers as plugins see and change them; they go to the service. */
  headers: HeaderList;
  /** Of a request that no route matches, one that stands for none. */
  route: RouteEntity;
  /** What `strip_path` took off the path; empty if nothing. */
  strippedPrefix: string;
  service: ServiceEntity;
  consumer?: ConsumerEntity;
  credentialId?: string;
  shared: Map<string, PdkValue>;
  nginxCtx: Map<string, PdkValue>;
  /** Where and how the request goes to the service. */
  upstream: {
    scheme: string;
    /** An address, or a name of an upstream or in DNS. */
    host: string;
    /** What it was when it was set; another name alone does not change it, and is of no use then. */
    isAddress: boolean;
    port: number;
    path: string;
    query: string;
    method: string;
    hostHeader?: string;
  };
  /** Whether Kong reads the whole answer before it sends any of it; it then goes on though the client has gone. */
  buffered: boolean;
  /** The request body, once a plugin has asked for it or set it. */
  body?: Buffer;
  /** Set by nginx when the client asks for another protocol; such requests are not buffered. */
  upgrade: string;
  /** Response headers that plugins set before there is a response. */
  early: HeaderList;
  /** Those that the PDK set in access, in lower case: a header of that name from the service does not give way to them. */
  setInAccess: Set<string>;
  earlyStatus?: number;
  /** The answer that a plugin gave; ends the phase. */
  exit?: Answer;
  /** The service's answer, where the response phase runs. */
  answer?: Answer;
  /** The body of the service, before any rewriting. */
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
}

/** An attempt to reach the service, as Kong's balancer tells of it. */
export interface Try {
  ip: string;
  port: number;
  balancer_latency: number;
  state?: 'failed';
  code?: number;
}
