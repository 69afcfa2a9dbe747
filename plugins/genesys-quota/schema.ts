/**
 * The plugin's configuration in Kong's schema language: what Kong's Admin API accepts, and what the type of the parsed
 * configuration is derived from. Rules that this language cannot say are in config.ts.
 */
import type { FieldAttributes, SchemaField } from '../shared/plugin.js';
import { REDIS_FIELDS } from '../shared/redis/schema.js';

/** By what requests are told apart; each has a budget of its own. */
const IDENTITIES = ['consumer', 'credential', 'ip', 'header', 'query', 'global'] as const;

const BY = {
  type: 'string',
  default: 'consumer',
  one_of: IDENTITIES,
  description: 'Whose budget it is. Requests that lack the identity share one budget; global: all requests do.',
} as const satisfies FieldAttributes;

const BY_NAME = {
  type: 'string',
  len_min: 1,
  len_max: 128,
  description: 'Name of the header or query parameter, if `by` is header or query.',
} as const satisfies FieldAttributes;

/** A name that can stand in a Redis key. */
const NAME_PATTERN = '^[%w_.-]+$';

const LIMIT = {
  type: 'record',
  fields: [
    {
      name: {
        type: 'string',
        required: true,
        len_min: 1,
        len_max: 64,
        match: NAME_PATTERN,
        description: 'Limits of one name and window in one namespace are one budget.',
      },
    },
    { limit: { type: 'integer', required: true, between: [1, 1_000_000_000] } },
    { window: { type: 'string', one_of: ['second', 'minute', 'hour', 'day'], description: 'Left out: minute.' } },
    {
      window_seconds: {
        type: 'integer',
        between: [1, 2_592_000],
        description: 'A window of another length, instead of `window`.',
      },
    },
    { by: BY },
    { by_name: BY_NAME },
    {
      methods: {
        type: 'array',
        len_min: 1,
        elements: { type: 'string', match: '^[A-Z]+$' },
        description: 'Only requests with these methods. Left out: all.',
      },
    },
    {
      paths: {
        type: 'array',
        len_min: 1,
        elements: { type: 'string', starts_with: '/' },
        description: 'Only requests to these paths, as sent to the service: exact, {name} for a segment, * at the end.',
      },
    },
    { cost: { type: 'integer', default: 1, between: [1, 1_000_000], description: 'What one request takes.' } },
    {
      cost_by_query: {
        type: 'record',
        required: false,
        fields: [
          { name: { type: 'string', required: true, len_min: 1, description: 'Such as pageSize.' } },
          { per: { type: 'integer', required: true, between: [1, 1_000_000] } },
        ],
        description: 'The cost once for each `per` that the query parameter asks for, or for a part of it.',
      },
    },
    { algorithm: { type: 'string', default: 'sliding', one_of: ['fixed', 'sliding'] } },
  ],
  entity_checks: [{ mutually_exclusive: ['window', 'window_seconds'] }, ...needsName('header'), ...needsName('query')],
} as const satisfies FieldAttributes;

/** The fields of `config`. */
export const Schema = [
  { limits: { type: 'array', default: [], len_max: 50, elements: LIMIT } },
  {
    spike_arrest: {
      type: 'record',
      required: false,
      fields: [
        {
          rate: {
            type: 'string',
            required: true,
            // A Lua pattern; the unit is looked at when an instance starts.
            match: '^[1-9]%d*p[sm]$',
            description: '10ps is one request every 100 ms, 300pm one every 200 ms.',
          },
        },
        { by: BY },
        { by_name: BY_NAME },
        {
          burst: {
            type: 'integer',
            default: 1,
            between: [1, 1_000_000],
            description: 'So many requests may come at once after a pause.',
          },
        },
      ],
      entity_checks: [...needsName('header'), ...needsName('query')],
      description: 'Left out: none. Keeps requests apart.',
    },
  },
  {
    max_wait_ms: {
      type: 'integer',
      default: 0,
      between: [0, 20_000],
      description: 'A request that would fit within this time is held, in milliseconds, instead of refused.',
    },
  },
  {
    namespace: {
      type: 'string',
      len_min: 1,
      len_max: 64,
      match: NAME_PATTERN,
      description: "Configurations of one namespace share their budgets. Left out: the configuration's own.",
    },
  },
  {
    max_identities: {
      type: 'integer',
      default: 100_000,
      between: [1, 10_000_000],
      description: 'So many counters are kept for each limit; further identities share one.',
    },
  },
  {
    policy: {
      type: 'string',
      default: 'local',
      one_of: ['local', 'redis'],
      description: 'Where requests are counted: in this node, or in Redis for all nodes together.',
    },
  },
  { redis: { type: 'record', required: false, fields: REDIS_FIELDS } },
  {
    on_redis_error: {
      type: 'string',
      default: 'local',
      one_of: ['local', 'reject', 'allow'],
      description: 'Without Redis: count in this node, refuse with 503, or let every request through.',
    },
  },
  {
    follow_upstream: {
      type: 'boolean',
      default: true,
      description: 'Refuse what Genesys has refused with 429, until its Retry-After is over.',
    },
  },
  {
    hide_headers: {
      type: 'boolean',
      default: false,
      description: 'Leave out the RateLimit headers.',
    },
  },
] as const satisfies readonly SchemaField[];

function needsName(by: 'header' | 'query'): readonly Record<string, unknown>[] {
  return [
    {
      conditional: {
        if_field: 'by',
        if_match: { eq: by },
        then_field: 'by_name',
        then_match: { required: true },
      },
    },
  ];
}

/** The fields beside `config`: a limit that answers 429 is for HTTP. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
