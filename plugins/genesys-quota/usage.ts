/**
 * Counts the requests of each consumer that reached the service, by calendar month (UTC). Genesys bills use by OAuth
 * client and cannot tell the gateway's consumers apart. With Redis, the counts of all nodes are added up there. Without
 * it, they are those of this process since it started.
 */
import { randomUUID } from 'node:crypto';
import type { RedisConnection } from '../shared/redis/connection.js';
import { redisScript } from '../shared/redis/script.js';

/** Who made requests. */
export interface Consumer {
  id: string;
  username: string;
}

/** The consumer of requests that have none. */
export const NO_CONSUMER: Consumer = { id: '', username: '' };

export interface ConsumerUsage extends Consumer {
  requests: number;
}

export interface Usage {
  /** Counts a request. @param requests 1 when it goes on, -1 if it turns out not to have reached the service */
  count(consumer: Consumer, requests: 1 | -1, wallClockMs: number): void;
  /** Returns the use of all consumers in a month, such as `2026-11`. @throws RedisUnavailable */
  read(month: string): Promise<ConsumerUsage[]>;
  /** Writes new counts to Redis. If that fails, they are kept for the next time. */
  flush(): Promise<void>;
  /** Where the counts are kept. */
  readonly storage: 'memory' | 'redis';
}

/** How long after a request its count is written to Redis. */
const FLUSH_MS = 5000;
/** How long Redis keeps counts: bills are questioned for about a year. */
const KEEP_MS = 400 * 86_400_000;
/** How long Redis remembers a batch, so that it is not added twice if the answer was lost. */
const BATCH_MS = 3_600_000;

/** KEYS: counts, batch. ARGV: how long to keep each, then field and count in turn. A batch is added once only. */
const ADD = redisScript(`
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then return end
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`);

/** The count of each consumer. The key is the consumer's id and name in one text. */
type Counts = Map<string, number>;

/** Makes the counts of one namespace. */
export function createUsage(namespace: string, redis: RedisConnection | undefined): Usage {
  /** Counts by month. With Redis, only those that are not there yet. */
  const months = new Map<string, Counts>();
  /** Counts on their way to Redis, until Redis confirms them. */
  const batches: { id: string; month: string; counts: Counts }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushed = Promise.resolve();

  const key = (month: string): string => `${redis?.keyPrefix}:quota:{${namespace}}:usage:${month}`;

  async function sendBatches(to: RedisConnection): Promise<void> {
    // Batches that were tried go first, unchanged. Only then do new counts become a batch, however long Redis is away.
    await sendAll(to);
    for (const [month, counts] of months) batches.push({ id: randomUUID(), month, counts });
    months.clear();
    await sendAll(to);
  }

  async function sendAll(to: RedisConnection): Promise<void> {
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      const { id, month, counts } = batch;
      const fields = [...counts].flat();
      await to.run((commands) =>
        ADD.run(commands, [key(month), `${key(month)}:${id}`], [KEEP_MS, BATCH_MS, ...fields]),
      );
      batches.shift();
    }
  }

  /** @throws RedisUnavailable; what could not be sent is tried again */
  function send(to: RedisConnection): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // Waits for the running flush, which does not send what came after it began.
    const sent = flushed.then(() => sendBatches(to));
    flushed = sent.catch(() => schedule());
    return sent;
  }

  async function flush(): Promise<void> {
    if (redis !== undefined) await send(redis).catch(() => {});
  }

  function schedule(): void {
    if (redis === undefined || timer !== undefined) return;
    timer = setTimeout(() => void flush(), FLUSH_MS);
    timer.unref();
  }

  return {
    storage: redis === undefined ? 'memory' : 'redis',
    count(consumer, requests, wallClockMs) {
      const month = new Date(wallClockMs).toISOString().slice(0, 7);
      let counts = months.get(month);
      if (counts === undefined) {
        counts = new Map();
        months.set(month, counts);
      }
      const field = `${consumer.id} ${consumer.username}`;
      counts.set(field, (counts.get(field) ?? 0) + requests);
      schedule();
    },
    async read(month) {
      if (redis === undefined) return toList(months.get(month) ?? new Map());
      // Without the counts of this node, Redis' would be too few.
      await send(redis);
      const stored = await redis.run((commands) => commands.hgetall(key(month)));
      return toList(new Map(Object.entries(stored).map(([field, count]) => [field, Number(count)])));
    },
    flush,
  };
}

function toList(counts: Counts): ConsumerUsage[] {
  return [...counts]
    .map(([field, requests]) => {
      const [id = '', ...username] = field.split(' ');
      return { id, username: username.join(' '), requests };
    })
    .sort((a, b) => b.requests - a.requests);
}
