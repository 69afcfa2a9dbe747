/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks by it, and the type of the parsed
 * configuration is derived from it. Rules that this language cannot express are in config.ts.
 */
import type { Field, Fields } from '../shared/kong-schema/field.js';
import type { ConfigOf } from '../shared/kong-schema/parse-config.js';
import { REDIS_FIELDS } from '../shared/redis/schema.js';
import { REGION_NAMES } from '../shared/regions.js';

const CLIENT_ID = {
  type: 'string',
  len_min: 1,
  referenceable: true,
  description: 'Id of the OAuth client (grant: client credentials), or `file:<absolute path>`.',
} as const satisfies Field;

const CLIENT_SECRET = {
  type: 'string',
  len_min: 1,
  referenceable: true,
  encrypted: true,
  description: 'Its secret, or `file:<absolute path>`.',
} as const satisfies Field;

/** An HTTP token (RFC 9110 5.6.2) as a Lua pattern, but without the dot, because Kong's log reads dots as a path. */
const HEADER_NAME = "^[%w!#$%%&'*+^_`|~-]+$";

/** The fields of `failover`. Their defaults also apply if it is left out. */
export const FAILOVER_FIELDS = [
  {
    failures: {
      type: 'integer',
      default: 3,
      between: [1, 1000],
      description: 'So many failures in a row lose a region; so many good probes in a row bring it back.',
    },
  },
  {
    window_seconds: {
      type: 'number',
      default: 30,
      between: [1, 3600],
      description: 'The failures must lie within this time.',
    },
  },
  {
    probe_after_seconds: {
      type: 'number',
      default: 30,
      between: [0.1, 3600],
      description: 'How long a lost region is left alone before one request tries it, and after each try that failed.',
    },
  },
  {
    methods: {
      type: 'array',
      default: ['GET', 'HEAD'],
      elements: { type: 'string', match: '^%u+$', err: 'must be a method in capital letters' },
      description:
        'What may go to another region than the primary, as the client wrote it: another organisation, where writes would land.',
    },
  },
  {
    response_header: {
      type: 'string',
      len_min: 1,
      len_max: 128,
      match: HEADER_NAME,
      description: 'Header of the response that names the region to which the request was sent. Left out: none.',
    },
  },
] as const satisfies Fields;

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
      // The default, us_east_1, is in config.ts. If Kong filled it in, it could not be refused next to `regions`.
      one_of: REGION_NAMES,
      description:
        "Genesys Cloud region of the OAuth client's organisation, by its name or its domain (`mypurecloud.de`); its token endpoint is `https://login.<domain>/oauth/token`. Left out: `us_east_1`. Ignored if `token_url` is set.",
    },
  },
  {
    token_url: {
      type: 'string',
      len_min: 1,
      description: 'Another token endpoint: https, or http on a loopback host; without credentials and fragment.',
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
        'A pool of OAuth clients, instead of `client_id` and `client_secret`: requests are spread over their tokens.',
    },
  },
  {
    tokens_per_client: {
      type: 'integer',
      default: 1,
      between: [1, 10],
      description: 'Tokens held for each OAuth client, each with a rate limit of its own: a pool too.',
    },
  },
  {
    auth_method: {
      type: 'string',
      default: 'basic',
      one_of: ['basic', 'post', 'client_secret_jwt', 'private_key_jwt'],
      description:
        '`basic`: id and secret by HTTP Basic; `post`: in the body; `client_secret_jwt`: a JWT signed with the secret (RFC 7523); `private_key_jwt`: a JWT signed with a private key in PEM, which is in `client_secret`, such as `file:<absolute path>`.',
    },
  },
  {
    assertion_key_id: {
      type: 'string',
      len_min: 1,
      len_max: 256,
      description: "`kid` of the signed JWT: which of the client's keys signs it. Left out: none.",
    },
  },
  {
    assertion_audience: {
      type: 'string',
      len_min: 1,
      len_max: 1024,
      description: '`aud` of the signed JWT, if the issuer wants another than its token endpoint.',
    },
  },
  {
    scope: {
      type: 'string',
      len_min: 1,
      description: "Scope to ask for. Left out: the OAuth client's own.",
    },
  },
  {
    // No default: Kong's Admin API returns an empty map as a list, so decK would find a difference on every run.
    extra_params: {
      type: 'map',
      keys: { type: 'string', len_min: 1 },
      values: { type: 'string', referenceable: true },
      description: 'Further parameters of the token request, such as `audience`.',
    },
  },
  {
    // No default, for the same reason.
    token_headers: {
      type: 'map',
      keys: { type: 'string', len_min: 1, len_max: 128, match: HEADER_NAME },
      values: { type: 'string', referenceable: true },
      description:
        'Further headers of the token request, for issuers that ask for one. `Authorization` is not among them.',
    },
  },
  {
    default_ttl_seconds: {
      type: 'number',
      default: 3600,
      between: [1, 31_536_000],
      description: 'How long a token is used whose answer has no `expires_in`.',
    },
  },
  {
    refresh_ahead_seconds: {
      type: 'number',
      default: 300,
      between: [0, 86400],
      description:
        'How long before expiry a token is renewed in the background, but never in the first half of its life.',
    },
  },
  {
    max_idle_seconds: {
      type: 'number',
      between: [1, 86_400],
      description:
        "The organisation's idle timeout: a token that was not used for so long is renewed before it is used. Left out: learned from the first 401 after a quiet time.",
    },
  },
  {
    timeout_ms: {
      type: 'integer',
      default: 5000,
      between: [100, 20000],
      description: 'For one token request, its body included.',
    },
  },
  {
    max_attempts: {
      type: 'integer',
      default: 3,
      between: [1, 10],
      description: 'Token requests at most, before a request is refused.',
    },
  },
  {
    purge_on_statuses: {
      type: 'array',
      default: [401],
      elements: { type: 'integer', between: [400, 599] },
      description: 'Answers of the service after which the token of that request is replaced.',
    },
  },
  {
    refuse_operations: {
      type: 'array',
      len_min: 1,
      len_max: 1000,
      elements: { type: 'string', len_min: 1, len_max: 1000 },
      description:
        "Operations that get 403, besides those on the caller's own token or account: `DELETE /api/v2/oauth/clients/{id}`; `*` instead of the method is all that may change something.",
    },
  },
  {
    header_name: {
      type: 'string',
      default: 'Authorization',
      len_min: 1,
      len_max: 128,
      match: HEADER_NAME,
      description:
        'Request header that carries the credential. Headers that frame a message (`Host`, `Content-Length`, ...) are refused, and dots.',
    },
  },
  {
    proxy_url: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'HTTP proxy for token requests: `http://user:password@host:port`, or https.',
    },
  },
  {
    no_proxy: {
      type: 'array',
      len_min: 1,
      elements: { type: 'string', len_min: 1, len_max: 256 },
      description:
        'Hosts of token endpoints that are reached without `proxy_url`: `login.example.com` with all hosts below it, `*`, each also with `:port`.',
    },
  },
  {
    ca_file: {
      type: 'string',
      len_min: 1,
      description:
        "Absolute path of a PEM file with authorities besides Node's own, for token requests; below a folder named by `--secrets-dir`.",
    },
  },
  {
    cache: {
      type: 'string',
      default: 'memory',
      one_of: ['memory', 'redis'],
      description: '`redis`: tokens are shared between nodes.',
    },
  },
  {
    redis: {
      type: 'record',
      required: false,
      fields: REDIS_FIELDS,
      description: 'Required with `cache: redis`.',
    },
  },
  {
    cache_encryption_key: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description:
        'Tokens are encrypted with it in Redis: 32 bytes in base64, such as of `openssl rand -base64 32`, or `file:<absolute path>`.',
    },
  },
  {
    secret: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'Bearer token or API key of a static credential, or `file:<absolute path>`.',
    },
  },
  {
    username: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      description: 'User name of a basic credential, or `file:<absolute path>`.',
    },
  },
  {
    password: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'Password of a basic credential, or `file:<absolute path>`.',
    },
  },
  {
    circuit_breaker: {
      type: 'record',
      required: false,
      fields: [
        {
          failures: {
            type: 'integer',
            default: 5,
            between: [1, 1000],
            description: 'So many in a row: 5xx, no connection, timeout.',
          },
        },
        {
          window_seconds: {
            type: 'number',
            default: 30,
            between: [1, 3600],
            description: 'The failures must lie within this time.',
          },
        },
        {
          open_seconds: {
            type: 'number',
            default: 10,
            between: [0.1, 3600],
            description: 'How long requests get 503 before one tries the service.',
          },
        },
      ],
      description: 'Answers 503 for a while when the service fails so many times in a row. Left out: does not.',
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
          {
            name: {
              type: 'string',
              required: true,
              len_min: 1,
              len_max: 64,
              match: '^[%w_.-]+$',
              err: 'may hold letters, digits, dots, hyphens and underscores only, 64 at most',
              description: 'For logs, the response header and operators: letters, digits, `.`, `-`, `_`.',
            },
          },
          { region: { type: 'string', one_of: REGION_NAMES, description: 'Where its OAuth client logs in.' } },
          { token_url: { type: 'string', len_min: 1, description: 'Its token endpoint, instead of `region`.' } },
          {
            upstream: {
              type: 'string',
              required: true,
              len_min: 1,
              description: "Name of Kong's upstream with the region's API host, and nothing else.",
            },
          },
          { client_id: { ...CLIENT_ID, required: true } },
          { client_secret: { ...CLIENT_SECRET, required: true } },
        ],
        entity_checks: [{ only_one_of: ['region', 'token_url'] }],
      },
      description:
        'Organisations, each with its login, credentials and upstream, the primary first; instead of `region` or `token_url`, `client_id`, `client_secret` and `clients`.',
    },
  },
  {
    failover: {
      type: 'record',
      required: false,
      fields: FAILOVER_FIELDS,
      description: 'When another region than the primary serves, and for which methods.',
    },
  },
] as const satisfies Fields;

/** A configuration as in the schema. */
export type RawConfig = ConfigOf<typeof Schema>;

/** Which fields need which, so that a missing one is refused when the configuration is written, not at runtime. */
export const EntityChecks = [
  // Kong skips a check that reads a vault reference, so each check reads as few fields as possible.
  ...(['client_id', 'client_secret'] as const).map((field) => ({
    conditional_at_least_one_of: {
      if_field: 'credential',
      if_match: { eq: 'oauth2' },
      then_at_least_one_of: [field, 'clients', 'regions'],
    },
  })),
  { mutually_exclusive: ['clients', 'client_id'] },
  ...['region', 'token_url', 'client_id', 'client_secret', 'clients'].map((field) => ({
    mutually_exclusive: [field, 'regions'],
  })),
  ...(['bearer', 'api_key'] as const).map((kind) => required('credential', kind, 'secret')),
  required('credential', 'basic', 'username'),
  required('credential', 'basic', 'password'),
  // `redis` is not here, because Kong 3.9.3 fails on a condition over a record (measured). The instance checks it.
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

/** The fields next to `config`: the token goes into an HTTP header, so the plugin is of no use for streams or gRPC. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
