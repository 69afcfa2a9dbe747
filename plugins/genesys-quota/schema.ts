/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks it, and the type of the parsed
 * configuration is derived from it. Rules that the language cannot express are in config.ts.
 */
import type { Field, Fields } from '../shared/kong-schema/field.js';
import { REDIS_FIELDS } from '../shared/redis/schema.js';

const MODE = {
  type: 'string',
  default: 'enforce',
  one_of: ['enforce', 'report'],
} as const satisfies Field;

/** The mode of a limit, of whatever kind. */
const LIMIT_MODE = {
  mode: { ...MODE, description: '`report` counts, and says what would be refused; it refuses and delays nothing.' },
} as const;

/** What requests can be counted by. Each consumer, for example, then has its own budget. */
const IDENTITIES = ['consumer', 'credential', 'ip', 'header', 'query', 'global'] as const;

const BY = {
  type: 'string',
  default: 'consumer',
  one_of: IDENTITIES,
  description:
    'Whose budget it is: each has one of its own, `global` is one for all. Requests that lack the identity share one.',
} as const satisfies Field;

const BY_NAME = {
  type: 'string',
  len_min: 1,
  len_max: 128,
  description: 'Name of the header or query parameter that `by` means.',
} as const satisfies Field;

/** Requires `by_name` for a header or a query parameter. */
const NEEDS_NAME = ['header', 'query'].map((by) => ({
  conditional: { if_field: 'by', if_match: { eq: by }, then_field: 'by_name', then_match: { required: true } },
}));

/** A name that may be part of a Redis key. */
const NAME = {
  type: 'string',
  len_min: 1,
  len_max: 64,
  match: '^[%w_.-]+$',
  err: 'may hold letters, digits, dots, hyphens and underscores only, 64 at most',
} as const satisfies Field;

/** The fields that name consumers. */
const CALLER_FIELDS = [
  {
    consumers: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', len_min: 1 },
      description: 'Usernames or ids.',
    },
  },
  {
    tags: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', len_min: 1 },
      description: 'Tags of consumers, one of which is enough.',
    },
  },
] as const satisfies Fields;

const NAMES_CALLERS = [{ at_least_one_of: ['consumers', 'tags'] }];

/** Whom a limit concerns. */
const FOR = {
  type: 'record',
  required: false,
  fields: CALLER_FIELDS,
  entity_checks: NAMES_CALLERS,
  description:
    'Whom it concerns. With the name of another limit it takes its place for them; the first in the list does. Left out: everyone else.',
} as const satisfies Field;

/** The fields that say which budget a request is of. */
const IDENTITY_FIELDS = [
  { by: BY },
  { by_name: BY_NAME },
  {
    and_by: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', one_of: ['consumer', 'credential', 'ip', 'method', 'path'] },
      description:
        'Divides the budgets of `by` further: each combination has its own. `path` is the path to the service with its ids left out.',
    },
  },
] as const satisfies Fields;

/** The fields that say which requests a limit concerns. */
const REQUEST_FIELDS = [
  {
    methods: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', match: '^[A-Z]+$' },
      description: 'Which requests it concerns. Left out: all.',
    },
  },
  {
    paths: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', starts_with: '/' },
      description:
        'Which requests it concerns, by the path as sent to the service, before a transformer changes it: exact, `{name}` for a segment, `*` at the end for the rest. Left out: all.',
    },
  },
] as const satisfies Fields;

const LIMIT = {
  type: 'record',
  fields: [
    {
      name: {
        ...NAME,
        required: true,
        description:
          'Letters, digits, dots, hyphens, underscores; clients are told it. One name once in a configuration, but with `for`; limits of one name and window in one namespace are one budget.',
      },
    },
    { for: FOR },
    {
      limit: {
        type: 'integer',
        required: true,
        between: [1, 1_000_000_000],
        description: 'What requests may cost together in a window.',
      },
    },
    {
      window: {
        type: 'string',
        one_of: ['second', 'minute', 'hour', 'day', 'week', 'month'],
        description:
          'Left out: `minute`. Windows begin at multiples of their length since 1970 (UTC); a week and a month as `starts_on` says.',
      },
    },
    {
      starts_on: {
        type: 'integer',
        between: [1, 28],
        description: 'The day that a month begins on, or a week: 1 is Monday, 7 Sunday (UTC). Left out: 1.',
      },
    },
    {
      window_seconds: {
        type: 'integer',
        between: [1, 2_592_000],
        description: 'A window of another length, instead of `window`.',
      },
    },
    {
      warn_at: {
        type: 'integer',
        between: [1, 100],
        description:
          'From this use of the limit on, in percent, a metric and a line in the log warn, once a window. Left out: never.',
      },
    },
    LIMIT_MODE,
    ...IDENTITY_FIELDS,
    ...REQUEST_FIELDS,
    { cost: { type: 'integer', default: 1, between: [1, 1_000_000], description: 'What a request costs.' } },
    {
      cost_by_query: {
        type: 'record',
        required: false,
        fields: [
          {
            name: {
              type: 'string',
              required: true,
              len_min: 1,
              description: 'The query parameter, such as `pageSize`.',
            },
          },
          {
            per: {
              type: 'integer',
              required: true,
              between: [1, 1_000_000],
              description: 'How many of what it asks for cost once, such as 25.',
            },
          },
        ],
        description:
          'The cost once for each `per` that the query parameter asks for, or a part of it. More than the limit counts as the limit.',
      },
    },
    {
      reserved: {
        type: 'array',
        len_min: 1,
        len_max: 10,
        elements: {
          type: 'record',
          fields: [
            ...CALLER_FIELDS,
            {
              share: {
                type: 'integer',
                required: true,
                between: [1, 100],
                description: 'How much of the limit, in percent; all of them at most 100.',
              },
            },
          ],
          entity_checks: NAMES_CALLERS,
        },
        description:
          'Shares of the limit that only these consumers may use; the first that names a consumer is its own. What is not used is lent as the window goes by.',
      },
    },
    {
      algorithm: {
        type: 'string',
        one_of: ['fixed', 'sliding'],
        description:
          'How requests are counted around the border of two windows. Left out: `sliding`; a week and a month are `fixed`.',
      },
    },
  ],
  entity_checks: [{ mutually_exclusive: ['window_seconds', 'window'] }, ...NEEDS_NAME],
} as const satisfies Field;

/** A limit of requests in flight. */
const CONCURRENT = {
  type: 'record',
  fields: [
    {
      name: {
        ...NAME,
        required: true,
        description:
          'As of a limit, and none that a limit has. Those of one name and `ttl_seconds` in one namespace are one.',
      },
    },
    { for: FOR },
    {
      limit: {
        type: 'integer',
        required: true,
        between: [1, 1_000_000],
        description: 'How many requests may be in flight at once.',
      },
    },
    {
      ttl_seconds: {
        type: 'integer',
        default: 300,
        between: [1, 86_400],
        description:
          'A request counts for so long at most, for a case in which its end is never heard of. Set it higher than any request takes.',
      },
    },
    LIMIT_MODE,
    ...IDENTITY_FIELDS,
    ...REQUEST_FIELDS,
  ],
  entity_checks: NEEDS_NAME,
} as const satisfies Field;

/** The fields of `config`. */
export const Schema = [
  {
    mode: {
      ...MODE,
      description: '`report` for all of it: limits, spike arrest and what Genesys has closed. No answer changes.',
    },
  },
  {
    report_header: {
      type: 'boolean',
      default: false,
      description:
        'Names, in the header `X-Genesys-Quota-Report`, the limit in report mode that would have refused the request. The request then waits until it is counted.',
    },
  },
  {
    warn_header: {
      type: 'boolean',
      default: false,
      description:
        'Names, in the header `X-Genesys-Quota-Warning`, the limits that have reached `warn_at`, and what is left.',
    },
  },
  {
    limits: {
      type: 'array',
      default: [],
      len_max: 50,
      elements: LIMIT,
      description: 'A request must fit all limits that concern it.',
    },
  },
  {
    concurrent: {
      type: 'array',
      default: [],
      len_max: 20,
      elements: CONCURRENT,
      description:
        'Limits of requests in flight: each counts from its admission until its answer is sent. A request must fit these, too.',
    },
  },
  {
    spike_arrest: {
      type: 'record',
      required: false,
      fields: [
        {
          rate: {
            type: 'string',
            required: true,
            match: '^[1-9]%d*p[sm]$',
            err: 'must be a number and ps or pm, such as 10ps',
            description: '`10ps` lets one request through every 100 ms, `300pm` one every 200 ms.',
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
      entity_checks: NEEDS_NAME,
      description: 'Keeps requests apart. Left out: does not.',
    },
  },
  {
    max_wait_ms: {
      type: 'integer',
      default: 0,
      between: [0, 20_000],
      description:
        'A request that would fit within this time, in milliseconds, is held instead of refused, at most 1,000 at once in a node; spike arrest then smooths.',
    },
  },
  {
    priority: {
      type: 'array',
      required: false,
      len_min: 1,
      len_max: 20,
      elements: {
        type: 'record',
        fields: [
          ...CALLER_FIELDS,
          {
            level: {
              type: 'string',
              required: true,
              one_of: ['high', 'normal', 'low'],
              description: '`high` goes before everyone who is not named, `low` after them.',
            },
          },
          {
            max_wait_ms: {
              type: 'integer',
              between: [0, 20_000],
              description: 'How long these may wait, in milliseconds. Left out: as everyone.',
            },
          },
        ],
        entity_checks: NAMES_CALLERS,
      },
      description:
        'Who goes first of those that wait for a place in this node, and who may wait longer. The first entry that names a consumer counts.',
    },
  },
  {
    namespace: {
      ...NAME,
      description:
        "Limits of one name in one namespace are one budget, whatever service, route or plugin entry they stand on. Left out: the configuration's own.",
    },
  },
  {
    max_identities: {
      type: 'integer',
      default: 100_000,
      between: [1, 10_000_000],
      description:
        'So many counters for each limit; what is beyond shares one counter, and none that still counts is dropped.',
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
  {
    redis: {
      type: 'record',
      required: false,
      fields: [
        ...REDIS_FIELDS,
        {
          lease_percent: {
            type: 'integer',
            default: 0,
            between: [0, 50],
            description:
              'A node may take so much of what is left of a window in one trip and spend it without another; 0 counts every request in Redis.',
          },
        },
      ],
      description: 'Required with `policy: redis`.',
    },
  },
  {
    on_redis_error: {
      type: 'string',
      default: 'local',
      one_of: ['local', 'reject', 'allow'],
      description: 'While Redis is away: count in this node, answer 503, or let every request through.',
    },
  },
  {
    follow_upstream: {
      type: 'boolean',
      default: true,
      description: 'What Genesys has refused with 429 is refused here until its Retry-After is over.',
    },
  },
  {
    retry_after_jitter_percent: {
      type: 'integer',
      default: 0,
      between: [0, 100],
      description:
        'Asks each refused client to wait up to so much longer, 60 s at most, so that a fleet does not return in one second.',
    },
  },
  { hide_headers: { type: 'boolean', default: false, description: 'Sends no RateLimit headers.' } },
] as const satisfies Fields;

/** The fields next to `config`. Only HTTP can be answered with 429. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
