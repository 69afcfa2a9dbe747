/**
 * The plugin's configuration in Kong's schema language: what Kong's Admin API accepts, and what the type of the parsed
 * configuration is derived from. Rules that this language cannot say are in config.ts.
 */
import type { FieldAttributes, SchemaField } from '../shared/plugin.js';
import { REDIS_FIELDS } from '../shared/redis/schema.js';
import { REGIONS } from '../shared/regions.js';

const CLIENT_ID = {
  type: 'string',
  len_min: 1,
  referenceable: true,
  description: 'The id of the OAuth client (grant: client credentials).',
} as const satisfies FieldAttributes;

const CLIENT_SECRET = {
  type: 'string',
  len_min: 1,
  referenceable: true,
  encrypted: true,
  description: 'The secret of the OAuth client, or file:<absolute path>.',
} as const satisfies FieldAttributes;

/** A token's characters (RFC 9110 5.6.2) as a Lua pattern, without the dot: Kong's log takes it as a path. */
const HEADER_NAME = "^[%w!#$%%&'*+^_`|~-]+$";

/** The fields of `failover`, which also hold where it is left out. */
export const FAILOVER_FIELDS = [
  { failures: { type: 'integer', default: 3, between: [1, 1000] } },
  { window_seconds: { type: 'number', default: 30, between: [1, 3600] } },
  { probe_after_seconds: { type: 'number', default: 30, between: [0.1, 3600] } },
  {
    methods: {
      type: 'array',
      default: ['GET', 'HEAD'],
      elements: { type: 'string', match: '^%u+$' },
      description: 'What may go to another region than the primary: another organisation, where writes would land.',
    },
  },
  { response_header: { type: 'string', len_min: 1, len_max: 128, match: HEADER_NAME } },
] as const satisfies readonly SchemaField[];

/** The fields of `config`. */
export const Schema = [
  {
    credential: {
      type: 'string',
      default: 'oauth2',
      one_of: ['oauth2', 'bearer', 'basic', 'api_key'],
      description: 'What is injected: a token of an OAuth client, or a static credential of another API.',
    },
  },
  {
    region: {
      type: 'string',
      // Its default, us_east_1, is config.ts': Kong would fill it in, and it could not be refused beside regions.
      one_of: REGIONS,
      description:
        "The Genesys Cloud region of the OAuth client's organisation; left out: us_east_1. Ignored if token_url is set.",
    },
  },
  {
    token_url: {
      type: 'string',
      len_min: 1,
      description: 'The token endpoint, instead of that of a region. https, or http on a loopback address.',
    },
  },
  { client_id: CLIENT_ID },
  { client_secret: CLIENT_SECRET },
  {
    clients: {
      type: 'array',
      len_min: 1,
      len_max: 20,
      elements: {
        type: 'record',
        fields: [
          { client_id: { ...CLIENT_ID, required: true } },
          { client_secret: { ...CLIENT_SECRET, required: true } },
        ],
      },
      description:
        'Several OAuth clients, instead of client_id and client_secret: requests are spread over their tokens.',
    },
  },
  {
    tokens_per_client: {
      type: 'integer',
      default: 1,
      between: [1, 10],
      description: 'So many tokens are held for each OAuth client, each with a rate limit of its own.',
    },
  },
  {
    auth_method: {
      type: 'string',
      default: 'basic',
      one_of: ['basic', 'post'],
      description: 'How the OAuth client authenticates: HTTP Basic, or client_id and client_secret in the body.',
    },
  },
  {
    scope: {
      type: 'string',
      len_min: 1,
      description: "The scope to ask for. Left out: the OAuth client's own.",
    },
  },
  {
    // No default: Kong's Admin API shows an empty map as a list, and decK would find a difference with every run.
    extra_params: {
      type: 'map',
      keys: { type: 'string', len_min: 1 },
      values: { type: 'string', referenceable: true },
      description: 'Further parameters of the token request, such as audience.',
    },
  },
  {
    refresh_ahead_seconds: {
      type: 'number',
      default: 300,
      between: [0, 86400],
      description: 'How long before its expiry a token is renewed in the background, at most half of its lifetime.',
    },
  },
  {
    timeout_ms: {
      type: 'integer',
      default: 5000,
      between: [100, 20000],
      description: 'How long one token request may take, in milliseconds, the body of the answer included.',
    },
  },
  {
    max_attempts: {
      type: 'integer',
      default: 3,
      between: [1, 10],
      description: 'How many token requests are made at most before a request is refused.',
    },
  },
  {
    purge_on_statuses: {
      type: 'array',
      default: [401],
      elements: { type: 'integer', between: [400, 599] },
      description: 'Answers of the service after which the token of that request is not used again.',
    },
  },
  {
    header_name: {
      type: 'string',
      default: 'Authorization',
      len_min: 1,
      len_max: 128,
      match: HEADER_NAME,
      description: 'The request header that carries the credential to the service.',
    },
  },
  {
    proxy_url: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'An HTTP proxy for token requests: http://[user:password@]host:port, or https.',
    },
  },
  {
    ca_file: {
      type: 'string',
      len_min: 1,
      description: "Absolute path of a PEM file with further authorities, besides Node's own, for token requests.",
    },
  },
  {
    cache: {
      type: 'string',
      default: 'memory',
      one_of: ['memory', 'redis'],
      description: 'redis: tokens are shared with the other nodes.',
    },
  },
  { redis: { type: 'record', required: false, fields: REDIS_FIELDS } },
  {
    cache_encryption_key: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: '32 bytes in base64, or file:<absolute path>: with it tokens are encrypted in Redis.',
    },
  },
  {
    secret: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'The bearer token or API key of a static credential, or file:<absolute path>.',
    },
  },
  { username: { type: 'string', len_min: 1, referenceable: true, description: 'Of a basic credential.' } },
  {
    password: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'Of a basic credential, or file:<absolute path>.',
    },
  },
  {
    circuit_breaker: {
      type: 'record',
      required: false,
      fields: [
        { failures: { type: 'integer', default: 5, between: [1, 1000] } },
        { window_seconds: { type: 'number', default: 30, between: [1, 3600] } },
        { open_seconds: { type: 'number', default: 10, between: [0.1, 3600] } },
      ],
      description: 'Left out: none. Answers 503 for a while when the service fails so many times in a row.',
    },
  },
  {
    regions: {
      type: 'array',
      len_min: 2,
      len_max: 10,
      elements: {
        type: 'record',
        fields: [
          { name: { type: 'string', required: true, len_min: 1, len_max: 64, match: '^[%w_.-]+$' } },
          { region: { type: 'string', one_of: REGIONS } },
          { token_url: { type: 'string', len_min: 1 } },
          { upstream: { type: 'string', required: true, len_min: 1 } },
          { client_id: { ...CLIENT_ID, required: true } },
          { client_secret: { ...CLIENT_SECRET, required: true } },
        ],
        entity_checks: [{ only_one_of: ['region', 'token_url'] }],
      },
      description:
        'Instead of region or token_url, client_id and client_secret: organisations, each with its login, credentials and upstream. The first is the primary.',
    },
  },
  {
    failover: {
      type: 'record',
      required: false,
      fields: FAILOVER_FIELDS,
      description: 'For regions: when another one than the primary serves, and for which methods.',
    },
  },
] as const satisfies readonly SchemaField[];

/** Which fields need which: what is missing is refused when the configuration is written, not with the first request. */
export const EntityChecks = [
  // Kong leaves out a check that reads a vault reference, so each of these reads as few fields as it can.
  ...(['client_id', 'client_secret'] as const).map((field) => ({
    conditional_at_least_one_of: {
      if_field: 'credential',
      if_match: { eq: 'oauth2' },
      then_at_least_one_of: [field, 'clients', 'regions'],
    },
  })),
  { mutually_exclusive: ['client_id', 'clients'] },
  ...['region', 'token_url', 'client_id', 'client_secret', 'clients'].map((field) => ({
    mutually_exclusive: [field, 'regions'],
  })),
  ...(['bearer', 'api_key'] as const).map((kind) => required('credential', kind, 'secret')),
  required('credential', 'basic', 'username'),
  required('credential', 'basic', 'password'),
  // Not `redis`: Kong 3.9.3 fails on a condition over a record (measured). That one is refused when the instance starts.
  required('cache', 'redis', 'cache_encryption_key'),
];

function required(ifField: string, value: string, thenField: string): Record<string, unknown> {
  return {
    conditional: {
      if_field: ifField,
      if_match: { eq: value },
      then_field: thenField,
      then_match: { required: true },
    },
  };
}

/** The fields beside `config`: the token goes into an HTTP header, so there is nothing to do for streams or gRPC. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
