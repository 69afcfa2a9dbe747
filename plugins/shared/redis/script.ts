/** A Lua script for Redis. It is called by its digest, and sent as a whole if Redis does not know it yet. */
import { createHash } from 'node:crypto';
import type { RedisCommands } from './connection.js';

export interface RedisScript {
  /** Runs the script. @throws what the command throws */
  run(redis: RedisCommands, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** Makes a script. */
export function redisScript(lua: string): RedisScript {
  const sha1 = createHash('sha1').update(lua).digest('hex');
  return {
    async run(redis, keys, args) {
      try {
        return await redis.evalsha(sha1, keys.length, ...keys, ...args);
      } catch (error) {
        // Redis has restarted, or this is another node of a Cluster.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return await redis.eval(lua, keys.length, ...keys, ...args);
      }
    },
  };
}
