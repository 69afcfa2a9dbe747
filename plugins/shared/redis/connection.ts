/**
 * The connections to Redis that plugins share: one per settings and process. Redis helps, but nothing waits for it
 * long. Each operation has a deadline, and nothing is queued while there is no connection. After some failures in a
 * row, a circuit breaker fails operations at once until one try succeeds.
 */

import type { Cluster, Redis } from 'ioredis';
import { backoff } from '../backoff.js';
import { type CircuitBreaker, createCircuitBreaker } from '../circuit-breaker.js';
import { oneLine } from '../one-line.js';
import type { RedisSettings } from './settings.js';

/** The commands that plugins use, for any topology. */
export type RedisCommands = Pick<Redis, 'eval' | 'evalsha' | 'hgetall'>;

/** Redis cannot be used now. The message fits into a log line and contains no secret. */
export class RedisUnavailable extends Error {}

/** A change of the connection, to log. */
export interface RedisNotice {
  level: 'warn' | 'notice';
  message: string;
}

export interface RedisConnection {
  /**
   * Runs one operation, which may be several commands. Redis may still carry out a part of it after the deadline.
   * @throws RedisUnavailable if there is no connection, the breaker is open, or `timeout_ms` is over. An error that
   *   Redis answers (ReplyError) is thrown as it is, unless it means that this Redis cannot serve
   */
  run<T>(operation: (redis: RedisCommands) => Promise<T>): Promise<T>;
  /** Resolves when the first connection is made or has failed, after `waitMs` at the latest. */
  firstContact(waitMs: number): Promise<void>;
  /** Returns whether Redis answered the last operation. */
  isUp(): boolean;
  /** Returns what to log: once when an outage begins, and once when it ends. */
  takeNotice(): RedisNotice | undefined;
  /** The beginning of every key. */
  readonly keyPrefix: string;
  close(): Promise<void>;
}

/** Three operations in a row without Redis open the breaker. It stays open for 0.25 s, and later for up to 5 s. */
const BREAKER = { failures: 3, windowMs: 10_000, openMs: 250, maxOpenMs: 5000 };
const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 2000;
/** A connection without an answer for this long is closed. Its other end may have disappeared silently. */
const SOCKET_TIMEOUT_MS = 5000;

/** Errors that mean "not this Redis, not now". They count like no answer. */
const CANNOT_SERVE =
  /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|TRYAGAIN)\b/;

/** Returns the connection for some settings. The first call for them starts to connect. */
export type OpenRedis = (settings: RedisSettings) => RedisConnection;

/** Creates the connections of a process. The same settings give the same connection. */
export function createRedisConnections(): OpenRedis {
  const connections = new Map<string, RedisConnection>();
  return (settings) => {
    const { key } = settings;
    const connection = connections.get(key) ?? connect(settings, () => connections.delete(key));
    connections.set(key, connection);
    return connection;
  };
}

function connect(settings: RedisSettings, onClose: () => void): RedisConnection {
  const breaker = createCircuitBreaker(BREAKER);
  let client: Redis | Cluster | undefined;
  let lastError = 'not connected yet';
  let outage: 'none' | 'untold' | 'told' | 'over' = 'none';
  let closed = false;
  let contacted: () => void = () => {};
  const contact = new Promise<void>((resolve) => {
    contacted = resolve;
  });

  const starting = createClient(settings).then((made) => {
    client = made;
    made.on('ready', () => {
      // The reason for the end of the connection, unless an error gives another one.
      lastError = 'the connection was closed';
      contacted();
    });
    made.on('error', (error: unknown) => {
      lastError = describe(error);
      contacted();
    });
    if (closed) made.disconnect();
    else void made.connect().catch(() => {}); // The error event reports it.
  });

  function fail(breaker: CircuitBreaker, reason: string): RedisUnavailable {
    lastError = reason;
    breaker.failed(performance.now());
    if (outage === 'none' || outage === 'over') outage = 'untold';
    return new RedisUnavailable(`Redis cannot be used: ${reason}`);
  }

  return {
    keyPrefix: settings.keyPrefix,

    async run(operation) {
      if (client?.status !== 'ready') {
        if (outage === 'none' || outage === 'over') outage = 'untold';
        throw new RedisUnavailable(`Redis cannot be used: ${lastError}`);
      }
      if (breaker.enter(performance.now()) > 0) throw new RedisUnavailable(`Redis cannot be used: ${lastError}`);
      try {
        const result = await withDeadline(operation(client as Redis), settings.timeoutMs);
        breaker.succeeded(performance.now());
        if (outage === 'untold') outage = 'none';
        if (outage === 'told') outage = 'over';
        return result;
      } catch (error) {
        if (isReply(error) && !CANNOT_SERVE.test(error.message)) {
          breaker.succeeded(performance.now());
          throw error;
        }
        throw fail(breaker, describe(error));
      }
    },

    async firstContact(waitMs) {
      if (client?.status === 'ready') return;
      await withDeadline(contact, waitMs).catch(() => {});
    },

    isUp: () => client?.status === 'ready' && (outage === 'none' || outage === 'over'),

    takeNotice() {
      const where = (): string => describeTopology(settings);
      if (outage === 'untold') {
        outage = 'told';
        return { level: 'warn', message: `Redis at ${where()} cannot be used (${lastError}); this node goes on alone` };
      }
      if (outage === 'over') {
        outage = 'none';
        return { level: 'notice', message: `Redis at ${where()} is used again` };
      }
      return undefined;
    },

    async close() {
      closed = true;
      onClose();
      await starting;
      client?.disconnect();
    },
  };
}

/** Loads ioredis with the first connection, to save memory in processes without Redis. */
async function createClient(settings: RedisSettings): Promise<Redis | Cluster> {
  const ioredis = await import('ioredis');
  const { topology, username, password, tls } = settings;
  const delayMs = (attempt: number): number =>
    backoff({ firstMs: 100, longestMs: MAX_RECONNECT_DELAY_MS, jitter: 0.5 }, attempt, Math.random());
  const connection = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.current() }),
    ...(tls === undefined ? {} : { tls }),
    db: settings.database,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    // RESP2 is enough, and every server and proxy understands it.
    protocol: 2 as const,
    disableClientInfo: true,
  };
  if (topology.kind === 'cluster') {
    return new ioredis.Cluster(topology.nodes, {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: delayMs,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      redisOptions: connection,
    });
  }
  const retryStrategy = (attempt: number): number => {
    // The password may be a file that has changed.
    if (password !== undefined) client.options.password = password.current();
    return delayMs(attempt);
  };
  // When a master becomes a replica, only a Sentinel closes its connections, and its address may have a new owner.
  const reconnectOnError = (error: Error): boolean => /\bREADONLY\b/.test(error.message);
  const single = { ...connection, enableOfflineQueue: false, retryStrategy, reconnectOnError };
  const client =
    topology.kind === 'single'
      ? new ioredis.Redis({ ...single, ...topology.node })
      : new ioredis.Redis({
          ...single,
          name: topology.master,
          sentinels: topology.nodes,
          sentinelRetryStrategy: delayMs,
          ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
        });
  return client;
}

/** Rejects if the operation does not end within the given milliseconds. */
function withDeadline<T>(operation: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After a pause of the process, timers run before sockets are read. An answer that has arrived counts.
      setImmediate(() => reject(new Error(`no answer within ${ms} ms`)));
    }, ms);
    operation.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function describeTopology({ topology }: RedisSettings): string {
  if (topology.kind === 'single') return `${topology.node.host}:${topology.node.port}`;
  const nodes = topology.nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
  return topology.kind === 'cluster' ? `Cluster ${nodes}` : `${topology.master} of Sentinels ${nodes}`;
}

/** Describes an error in one line. Messages of Redis and system errors contain no secret; both are cut. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  return oneLine(code ?? error.message, 200);
}
