/**
 * The plugin's configuration in Kong's schema language: what Kong's Admin API accepts, and what the type of the parsed
 * configuration is derived from. Rules that this language cannot say are in config.ts.
 */
import type { SchemaField } from '../shared/plugin.js';
import { REGIONS } from '../shared/regions.js';

/** The fields of `config`. */
export const Schema = [
  {
    region: {
      type: 'string',
      default: 'us_east_1',
      one_of: REGIONS,
      description: "The Genesys Cloud region of the OAuth client's organisation. Ignored if token_url is set.",
    },
  },
  {
    token_url: {
      type: 'string',
      len_min: 1,
      description: 'The token endpoint, instead of that of a region. https, or http on a loopback address.',
    },
  },
  {
    client_id: {
      type: 'string',
      required: true,
      len_min: 1,
      referenceable: true,
      description: 'The id of the OAuth client (grant: client credentials).',
    },
  },
  {
    client_secret: {
      type: 'string',
      required: true,
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'The secret of the OAuth client.',
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
    header_name: {
      type: 'string',
      default: 'Authorization',
      len_min: 1,
      len_max: 128,
      // The characters of an HTTP token (RFC 9110 5.6.2) as a Lua pattern.
      match: "^[%w!#$%%&'*+.^_`|~-]+$",
      description: 'The request header that carries "Bearer <token>" to the service.',
    },
  },
] as const satisfies readonly SchemaField[];

/** The fields beside `config`: the token goes into an HTTP header, so there is nothing to do for streams or gRPC. */
export const PluginSchema = [
  {
    protocols: {
      type: 'set',
      required: true,
      default: ['http', 'https'],
      elements: { type: 'string', one_of: ['http', 'https'] },
      description: 'The protocols for which the plugin runs.',
    },
  },
] as const satisfies readonly SchemaField[];
