/**
 * The connection to Redis that plugins share: one per settings and process. Redis helps, and is never waited for: each
 * operation has a wall-clock deadline, nothing is queued while the connection is away, and after failures in a row a
 * breaker spares requests the wait until one try succeeds.
 */

import type { Cluster, Redis } from 'ioredis';
import { backoff } from '../backoff.js';
import { type CircuitBreaker, createCircuitBreaker } from '../circuit-breaker.js';
import { oneLine } from '../one-line.js';
import type { RedisSettings } from './settings.js';

/** The commands, whichever topology answers them. */
export type RedisCommands = Pick<Redis, 'eval' | 'evalsha' | 'hgetall'>;

/** Redis cannot be used now. The message is for the log: one line, no secret. */
export class RedisUnavailable extends Error {}

/** What to log about the connection. */
export interface RedisNotice {
  level: 'warn' | 'notice';
  message: string;
}

export interface RedisConnection {
  /**
   * Runs one operation, which may be several commands. What it began may still be carried out by Redis after the
   * deadline.
   * @throws RedisUnavailable if there is no connection, the breaker is open, or `timeout_ms` is over; an error that
   *   Redis answers (ReplyError) is passed on unless it says that this Redis cannot serve
   */
  run<T>(operation: (redis: RedisCommands) => Promise<T>): Promise<T>;
  /** Resolves when the first connection stands or has failed, at the latest after `waitMs`. */
  firstContact(waitMs: number): Promise<void>;
  /** Whether the last operation found Redis. */
  isUp(): boolean;
  /** Once per outage, and once when it is over. */
  takeNotice(): RedisNotice | undefined;
  /** Begins every key. */
  readonly keyPrefix: string;
  close(): Promise<void>;
}

/** Three operations in a row that found no Redis open the breaker; it is tried again after 0.25 s to 5 s. */
const BREAKER = { failures: 3, windowMs: 10_000, openMs: 250, maxOpenMs: 5000 };
const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 2000;
/** A connection on which Redis owes an answer for so long is given up: its other end may be gone without a word. */
const SOCKET_TIMEOUT_MS = 5000;

/** Answers that mean "not this Redis, not now", and so count as if there was no answer. */
const CANNOT_SERVE =
  /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|TRYAGAIN)\b/;

/** Opens the connection for some settings; the first call for them begins to connect. */
export type OpenRedis = (settings: RedisSettings) => RedisConnection;

/** Makes the connections of a process: one for the same settings, whoever asks. */
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
      // What holds when it is not ready any more, unless an error says more.
      lastError = 'the connection was closed';
      contacted();
    });
    made.on('error', (error: unknown) => {
      lastError = describe(error);
      contacted();
    });
    if (closed) made.disconnect();
    else void made.connect().catch(() => {}); // Told by the event.
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

/** Loaded with the first connection: it costs memory that a plugin without Redis need not spend. */
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
    // RESP2: all that is used here, and what every server and proxy understands.
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
    // The password may be a file that has changed since.
    if (password !== undefined) client.options.password = password.current();
    return delayMs(attempt);
  };
  // Nobody closes the connections of a master that becomes a replica but a Sentinel, and its address may lead elsewhere now.
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

/** Rejects after some milliseconds, if the operation has not ended by then. */
function withDeadline<T>(operation: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After a pause of this process timers run before the sockets are read: an answer that is there counts.
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

/** One line without a secret: Redis' own messages, and system errors, hold none; both are cut short. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  return oneLine(code ?? error.message, 200);
}
