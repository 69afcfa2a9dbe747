/** Schemas of Kong's core entities, with the defaults of Kong 3.9 (kong/db/schema/entities). */
import type { Field, Fields } from '../../../plugins/shared/kong-schema/field.js';

const id: Field = { type: 'string', uuid: true };
const tags: Field = { type: 'set', elements: { type: 'string' } };
const timestamps: Fields = [{ created_at: { type: 'number' } }, { updated_at: { type: 'number' } }];
const timeout: Field = { type: 'integer', default: 60_000, between: [1, 2 ** 31 - 2] };
const path: Field = { type: 'string', starts_with: '/' };
const strings: Field = { type: 'array', elements: { type: 'string' } };
const statuses = (list: number[]): Field => ({
  type: 'array',
  default: list,
  elements: { type: 'integer', between: [100, 999] },
});
const count: Field = { type: 'integer', default: 0, between: [0, 255] };
const seconds = (value: number): Field => ({ type: 'number', default: value, between: [0, 65_535] });
const reference: Field = {
  type: 'record',
  required: false,
  fields: [{ id: { type: 'string' } }, { name: { type: 'string' } }],
};

export const SERVICE: Fields = [
  { id },
  { name: { type: 'string' } },
  { retries: { type: 'integer', default: 5, between: [0, 32_767] } },
  { protocol: { type: 'string', required: true, default: 'http', one_of: ['http', 'https'] } },
  { host: { type: 'string', required: true } },
  { port: { type: 'integer', required: true, default: 80, between: [0, 65_535] } },
  { path },
  { connect_timeout: timeout },
  { write_timeout: timeout },
  { read_timeout: timeout },
  { tls_verify: { type: 'boolean' } },
  { tls_verify_depth: { type: 'integer', between: [0, 64] } },
  { ca_certificates: { type: 'array', elements: { type: 'string', uuid: true } } },
  { enabled: { type: 'boolean', required: true, default: true } },
  { tags },
  ...timestamps,
];

/** A certificate that services are verified with, if they name it. */
export const CA_CERTIFICATE: Fields = [
  { id },
  { cert: { type: 'string', required: true, match: '^%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-' } },
  { cert_digest: { type: 'string' } },
  { tags },
  ...timestamps,
];

export const ROUTE: Fields = [
  { id },
  { name: { type: 'string' } },
  {
    protocols: {
      type: 'set',
      required: true,
      default: ['http', 'https'],
      len_min: 1,
      elements: { type: 'string', one_of: ['http', 'https'] },
    },
  },
  { methods: { type: 'set', elements: { type: 'string', match: '^%u+$' } } },
  { hosts: strings },
  { paths: { type: 'array', elements: { type: 'string', match: '^~?/' } } },
  {
    headers: {
      type: 'map',
      keys: {
        type: 'string',
        match_none: [
          {
            pattern: '^[Hh][Oo][Ss][Tt]$',
            err: "cannot contain 'host' header, which must be specified in the 'hosts' attribute",
          },
        ],
      },
      values: { type: 'array', elements: { type: 'string' } },
    },
  },
  {
    https_redirect_status_code: { type: 'integer', required: true, default: 426, one_of: [426, 301, 302, 307, 308] },
  },
  { regex_priority: { type: 'integer', default: 0 } },
  { strip_path: { type: 'boolean', required: true, default: true } },
  { preserve_host: { type: 'boolean', required: true, default: false } },
  { request_buffering: { type: 'boolean', required: true, default: true } },
  { response_buffering: { type: 'boolean', required: true, default: true } },
  { path_handling: { type: 'string', default: 'v0', one_of: ['v0', 'v1'] } },
  { service: reference },
  { tags },
  ...timestamps,
];

export const TARGET: Fields = [
  { id },
  { target: { type: 'string', required: true } },
  { weight: { type: 'integer', default: 100, between: [0, 65_535] } },
  { upstream: reference },
  { tags },
  ...timestamps,
];

const ACTIVE: Fields = [
  { type: { type: 'string', default: 'http', one_of: ['tcp', 'http', 'https'] } },
  { timeout: seconds(1) },
  { concurrency: { type: 'integer', default: 10, between: [1, 2 ** 31] } },
  { http_path: { ...path, default: '/' } },
  { https_verify_certificate: { type: 'boolean', required: true, default: true } },
  { https_sni: { type: 'string' } },
  { headers: { type: 'map', keys: { type: 'string' }, values: strings } },
  {
    healthy: {
      type: 'record',
      required: true,
      fields: [{ interval: seconds(0) }, { http_statuses: statuses([200, 302]) }, { successes: count }],
    },
  },
  {
    unhealthy: {
      type: 'record',
      required: true,
      fields: [
        { interval: seconds(0) },
        { http_statuses: statuses([429, 404, 500, 501, 502, 503, 504, 505]) },
        { tcp_failures: count },
        { timeouts: count },
        { http_failures: count },
      ],
    },
  },
];

/** 429 counts as unhealthy by default: one throttling answer can remove the only target. */
const PASSIVE: Fields = [
  { type: { type: 'string', default: 'http', one_of: ['tcp', 'http', 'https'] } },
  {
    healthy: {
      type: 'record',
      required: true,
      fields: [
        {
          http_statuses: statuses([
            ...[200, 201, 202, 203, 204, 205, 206, 207, 208, 226],
            ...[300, 301, 302, 303, 304, 305, 306, 307, 308],
          ]),
        },
        { successes: count },
      ],
    },
  },
  {
    unhealthy: {
      type: 'record',
      required: true,
      fields: [
        { http_statuses: statuses([429, 500, 503]) },
        { tcp_failures: count },
        { timeouts: count },
        { http_failures: count },
      ],
    },
  },
];

/** Only round-robin: another algorithm is refused. */
export const UPSTREAM: Fields = [
  { id },
  { name: { type: 'string', required: true, match: '^[%w%-_.]+$' } },
  { algorithm: { type: 'string', default: 'round-robin', one_of: ['round-robin'] } },
  { hash_on: { type: 'string', default: 'none', one_of: ['none'] } },
  { hash_fallback: { type: 'string', default: 'none', one_of: ['none'] } },
  { hash_on_cookie_path: { ...path, default: '/' } },
  { slots: { type: 'integer', default: 10_000, between: [10, 65_536] } },
  { host_header: { type: 'string' } },
  { use_srv_name: { type: 'boolean', default: false, eq: false } },
  {
    healthchecks: {
      type: 'record',
      required: true,
      fields: [
        { active: { type: 'record', required: true, fields: ACTIVE } },
        { passive: { type: 'record', required: true, fields: PASSIVE } },
        { threshold: { type: 'number', default: 0, between: [0, 100] } },
      ],
    },
  },
  { tags },
  ...timestamps,
];

export const CONSUMER: Fields = [
  { id },
  { username: { type: 'string' } },
  { custom_id: { type: 'string' } },
  { tags },
  ...timestamps,
];

const credential: Fields = [{ id }, { consumer: reference }, { tags }, ...timestamps];
export const CREDENTIALS = {
  keyauth_credentials: [...credential, { key: { type: 'string', required: true } }],
  basicauth_credentials: [
    ...credential,
    { username: { type: 'string', required: true } },
    { password: { type: 'string', required: true } },
  ],
  jwt_secrets: [
    ...credential,
    { key: { type: 'string', required: true } },
    { secret: { type: 'string' } },
    { rsa_public_key: { type: 'string' } },
    {
      algorithm: {
        type: 'string',
        default: 'HS256',
        one_of: [
          'HS256',
          'HS384',
          'HS512',
          'RS256',
          'RS384',
          'RS512',
          'ES256',
          'ES384',
          'ES512',
          'PS256',
          'PS384',
          'PS512',
          'EdDSA',
        ],
      },
    },
  ],
  acls: [...credential, { group: { type: 'string', required: true } }],
} satisfies Record<string, Fields>;

/** Fields of every plugin entity besides `config`. A plugin's own schema may narrow them. */
export const PLUGIN: Fields = [
  { id },
  { name: { type: 'string', required: true } },
  { instance_name: { type: 'string' } },
  { enabled: { type: 'boolean', required: true, default: true } },
  { protocols: { type: 'set', elements: { type: 'string' } } },
  { service: reference },
  { route: reference },
  { consumer: reference },
  { tags },
  ...timestamps,
];
