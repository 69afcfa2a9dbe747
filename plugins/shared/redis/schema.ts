/**
 * The `redis` record of a plugin's configuration: the same wherever it stands. Names as in Kong's own rate-limiting
 * plugin where it has them.
 */
import type { FieldAttributes, SchemaField } from '../plugin.js';

const NODE = {
  type: 'record',
  fields: [
    { host: { type: 'string', required: true, len_min: 1 } },
    { port: { type: 'integer', default: 6379, between: [1, 65535] } },
  ],
} as const satisfies FieldAttributes;

/** The fields of the record. */
export const REDIS_FIELDS = [
  { host: { type: 'string', default: '127.0.0.1', len_min: 1, description: 'Host of a single Redis.' } },
  { port: { type: 'integer', default: 6379, between: [1, 65535] } },
  { username: { type: 'string', len_min: 1, referenceable: true, description: 'ACL user, Redis 6 and newer.' } },
  { password: { type: 'string', referenceable: true, encrypted: true } },
  {
    database: {
      type: 'integer',
      default: 0,
      between: [0, 1_000_000],
      description: 'Number of the database. A Cluster has only 0.',
    },
  },
  { ssl: { type: 'boolean', default: false, description: 'Speak TLS.' } },
  { ssl_verify: { type: 'boolean', default: true, description: "Verify Redis' certificate." } },
  { server_name: { type: 'string', len_min: 1, description: 'The name that the certificate must hold, and SNI.' } },
  { sentinel_master: { type: 'string', len_min: 1, description: 'Name of the master that the Sentinels watch.' } },
  { sentinel_nodes: { type: 'array', elements: NODE, len_min: 1, description: 'Sentinels, instead of host.' } },
  { cluster_nodes: { type: 'array', elements: NODE, len_min: 1, description: 'Some nodes of a Cluster.' } },
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
      description: 'The most that an operation may take, in milliseconds; then the plugin goes on without Redis.',
    },
  },
] as const satisfies readonly SchemaField[];
