/**
 * What passed through the gateway for one request: what the service answered, what the client got, how long each plugin
 * took. Kept only if somebody asks for it (`onExchange`), for the page of `npm start`. Development only: it has bodies.
 */
import { NO_ROUTE } from './no-route.js';
import type { PassedBody, Recording } from './recording.js';
import type { RequestContext } from './request-context.js';

/** An answer as it passed. */
export interface PassedAnswer {
  status: number;
  headers: [string, string][];
  /** The beginning of the body, as it was sent: perhaps compressed. */
  body: Buffer;
  /** The length of the whole body. */
  bytes: number;
}

/** A request from its beginning to its end. Times are milliseconds. */
export interface Exchange {
  id: string;
  startedAtMs: number;
  method: string;
  /** As the client sent it, without the query, which may have a key. */
  path: string;
  route: string | undefined;
  service: { id: string; name: string | undefined } | undefined;
  consumer: string | undefined;
  status: number;
  source: 'service' | 'gateway';
  ms: { total: number; gateway: number; service: number | undefined; plugins: [string, number][] };
  tries: number;
  serviceAnswer: PassedAnswer | undefined;
  clientAnswer: PassedAnswer;
}

/** Returns what passed, when the client has its answer. @param totalMs of the whole request */
export function exchangeOf(context: RequestContext, recording: Recording, totalMs: number): Exchange {
  const { route, service, latencies, serviceStatus, serviceHeaders } = context;
  const serviceMs = latencies.proxy < 0 ? undefined : latencies.proxy;
  return {
    id: context.id,
    startedAtMs: context.startedAtMs,
    method: context.method,
    path: context.rawPath,
    route: route === NO_ROUTE ? undefined : route.name,
    service: route === NO_ROUTE ? undefined : { id: service.id, name: service.name },
    consumer: context.consumer?.username,
    status: context.sentStatus,
    source: context.source === 'service' ? 'service' : 'gateway',
    ms: {
      total: totalMs,
      gateway: Math.max(0, totalMs - (serviceMs ?? 0)),
      service: serviceMs,
      plugins: recording.plugins,
    },
    tries: context.tries.length,
    serviceAnswer:
      serviceStatus === undefined ? undefined : passed(serviceStatus, serviceHeaders?.toMap() ?? {}, recording.service),
    clientAnswer: passed(context.sentStatus, context.sentHeaders.toMap(), recording.client),
  };
}

function passed(status: number, headers: Record<string, string[]>, body: PassedBody): PassedAnswer {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  );
  return { status, headers: lines, body: body.beginning, bytes: body.bytes };
}
