/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks by it, and the type of the parsed
 * configuration is derived from it. What this language cannot express (paths, templates) is in config.ts.
 */
import type { Field, Fields } from '../shared/kong-schema/field.js';

const DATA_PATHS = {
  type: 'array',
  len_min: 1,
  len_max: 1000,
  elements: { type: 'string', len_min: 1, len_max: 1000 },
} as const satisfies Field;

const BLOCK_OR_PASS = {
  type: 'string',
  default: 'block',
  one_of: ['block', 'pass'],
} as const satisfies Field;

/** The fields of `config`. */
export const Schema = [
  {
    mode: {
      type: 'string',
      default: 'enforce',
      one_of: ['enforce', 'report'],
      description:
        "`report` changes no answer, and counts what would have been removed or blocked; `GET /removed` on the operators' port names the fields.",
    },
  },
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
              description:
                'Of the request; left out: all. Kong sends methods that it does not know as GET, so the rules for GET hold for them.',
            },
          },
          {
            paths: {
              type: 'array',
              len_min: 1,
              elements: { type: 'string', len_min: 1, starts_with: '/' },
              description:
                'Of the request as sent to the service, normalised: exact, `{name}` for one segment, `*` at the end for the rest. Left out: all.',
            },
          },
          {
            statuses: {
              type: 'array',
              len_min: 1,
              elements: { type: 'integer', between: [200, 599] },
              description: 'Of the response. Left out: all below 400.',
            },
          },
          {
            keep: {
              ...DATA_PATHS,
              description: 'Paths of what gets through. Left out: everything, or what `template` refers to.',
            },
          },
          { remove: { ...DATA_PATHS, description: 'Paths of what is removed.' } },
          {
            rename: {
              type: 'array',
              len_min: 1,
              len_max: 1000,
              elements: {
                type: 'record',
                fields: [
                  {
                    from: {
                      type: 'string',
                      required: true,
                      len_min: 1,
                      len_max: 1000,
                      description: 'The path of a member, as the service names it.',
                    },
                  },
                  {
                    to: {
                      type: 'string',
                      required: true,
                      len_min: 1,
                      len_max: 1000,
                      description: 'Its new key, in its place.',
                    },
                  },
                ],
              },
              description: 'Members that get another key.',
            },
          },
          {
            template: {
              type: 'string',
              len_min: 1,
              len_max: 65536,
              description: 'A JSON document as text, to answer with, in which `"{{ path }}"` stands for a value.',
            },
          },
          {
            remove_headers: {
              type: 'array',
              len_min: 1,
              elements: { type: 'string', len_min: 1, len_max: 256 },
              description: 'Headers of the response that are removed.',
            },
          },
        ],
      },
      description: 'The first that matches method, path and status applies.',
    },
  },
  { on_no_match: { ...BLOCK_OR_PASS, description: '`pass`: a response that no rule matches is passed on as it is.' } },
  {
    collection: {
      type: 'string',
      default: 'entities',
      len_min: 1,
      len_max: 1000,
      description:
        'Path of the array in a body to whose elements the rules apply: `results`, `conversations`, `data.items`.',
    },
  },
  {
    links: {
      type: 'string',
      default: 'rewrite',
      one_of: ['keep', 'remove', 'rewrite'],
      description:
        "Links in the body (`nextUri`, `selfUri`, ...). `rewrite`: on a route with another path than the service's, links to the requested path become those of the route, and others are left out.",
    },
  },
  {
    max_body_bytes: {
      type: 'integer',
      default: 10_485_760,
      between: [1024, 104_857_600],
      description:
        'A longer body, also one that is so long only when decompressed, is a failure. Raise `nginx_proxy_proxy_buffers` with it.',
    },
  },
  {
    on_error: {
      ...BLOCK_OR_PASS,
      description: "`pass`: a body that cannot be filtered is passed on **unfiltered**, with a warning in Kong's log.",
    },
  },
  {
    non_json: {
      ...BLOCK_OR_PASS,
      description:
        '`pass`: bodies of other types are passed on as they are. Types that name JSON in any way (`application/x-ndjson` too) are never among them; a missing type is JSON.',
    },
  },
] as const satisfies Fields;

/** The fields next to `config`: streams have no bodies to filter, and gRPC has none in JSON. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
