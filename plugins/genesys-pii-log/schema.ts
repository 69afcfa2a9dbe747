/**
 * The plugin's configuration in Kong's schema language. Kong's Admin API checks it, and the type of the parsed
 * configuration is derived from it. Rules that the language cannot express are in config.ts.
 */
import type { Field, Fields } from '../shared/kong-schema/field.js';
import { DEFAULT_HEADERS, DEFAULT_KEEP_FIELDS, DEFAULT_QUERY_PARAMS } from './defaults.js';
import { KINDS } from './mask/finding.js';

const NAME = { type: 'string', len_min: 1, len_max: 128 } as const satisfies Field;

const SINK = {
  type: 'record',
  fields: [
    {
      type: {
        type: 'string',
        required: true,
        one_of: ['stdout', 'file', 'http', 'syslog'],
        description: 'What the sink is. `stdout` needs `--stdout` on the command line.',
      },
    },
    {
      path: {
        type: 'string',
        len_min: 1,
        description:
          'file: absolute path below a `--log-dir`: appended to, 0600, opened again when it leads to another file (logrotate without `copytruncate`).',
      },
    },
    {
      url: {
        type: 'string',
        len_min: 1,
        description: 'http: where entries are posted. https, or http on loopback; redirects are refused.',
      },
    },
    {
      headers: {
        type: 'map',
        keys: NAME,
        values: { type: 'string', len_min: 1, referenceable: true, encrypted: true },
        description: 'http: headers of each request, such as Authorization. A value may be `file:<absolute path>`.',
      },
    },
    {
      framing: {
        type: 'string',
        default: 'ndjson',
        one_of: ['ndjson', 'array', 'splunk_hec', 'elasticsearch_bulk', 'loki', 'otlp'],
        description: 'http: how the entries of a batch stand in the body.',
      },
    },
    { gzip: { type: 'boolean', default: true, description: 'http: whether bodies are compressed.' } },
    {
      batch_entries: { type: 'integer', default: 500, between: [1, 10000], description: 'http: entries of a batch.' },
    },
    {
      flush_ms: {
        type: 'integer',
        default: 1000,
        between: [0, 60000],
        description: 'http: how long a batch is waited for, in milliseconds.',
      },
    },
    {
      max_attempts: {
        type: 'integer',
        default: 5,
        between: [1, 100],
        description: 'http: attempts before a batch is spilled. Without `spill_path` it is tried until it arrives.',
      },
    },
    {
      spill_path: {
        type: 'string',
        len_min: 1,
        description:
          'http: absolute path below a `--log-dir`, of a file for entries that were tried `max_attempts` times, were refused, or do not fit into the queue. Nobody reads it back.',
      },
    },
    {
      timeout_ms: {
        type: 'integer',
        default: 10000,
        between: [100, 60000],
        description: 'http, syslog: for one request, or for one connection or write, in milliseconds.',
      },
    },
    {
      ca_file: {
        type: 'string',
        len_min: 1,
        description:
          "http, syslog: absolute path of a PEM file with authorities besides Node's own; below a folder named by `--secrets-dir`.",
      },
    },
    { host: { type: 'string', len_min: 1, description: 'syslog: name or address of the server.' } },
    { port: { type: 'integer', between: [1, 65535], description: 'syslog: left out, 514, or 6514 with `tls`.' } },
    {
      protocol: {
        type: 'string',
        default: 'udp',
        one_of: ['udp', 'tcp', 'tls'],
        description: 'syslog: transport of RFC 5424; octet counting on TCP and TLS.',
      },
    },
    { facility: { type: 'integer', default: 13, between: [0, 23], description: 'syslog: 13 is log audit.' } },
    {
      app_name: {
        type: 'string',
        default: 'genesys-pii-log',
        len_min: 1,
        len_max: 48,
        description: 'syslog: the APP-NAME of messages.',
      },
    },
    {
      max_message_bytes: {
        type: 'integer',
        default: 8192,
        between: [480, 1048576],
        description: 'syslog: a longer entry loses its bodies first, then its headers, never its JSON.',
      },
    },
  ],
} as const satisfies Field;

/** The fields of `config`. */
export const Schema = [
  {
    values: {
      type: 'string',
      default: 'allow',
      one_of: ['allow', 'detect'],
      description:
        '`allow`: only values that are known to be harmless are shown, by `keep_fields` and by their shape. `detect`: all are shown but those that names, patterns and detectors find.',
    },
  },
  {
    keep_fields: {
      type: 'array',
      default: DEFAULT_KEEP_FIELDS,
      elements: { type: 'string', len_min: 1, len_max: 500 },
      description:
        "With `allow`, names of fields whose values are shown, at any depth, or paths to them as in `paths`; they still pass the detectors. `genesys` is the states, types, ids, times and counts of Genesys' models. A path also shows what `fields` names.",
    },
  },
  {
    fields: {
      type: 'array',
      elements: NAME,
      description:
        'Names of fields that are masked at any depth, whatever else is said; `customer_name`, `customerName`, `Customer-Name` are the same. Of a record every leaf is masked, its structure and names stay. Left out, a list of names, numbers and addresses; an empty list means none.',
    },
  },
  {
    paths: {
      type: 'array',
      default: [],
      elements: { type: 'string', len_min: 1, len_max: 500 },
      description:
        'Paths of values that are masked: `division.name`, `list[*].x`, `list[0]`, `[*].x` of a list, `**.x.y` at any depth; or, beginning with `$`, a JSONPath (no scripts or filters, one `..` at most).',
    },
  },
  {
    patterns: {
      type: 'array',
      default: [],
      len_max: 50,
      elements: {
        type: 'record',
        fields: [
          {
            name: { ...NAME, required: true, description: 'Names the pattern in `masked` of entries and in metrics.' },
          },
          {
            regex: {
              type: 'string',
              required: true,
              len_min: 1,
              len_max: 500,
              description: "In JavaScript's syntax, with the flags `g` and `u`; one that can run for ever is refused.",
            },
          },
          {
            replacement: {
              type: 'string',
              default: '***REDACTED***',
              len_max: 200,
              description: 'What a match is replaced by; `$1` and `$<name>` stand for groups of it.',
            },
          },
        ],
      },
      description: 'Regular expressions, and what their matches are replaced by.',
    },
  },
  {
    detectors: {
      type: 'array',
      default: KINDS,
      elements: { type: 'string', one_of: KINDS },
      description: 'What is searched for in every text, name and number. An empty list means nothing.',
    },
  },
  {
    mask: {
      type: 'string',
      default: 'redact',
      one_of: ['redact', 'hash', 'partial'],
      description: 'What is shown instead of a value: nothing of it, a keyed hash, or its last characters.',
    },
  },
  {
    hash_key: {
      type: 'string',
      len_min: 1,
      referenceable: true,
      encrypted: true,
      description: 'For hashes: at least 16 bytes, in base64 or as text, or `file:<absolute path>`.',
    },
  },
  {
    hash_key_id: {
      type: 'string',
      len_min: 1,
      len_max: 32,
      match: '^[%w_.-]+$',
      description: "The key's name in hashes. Left out, one that is derived from it.",
    },
  },
  {
    keep_headers: {
      type: 'array',
      default: DEFAULT_HEADERS,
      elements: NAME,
      description: 'Headers whose values may be seen; they still pass the detectors. All others are masked.',
    },
  },
  {
    keep_query_params: {
      type: 'array',
      default: DEFAULT_QUERY_PARAMS,
      elements: NAME,
      description: 'Query parameters whose values may be seen; they still pass the detectors. All others are masked.',
    },
  },
  {
    client_ip: {
      type: 'string',
      default: 'truncate',
      one_of: ['full', 'truncate', 'hash'],
      description: "The client's address: as it is, its /24 or /48, or a keyed hash.",
    },
  },
  { log_request_body: { type: 'boolean', default: true, description: 'Whether request bodies are logged, masked.' } },
  { log_response_body: { type: 'boolean', default: true, description: 'Whether response bodies are logged, masked.' } },
  {
    max_body_bytes: {
      type: 'integer',
      default: 16384,
      between: [0, 131072],
      description: 'How much of each body is logged, after masking.',
    },
  },
  {
    sample_rate: { type: 'number', default: 1, between: [0, 1], description: 'The share of requests that is logged.' },
  },
  {
    always_log_errors: {
      type: 'boolean',
      default: true,
      description: 'Whether requests with a status of 400 or more are logged whatever `sample_rate` says.',
    },
  },
  {
    format: {
      type: 'string',
      default: 'native',
      one_of: ['native', 'ecs'],
      description: "Names of the entry's fields: its own, or those of the Elastic Common Schema.",
    },
  },
  {
    sinks: {
      type: 'array',
      required: true,
      len_min: 1,
      len_max: 8,
      elements: SINK,
      description: 'Where entries go, to each by a queue of its own.',
    },
  },
  {
    queue_entries: {
      type: 'integer',
      default: 10000,
      between: [1, 1000000],
      description:
        'Entries that may wait for each sink, and 64 MiB at most; the oldest are dropped first, and counted.',
    },
  },
] as const satisfies Fields;

/** The fields next to `config`. */
export { HTTP_ONLY as PluginSchema } from '../shared/http-only.js';
