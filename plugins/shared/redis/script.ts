/** A Lua script that Redis runs: by its digest, and whole where the Redis that answers does not know it yet. */
import { createHash } from 'node:crypto';
import type { RedisCommands } from './connection.js';

export interface RedisScript {
  /** Runs it. @throws what the command throws */
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
        // A Redis that was started anew, or another node of a Cluster.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return await redis.eval(lua, keys.length, ...keys, ...args);
      }
    },
  };
}
