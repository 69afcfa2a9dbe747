/** Turns the `redis` record of a configuration into the settings of a connection. Pure. */
import { createHash } from 'node:crypto';
import type { Host } from '../host.js';
import { ConfigError } from '../kong-schema/config-error.js';
import type { ConfigOf } from '../kong-schema/parse-config.js';
import { openSecret, type Secret } from '../secret.js';
import type { REDIS_FIELDS } from './schema.js';

export interface RedisNode {
  host: string;
  port: number;
}

/** Which Redis to use, and how. */
export interface RedisSettings {
  /** A digest of all fields below. Equal settings share a connection. */
  key: string;
  topology:
    | { kind: 'single'; node: RedisNode }
    | { kind: 'sentinel'; master: string; nodes: RedisNode[] }
    | { kind: 'cluster'; nodes: RedisNode[] };
  username: string | undefined;
  password: Secret | undefined;
  database: number;
  /** Undefined means no TLS. */
  tls: { rejectUnauthorized: boolean; servername?: string } | undefined;
  /** The prefix without a separator at its end. */
  keyPrefix: string;
  timeoutMs: number;
}

/**
 * Reads the settings, and checks what Kong's schema cannot express.
 * @param path the path of the record, for messages
 * @throws ConfigError that names the field and contains no secret
 */
export function readRedisSettings(
  config: ConfigOf<typeof REDIS_FIELDS>,
  path: string,
  host: Pick<Host, 'secretsDirs'>,
): RedisSettings {
  const { sentinel_master: master, sentinel_nodes: sentinels, cluster_nodes: cluster } = config;
  if (cluster !== undefined && (sentinels !== undefined || master !== undefined)) {
    throw new ConfigError(path, 'must not have both cluster_nodes and sentinels');
  }
  if ((master === undefined) !== (sentinels === undefined)) {
    throw new ConfigError(path, 'needs sentinel_master and sentinel_nodes together');
  }
  if (cluster !== undefined && config.database !== 0)
    throw new ConfigError(`${path}.database`, 'must be 0 in a Cluster');
  const topology: RedisSettings['topology'] =
    cluster !== undefined
      ? { kind: 'cluster', nodes: cluster }
      : master !== undefined && sentinels !== undefined
        ? { kind: 'sentinel', master, nodes: sentinels }
        : { kind: 'single', node: { host: config.host, port: config.port } };
  const password = config.password === undefined ? undefined : openSecret(`${path}.password`, config.password, host);
  const servername = config.server_name === undefined ? {} : { servername: config.server_name };
  const tls = config.ssl ? { rejectUnauthorized: config.ssl_verify, ...servername } : undefined;
  const { username, database, key_prefix: keyPrefix, timeout_ms: timeoutMs } = config;
  const parts = [topology, username, config.password, database, tls, keyPrefix, timeoutMs];
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return { key, topology, username, password, database, tls, keyPrefix, timeoutMs };
}
