/**
 * The `redis` record, the same in the configuration of every plugin. Names are those of Kong's own rate-limiting plugin
 * where it has them.
 */
import type { Field, Fields } from '../kong-schema/field.js';

const NODE = {
  type: 'record',
  fields: [
    { host: { type: 'string', required: true, len_min: 1, description: 'Name or address of the node.' } },
    { port: { type: 'integer', default: 6379, between: [1, 65535], description: 'TCP port of the node.' } },
  ],
} as const satisfies Field;

/** The fields of the record. */
export const REDIS_FIELDS = [
  { host: { type: 'string', default: '127.0.0.1', len_min: 1, description: 'Host of a single Redis.' } },
  { port: { type: 'integer', default: 6379, between: [1, 65535], description: 'Port of a single Redis.' } },
  {
    username: { type: 'string', len_min: 1, referenceable: true, description: "Redis' ACL user (Redis 6 and newer)." },
  },
  {
    password: {
      type: 'string',
      referenceable: true,
      encrypted: true,
      description: "Redis' password, or `file:<absolute path>`.",
    },
  },
  {
    database: {
      type: 'integer',
      default: 0,
      between: [0, 1_000_000],
      description: 'Number of the database. A Cluster has only 0.',
    },
  },
  { ssl: { type: 'boolean', default: false, description: 'Whether to speak TLS.' } },
  {
    ssl_verify: {
      type: 'boolean',
      default: true,
      description: "Whether its certificate is verified, against Node's authorities.",
    },
  },
  {
    server_name: { type: 'string', len_min: 1, description: "The certificate's name (and SNI) if it is not the host." },
  },
  {
    sentinel_master: {
      type: 'string',
      len_min: 1,
      description: 'Name of the master that the Sentinels watch, instead of `host`.',
    },
  },
  { sentinel_nodes: { type: 'array', elements: NODE, len_min: 1, description: 'The Sentinels.' } },
  {
    cluster_nodes: {
      type: 'array',
      elements: NODE,
      len_min: 1,
      description: 'Some nodes of a Cluster, instead of `host`.',
    },
  },
  {
    key_prefix: {
      type: 'string',
      default: 'genesys',
      len_min: 1,
      len_max: 64,
      match: '^[%w_.:-]+$',
      description: 'Begins every key, so that stages that share a Redis do not collide.',
    },
  },
  {
    timeout_ms: {
      type: 'integer',
      default: 50,
      between: [5, 5000],
      description:
        'For each operation, in milliseconds; after three in a row without an answer Redis is left alone for 0.25 s, doubling up to 5 s.',
    },
  },
] as const satisfies Fields;
