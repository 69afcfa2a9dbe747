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
      algorithm: { one_of: ['consistent-hashing', 'least-connections', 'round-robin', 'latency', 'sticky-sessions'] },
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
};

/** Kinds that Kong or decK take as well. Their fields are not looked at. */
export const OTHER_KINDS = [
  ...[
    'certificates',
    'snis',
    'vaults',
    'keys',
    'key_sets',
    'filter_chains',
    'hmacauth_credentials',
    'oauth2_credentials',
  ],
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

/** Kong's other plugins, of both editions (developer.konghq.com/plugins, July 2026). */
export const KNOWN_PLUGINS: ReadonlySet<string> = new Set(
  `acl acme ai-proxy ai-proxy-advanced ai-prompt-decorator ai-prompt-guard ai-prompt-template ai-request-transformer
  ai-response-transformer ai-semantic-cache ai-semantic-prompt-guard ai-rate-limiting-advanced ai-azure-content-safety
  ai-rag-injector ai-sanitizer app-dynamics application-registration aws-lambda azure-functions basic-auth bot-detection
  canary confluent confluent-consume correlation-id cors datadog datakit degraphql exit-transformer file-log forward-proxy
  graphql-proxy-cache-advanced graphql-rate-limiting-advanced grpc-gateway grpc-web header-cert-auth hmac-auth http-log
  injection-protection ip-restriction jq json-threat-protection jwe-decrypt jwt jwt-signer kafka-consume kafka-log
  kafka-upstream key-auth key-auth-enc konnect-application-auth ldap-auth ldap-auth-advanced loggly mocking mtls-auth
  oas-validation oauth2 oauth2-introspection opa openid-connect opentelemetry post-function pre-function prometheus
  proxy-cache proxy-cache-advanced rate-limiting rate-limiting-advanced redirect request-callout request-size-limiting
  request-termination request-transformer request-transformer-advanced request-validator response-ratelimiting
  response-transformer response-transformer-advanced route-by-header route-transformer-advanced saml session
  service-protection solace-upstream standard-webhooks statsd syslog tcp-log tls-handshake-modifier tls-metadata-headers
  udp-log upstream-oauth upstream-timeout vault-auth websocket-size-limit websocket-validator xml-threat-protection
  zipkin`.split(/\s+/),
);

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
