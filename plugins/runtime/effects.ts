/** What a step can do to a request, an answer or the log, as data, and the one function that does it. */
import type { Consumer, HeaderValues, Kong, PdkValue } from '../shared/pdk.js';

/** The levels that steps log at. */
export type LogLevel = 'err' | 'warn' | 'notice' | 'info' | 'debug';

export type Effect =
  /** Headers of the request to the service. An empty list removes all lines of a header. */
  | { kind: 'service_headers'; headers: HeaderValues }
  /** Headers of the answer to the client. An empty list removes all lines of a header. */
  | { kind: 'client_headers'; headers: HeaderValues }
  /** Who sends the request, for all plugins that run later. */
  | { kind: 'authenticate'; consumer: Consumer; credentialId: string }
  /** A value in `kong.ctx.shared`, for other plugins and later phases. */
  | { kind: 'share'; key: string; value: PdkValue }
  /** A value in Kong's own log entry, for all of Kong's logging plugins. */
  | { kind: 'serialize'; key: string; value: PdkValue }
  /** A line in Kong's error log. */
  | { kind: 'log'; level: LogLevel; line: string };

/** Sets headers of the request to the service. */
export const setServiceHeaders = (headers: HeaderValues): Effect => ({ kind: 'service_headers', headers });

/** Sets headers of the answer to the client. */
export const setClientHeaders = (headers: HeaderValues): Effect => ({ kind: 'client_headers', headers });

/**
 * Sets who sends the request. Plugins of lower priority run with their configuration for this consumer.
 * @param credentialId what limits by credential count by
 */
export const authenticate = (consumer: Consumer, credentialId: string): Effect => ({
  kind: 'authenticate',
  consumer,
  credentialId,
});

/** Sets a value in `kong.ctx.shared`. */
export const share = (key: string, value: PdkValue): Effect => ({ kind: 'share', key, value });

/** Adds a value to Kong's own log entry. */
export const serialize = (key: string, value: PdkValue): Effect => ({ kind: 'serialize', key, value });

/** Writes a line to Kong's error log. */
export const log = (level: LogLevel, line: string): Effect => ({ kind: 'log', level, line });

/** Carries out an effect, without waiting: the calls of one tick, and the end of the event, leave in one write. */
export function apply(kong: Kong, effect: Effect): void {
  switch (effect.kind) {
    case 'service_headers':
      void kong.service.request.setHeaders(effect.headers);
      break;
    case 'client_headers':
      void kong.response.setHeaders(effect.headers);
      break;
    case 'authenticate':
      void kong.client.authenticate(effect.consumer, { id: effect.credentialId, consumer_id: effect.consumer.id });
      break;
    case 'share':
      void kong.ctx.shared.set(effect.key, effect.value);
      break;
    case 'serialize':
      void kong.log.setSerializeValue(effect.key, effect.value);
      break;
    case 'log':
      void kong.log[effect.level](effect.line);
      break;
  }
}
