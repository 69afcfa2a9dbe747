/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks by it, and the type of the parsed
 * configuration is derived from it. Rules that this language cannot express are in config.ts.
 */
import type { Field, Fields } from '../shared/kong-schema/field.js';
import type { ConfigOf } from '../shared/kong-schema/parse-config.js';
import { REGION_NAMES } from '../shared/regions.js';

const ID = { type: 'string', len_min: 1, len_max: 64 } as const satisfies Field;

/** What a user or an app must be to be a consumer. */
const CONDITIONS = ['client_id', 'user_id', 'group_id'] as const;

/** The fields of `config`. */
export const Schema = [
  {
    region: {
      type: 'string',
      one_of: REGION_NAMES,
      description:
        "Genesys Cloud region of the users' organisation, by its name or its domain (`mypurecloud.de`): tokens are checked at `https://api.<domain>`.",
    },
  },
  {
    api_url: {
      type: 'string',
      len_min: 1,
      description: 'Where tokens are checked, instead of `region`: https, or http on a loopback host; without a path.',
    },
  },
  {
    organizations: {
      type: 'array',
      required: true,
      len_min: 1,
      elements: { type: 'string', uuid: true },
      description:
        "Ids of the organisations whose users may come in. Both the token's organisation and its home organisation must be here.",
    },
  },
  {
    consumers: {
      type: 'array',
      required: true,
      len_min: 1,
      elements: {
        type: 'record',
        fields: [
          {
            consumer: {
              type: 'string',
              required: true,
              len_min: 1,
              description: "User name or id of Kong's consumer.",
            },
          },
          { client_id: { ...ID, description: "Id of the app's OAuth client." } },
          { user_id: { ...ID, description: 'Id of the user.' } },
          { group_id: { ...ID, description: 'Id of a group that the user is in.' } },
        ],
        entity_checks: [{ at_least_one_of: CONDITIONS }],
      },
      description:
        'Which consumer a request is of: the first entry of which every condition holds. A request without an entry is refused.',
    },
  },
  {
    cache_seconds: {
      type: 'integer',
      default: 60,
      between: [5, 600],
      description:
        'How long the result of a check is used, for a token that Genesys accepts and for one that it refuses. While Genesys is away, a token is let through until then.',
    },
  },
  {
    timeout_ms: {
      type: 'integer',
      default: 5000,
      between: [100, 20_000],
      description: 'The limit of a check in milliseconds, the wait for its turn not counted.',
    },
  },
  {
    refused_per_address: {
      type: 'integer',
      default: 30,
      between: [1, 10_000],
      description:
        'So many tokens a minute that Genesys refuses may come from one address (IPv6: from one /64). Then unknown tokens from there are answered 429, and not checked.',
    },
  },
  {
    refused_in_total: {
      type: 'integer',
      default: 600,
      between: [1, 100_000],
      description: 'The same from all addresses together, for each node.',
    },
  },
  {
    proxy_url: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'HTTP proxy for checks: `http://user:password@host:port`, or https.',
    },
  },
  {
    no_proxy: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', len_min: 1, len_max: 256 },
      description:
        'Hosts that are reached without `proxy_url`: `api.example.com` with all hosts below it, `*`, each also with `:port`.',
    },
  },
  {
    ca_file: {
      type: 'string',
      len_min: 1,
      description:
        "Absolute path of a PEM file with authorities besides Node's own, for checks; below a folder named by `--secrets-dir`.",
    },
  },
] as const satisfies Fields;

/** A configuration as in the schema. */
export type RawConfig = ConfigOf<typeof Schema>;

export const EntityChecks = [{ only_one_of: ['region', 'api_url'] }];

/** The fields next to `config`: the token is in an HTTP header. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
