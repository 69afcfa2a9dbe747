/** What the parts of a process share. */
import { createRedisConnections, type OpenRedis } from './redis/connection.js';

export interface Services {
  /** Returns one connection for the same settings, whichever part asks. */
  openRedis: OpenRedis;
}

/** Makes the services of a process. Does not connect yet. */
export function createServices(): Services {
  return { openRedis: createRedisConnections() };
}
