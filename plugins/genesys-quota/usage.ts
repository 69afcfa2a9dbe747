/**
 * Counts the requests of each consumer that reached the service, by day (UTC). Genesys bills use by OAuth client and
 * cannot tell the gateway's consumers apart. With Redis, the counts of all nodes are added up there. Without it they
 * are of this machine, in a file (`--state-dir`), or of this process since it started.
 */
import type { RedisConnection } from '../shared/redis/connection.js';
import { redisScript } from '../shared/redis/script.js';
import { KEEP_MS, type Use } from '../shared/use-counts/book.js';
import { type CountStore, createUseCounts, type UseCounts } from '../shared/use-counts/counts.js';
import type { CountFile } from '../shared/use-counts/file.js';
import { daysOf, monthsIn, type Span } from '../shared/use-counts/span.js';

/** Who made requests. */
export interface Consumer {
  id: string;
  username: string;
}

/** The consumer of requests that have none. */
export const NO_CONSUMER: Consumer = { id: '', username: '' };

export interface ConsumerUsage extends Consumer {
  requests: number;
  /** By day, or by month where days are no longer told apart. */
  days: Record<string, number>;
}

export interface Usage extends Pick<UseCounts, 'flush' | 'storage'> {
  /** Counts a request. @param requests 1 when it goes on, -1 if it turns out not to have reached the service */
  count(consumer: Consumer, requests: 1 | -1, wallClockMs: number): void;
  /** Returns the use of all consumers, the largest first. @throws Error if what was counted cannot be read */
  read(span: Span): Promise<ConsumerUsage[]>;
  /** Returns what to log about where counts are kept. */
  takeNotice: CountFile['takeNotice'];
}

/** How long Redis remembers a batch, so that it is not added twice if the answer was lost. */
const BATCH_MS = 3_600_000;

/** KEYS: counts, batch. ARGV: how long to keep each, then field and count in turn. A batch is added once only. */
const ADD = redisScript(`
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then return end
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`);

/** Makes the counts of one namespace. @param file used without Redis */
export function createUsage(namespace: string, redis: RedisConnection | undefined, file?: CountFile): Usage {
  const store = redis === undefined ? file?.section(`quota ${namespace}`) : redisStore(namespace, redis);
  const counts = createUseCounts(store);
  return {
    storage: counts.storage,
    flush: counts.flush,
    count: ({ id, username }, requests, wallClockMs) => counts.count(`${id} ${username}`, requests, wallClockMs),
    read: async (span) => toList(await counts.read(span)),
    takeNotice: () => (redis === undefined ? file?.takeNotice() : undefined),
  };
}

function redisStore(namespace: string, redis: RedisConnection): CountStore {
  const key = (period: string): string => `${redis.keyPrefix}:quota:{${namespace}}:usage:${period}`;
  return {
    kind: 'redis',
    async add({ id, day, counts }) {
      const fields = [...counts].flat();
      await redis.run((commands) => ADD.run(commands, [key(day), `${key(day)}:${id}`], [KEEP_MS, BATCH_MS, ...fields]));
    },
    async read(span) {
      // Earlier versions counted by month.
      const periods = [...daysOf(span), ...monthsIn(span)];
      const stored = await redis.run((commands) => Promise.all(periods.map((period) => commands.hgetall(key(period)))));
      return stored.flatMap((counts, index) =>
        Object.entries(counts).map(([field, count]) => ({
          field,
          period: periods[index] ?? '',
          count: Number(count),
        })),
      );
    },
  };
}

/** A field is the consumer's id and name in one text. */
function toList(uses: readonly Use[]): ConsumerUsage[] {
  const consumers = new Map<string, ConsumerUsage>();
  for (const { field, period, count } of uses) {
    const [id = '', ...username] = field.split(' ');
    const consumer = consumers.get(field) ?? { id, username: username.join(' '), requests: 0, days: {} };
    consumer.requests += count;
    consumer.days[period] = (consumer.days[period] ?? 0) + count;
    consumers.set(field, consumer);
  }
  return [...consumers.values()].sort((a, b) => b.requests - a.requests);
}
