/** What the parts of a process share. */
import { realClock } from './clock.js';
import { createRedisConnections, type OpenRedis } from './redis/connection.js';
import { type CountFile, createCountFile, USE_FILE, WINDOWS_FILE } from './use-counts/file.js';

export interface Services {
  /** Returns one connection for the same settings, whichever part asks. */
  openRedis: OpenRedis;
  /** Where counts survive the process; undefined: nowhere. */
  countFile: CountFile | undefined;
  windowFile: CountFile | undefined;
}

/** Makes the services of a process. Does not connect yet. @param stateDir where they may keep files */
export function createServices(stateDir?: string): Services {
  return {
    openRedis: createRedisConnections(),
    countFile: stateDir === undefined ? undefined : createCountFile(stateDir, USE_FILE, realClock),
    windowFile: stateDir === undefined ? undefined : createCountFile(stateDir, WINDOWS_FILE, realClock),
  };
}
