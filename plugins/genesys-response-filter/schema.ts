/**
 * The plugin's configuration in Kong's schema language: what Kong's Admin API accepts, and what the type of the parsed
 * configuration is derived from. What this language cannot say (paths, templates) is in config.ts.
 */
import type { FieldAttributes, SchemaField } from '../shared/plugin.js';

const DATA_PATHS = {
  type: 'array',
  len_min: 1,
  len_max: 1000,
  elements: { type: 'string', len_min: 1, len_max: 1000 },
} as const satisfies FieldAttributes;

const BLOCK_OR_PASS = {
  type: 'string',
  default: 'block',
  one_of: ['block', 'pass'],
} as const satisfies FieldAttributes;

/** The fields of `config`. */
export const Schema = [
  {
    rules: {
      type: 'array',
      required: true,
      len_min: 1,
      len_max: 1000,
      elements: {
        type: 'record',
        fields: [
          {
            methods: {
              type: 'array',
              len_min: 1,
              elements: { type: 'string', one_of: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] },
              description: 'Left out: all.',
            },
          },
          {
            paths: {
              type: 'array',
              len_min: 1,
              elements: { type: 'string', len_min: 1, starts_with: '/' },
              description:
                'Of the request as sent to the service: exact, {name} for a segment, * at the end. Left out: all.',
            },
          },
          {
            statuses: {
              type: 'array',
              len_min: 1,
              elements: { type: 'integer', between: [200, 599] },
              description: 'Left out: all below 400.',
            },
          },
          {
            keep: {
              ...DATA_PATHS,
              description: 'Paths of what may leave. Left out: everything, or what template names.',
            },
          },
          { remove: { ...DATA_PATHS, description: 'Paths of what may not leave.' } },
          {
            rename: {
              type: 'array',
              len_min: 1,
              len_max: 1000,
              elements: {
                type: 'record',
                fields: [
                  { from: { type: 'string', required: true, len_min: 1, len_max: 1000 } },
                  { to: { type: 'string', required: true, len_min: 1, len_max: 1000 } },
                ],
              },
              description: 'Paths of members that get another key.',
            },
          },
          {
            template: {
              type: 'string',
              len_min: 1,
              len_max: 65536,
              description: 'JSON to answer with, in which "{{ path }}" stands for a value.',
            },
          },
          {
            remove_headers: {
              type: 'array',
              len_min: 1,
              elements: { type: 'string', len_min: 1, len_max: 256 },
              description: 'Headers of the response that may not leave.',
            },
          },
        ],
      },
      description: 'The first that matches a response applies.',
    },
  },
  { on_no_match: { ...BLOCK_OR_PASS, description: 'What becomes of a response that no rule matches.' } },
  {
    collection: {
      type: 'string',
      default: 'entities',
      len_min: 1,
      len_max: 1000,
      description: 'Path of the array in a body whose elements the rules apply to.',
    },
  },
  {
    max_body_bytes: {
      type: 'integer',
      default: 10_485_760,
      between: [1024, 104_857_600],
      description: 'A longer body, decompressed, is a failure.',
    },
  },
  { on_error: { ...BLOCK_OR_PASS, description: 'pass: a body that cannot be filtered leaves as it is.' } },
  { non_json: { ...BLOCK_OR_PASS, description: 'What becomes of bodies of other types than JSON.' } },
] as const satisfies readonly SchemaField[];

/** The fields beside `config`: there are no bodies to filter in streams, and none in JSON in gRPC. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
