/**
 * What Kong 3.9 and decK take in a declarative configuration: kinds of entities, their fields, and names of plugins. The
 * local gateway's schemas are narrower, since it refuses what it cannot do; here they have all that Kong takes. A test
 * compares with a real Kong. Data.
 */
import { eachField, type Field, type Fields } from '../../plugins/shared/kong-schema/field.js';
import { bundledSchemas, type PluginSchema } from '../local-gateway/bundled/schemas.js';
import {
  CA_CERTIFICATE,
  CONSUMER,
  CREDENTIALS,
  ROUTE,
  SERVICE,
  TARGET,
  UPSTREAM,
} from '../local-gateway/config/entities.js';

const text: Field = { type: 'string' };
const foreign: Field = { type: 'record', required: false, fields: [{ id: text }, { name: text }] };
const port: Field = { type: 'integer', between: [0, 65_535] };
const PROTOCOLS = ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'tls_passthrough', 'udp'];
const HASHES = ['none', 'consumer', 'ip', 'header', 'cookie', 'path', 'query_arg', 'uri_capture'];
const CHECKS = ['tcp', 'http', 'https', 'grpc', 'grpcs'];
const endpoints: Field = {
  type: 'set',
  elements: { type: 'record', fields: [{ ip: text }, { port }], entity_checks: [{ at_least_one_of: ['ip', 'port'] }] },
};

const common: Fields = [
  { id: { type: 'string', uuid: true } },
  { tags: { type: 'set', elements: text } },
  { created_at: { type: 'number' } },
  { updated_at: { type: 'number' } },
];
const ofConsumer: Fields = [...common, { consumer: foreign }];

/** The schemas of kinds that are checked field by field. */
export const ENTITY_FIELDS: Readonly<Record<string, Fields>> = {
  services: [...wider(SERVICE, { protocol: { one_of: PROTOCOLS } }), { url: text }, { client_certificate: foreign }],
  routes: [
    ...wider(ROUTE, { protocols: { elements: { type: 'string', one_of: PROTOCOLS } } }),
    { snis: { type: 'set', elements: text } },
    { sources: endpoints },
    { destinations: endpoints },
    // With router_flavor expressions.
    { expression: text },
    { priority: { type: 'integer' } },
  ],
  upstreams: [
    ...wider(UPSTREAM, {
      algorithm: { one_of: ['consistent-hashing', 'least-connections', 'round-robin', 'latency'] },
      hash_on: { one_of: HASHES },
      hash_fallback: { one_of: HASHES },
      use_srv_name: {},
    }).map(withCheckTypes),
    ...['hash_on_header', 'hash_fallback_header', 'hash_on_cookie', 'hash_on_query_arg', 'hash_fallback_query_arg']
      .concat(['hash_on_uri_capture', 'hash_fallback_uri_capture'])
      .map((name) => ({ [name]: text })),
    { client_certificate: foreign },
  ],
  targets: TARGET,
  consumers: CONSUMER,
  ca_certificates: CA_CERTIFICATE,
  ...CREDENTIALS,
  // Kong makes a key where none is given.
  keyauth_credentials: [
    ...wider(CREDENTIALS.keyauth_credentials, { key: { required: false } }),
    { ttl: { type: 'integer' } },
  ],
  jwt_secrets: wider(CREDENTIALS.jwt_secrets, { key: { required: false } }),
  hmacauth_credentials: [...ofConsumer, { username: { ...text, required: true } }, { secret: text }],
  oauth2_credentials: [
    ...ofConsumer,
    { name: { ...text, required: true } },
    { client_id: text },
    { client_secret: text },
    { hash_secret: { type: 'boolean' } },
    { redirect_uris: { type: 'array', elements: text } },
    { client_type: { type: 'string', default: 'confidential', one_of: ['confidential', 'public'] } },
  ],
  certificates: [
    ...common,
    { cert: { ...text, required: true } },
    { key: { ...text, required: true } },
    { cert_alt: text },
    { key_alt: text },
  ],
  snis: [...common, { name: { ...text, required: true } }, { certificate: foreign }],
  vaults: [
    ...common,
    { name: { ...text, required: true } },
    { prefix: { ...text, required: true, match: '^[a-z][a-z%d-]-[a-z%d]+$', not_one_of: ['env'] } },
    { description: text },
  ],
};

/** Kinds that Kong or decK take as well. Their fields are not looked at. */
export const OTHER_KINDS = [
  ...['keys', 'key_sets', 'filter_chains'],
  ...['mtls_auth_credentials', 'consumer_groups', 'consumer_group_plugins', 'consumer_group_consumers', 'parameters'],
  ...['rbac_roles', 'rbac_role_endpoints', 'degraphql_routes', 'graphql_ratelimiting_cost_decorations', 'licenses'],
  ...[
    'partials',
    'service_packages',
    'custom_entities',
    'workspaces',
    'document_objects',
    'oauth2_tokens',
    'jwt_signers',
  ],
];

/** What stands inside of an entity of a kind, beside its fields. */
export const NESTED_KINDS: Readonly<Record<string, readonly string[]>> = {
  services: [
    'routes',
    'plugins',
    'filter_chains',
    'graphql_ratelimiting_cost_decorations',
    'degraphql_routes',
    'document',
  ],
  routes: ['plugins', 'filter_chains'],
  upstreams: ['targets'],
  certificates: ['snis'],
  consumers: [
    ...['plugins', 'keyauth_credentials', 'basicauth_credentials', 'jwt_secrets', 'acls', 'hmacauth_credentials'],
    ...['oauth2_credentials', 'mtls_auth_credentials', 'groups'],
  ],
};

/** Top-level keys that are no kinds. */
export const FILE_KEYS = [
  ...['_format_version', '_transform', '_info', '_comment', '_ignore', '_workspace', '_konnect', '_plugin_configs'],
];

/** Kong's own plugins that are checked. */
export const BUNDLED = new Map(
  bundledSchemas().map((plugin) => [
    plugin.name,
    plugin.name === 'rate-limiting' ? { ...plugin, ...withRedis(plugin) } : plugin,
  ]),
);

/** Plugins of Kong's open source (kong/constants.lua of 3.9). */
const OPEN_SOURCE_PLUGINS =
  `acl acme ai-prompt-decorator ai-prompt-guard ai-prompt-template ai-proxy ai-request-transformer
  ai-response-transformer aws-lambda azure-functions basic-auth bot-detection correlation-id cors datadog file-log
  grpc-gateway grpc-web hmac-auth http-log ip-restriction jwt key-auth ldap-auth loggly oauth2 opentelemetry
  post-function pre-function prometheus proxy-cache rate-limiting redirect request-size-limiting
  request-termination request-transformer response-ratelimiting response-transformer session standard-webhooks
  statsd syslog tcp-log udp-log zipkin`.split(/\s+/);

/** Plugins of the Enterprise edition only (developer.konghq.com/plugins, July 2026). */
export const ENTERPRISE_PLUGINS: ReadonlySet<string> = new Set(
  `ai-azure-content-safety ai-proxy-advanced ai-rag-injector ai-rate-limiting-advanced ai-sanitizer
  ai-semantic-cache ai-semantic-prompt-guard app-dynamics application-registration canary confluent
  confluent-consume datakit degraphql exit-transformer forward-proxy graphql-proxy-cache-advanced
  graphql-rate-limiting-advanced header-cert-auth injection-protection jq json-threat-protection jwe-decrypt
  jwt-signer kafka-consume kafka-log kafka-upstream key-auth-enc konnect-application-auth ldap-auth-advanced
  mocking mtls-auth oas-validation oauth2-introspection opa openid-connect proxy-cache-advanced
  rate-limiting-advanced request-callout request-transformer-advanced request-validator
  response-transformer-advanced route-by-header route-transformer-advanced saml service-protection solace-upstream
  tls-handshake-modifier tls-metadata-headers upstream-oauth upstream-timeout vault-auth websocket-size-limit
  websocket-validator xml-threat-protection`.split(/\s+/),
);

/** Kong's own plugins, of both editions. */
export const KNOWN_PLUGINS: ReadonlySet<string> = new Set([...OPEN_SOURCE_PLUGINS, ...ENTERPRISE_PLUGINS]);

/** Replaces attributes of fields. */
function wider(fields: Fields, changes: Readonly<Record<string, Partial<Field>>>): Fields {
  return eachField(fields).map(([name, field]) => {
    // The local gateway's own words about what it cannot do go with its narrower rule.
    const { eq: _eq, err: _err, ...rest } = field;
    const change = changes[name];
    return { [name]: change === undefined ? field : { ...rest, ...change } };
  });
}

/** Health checks of all protocols. */
function withCheckTypes(field: Readonly<Record<string, Field>>): Readonly<Record<string, Field>> {
  const { healthchecks } = field;
  if (healthchecks === undefined) return field;
  const kinds = wider(healthchecks.fields ?? [], {}).map((kind) =>
    Object.fromEntries(
      Object.entries(kind).map(([name, check]) => [
        name,
        check.fields === undefined ? check : { ...check, fields: wider(check.fields, { type: { one_of: CHECKS } }) },
      ]),
    ),
  );
  return { healthchecks: { ...healthchecks, fields: kinds } };
}

/** rate-limiting as it is with Redis, which the local gateway has not. */
function withRedis({ fields, entityChecks = [] }: PluginSchema): Pick<PluginSchema, 'fields' | 'entityChecks'> {
  const redis: Field = {
    type: 'record',
    fields: [
      { host: text },
      { port: { ...port, default: 6379 } },
      { timeout: { type: 'integer', between: [0, 2 ** 31 - 2], default: 2000 } },
      { username: { ...text, referenceable: true } },
      { password: { ...text, len_min: 0, referenceable: true } },
      { database: { type: 'integer', default: 0 } },
      { ssl: { type: 'boolean' } },
      { ssl_verify: { type: 'boolean' } },
      { server_name: text },
    ],
  };
  const needsHost = {
    if_field: 'config.policy',
    if_match: { eq: 'redis' },
    then_field: 'config.redis.host',
    then_match: { required: true },
  };
  return {
    entityChecks: [...entityChecks, { conditional: needsHost }],
    fields: eachField(fields).map(([name, field]) => ({
      [name]:
        name === 'config'
          ? { ...field, fields: [...wider(field.fields ?? [], { policy: { one_of: ['local', 'redis'] } }), { redis }] }
          : field,
    })),
  };
}
