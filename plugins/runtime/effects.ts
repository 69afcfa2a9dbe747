/** What a step can do to a request, an answer or the log, as data; and the one place where it is done. */
import type { HeaderValues, Kong, PdkValue } from '../shared/pdk.js';

/** Levels that steps log at. */
export type LogLevel = 'err' | 'warn' | 'notice' | 'info' | 'debug';

export type Effect =
  /** Headers of the request to the service. An empty list removes all lines of a header. */
  | { kind: 'service_headers'; headers: HeaderValues }
  /** Headers of the answer to the client. An empty list removes all lines of a header. */
  | { kind: 'client_headers'; headers: HeaderValues }
  /** Leaves a value for other plugins and later phases, in `kong.ctx.shared`. */
  | { kind: 'share'; key: string; value: PdkValue }
  /** Puts a value into Kong's own log entry, for all of Kong's logging plugins. */
  | { kind: 'serialize'; key: string; value: PdkValue }
  /** A line in Kong's error log. */
  | { kind: 'log'; level: LogLevel; line: string };

/** Sets headers of the request to the service. */
export const setServiceHeaders = (headers: HeaderValues): Effect => ({ kind: 'service_headers', headers });

/** Sets headers of the answer to the client. */
export const setClientHeaders = (headers: HeaderValues): Effect => ({ kind: 'client_headers', headers });

/** Leaves a value in `kong.ctx.shared`. */
export const share = (key: string, value: PdkValue): Effect => ({ kind: 'share', key, value });

/** Puts a value into Kong's own log entry. */
export const serialize = (key: string, value: PdkValue): Effect => ({ kind: 'serialize', key, value });

/** Logs a line in Kong's error log. */
export const log = (level: LogLevel, line: string): Effect => ({ kind: 'log', level, line });

/** Carries an effect out. Nobody waits for it: calls of one tick leave in one write, the end of the event with them. */
export function apply(kong: Kong, effect: Effect): void {
  switch (effect.kind) {
    case 'service_headers':
      void kong.service.request.setHeaders(effect.headers);
      break;
    case 'client_headers':
      void kong.response.setHeaders(effect.headers);
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
