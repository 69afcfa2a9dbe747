/** Configurations that keep or break one rule each: for the tests of our rules and of those of decK's linter. */

export interface RuleCase {
  what: string;
  state: string;
  /** Undefined: none. */
  violates: string | undefined;
  /** Where, as our check says it. */
  paths: string[];
}

const GOOD_SERVICE = `
    url: https://api.example.com
    read_timeout: 10000
    tls_verify: true`;

const service = (plugins: string, route = '{ name: r, paths: [/x] }'): string => `
_format_version: "3.0"
services:
  - name: s${GOOD_SERVICE}
    routes: [${route}]
    plugins: [${plugins}]`;

const consumers = (consumer: string, rest = ''): string => `
_format_version: "3.0"
consumers: [${consumer}]${rest}`;

const LIMIT = '{ name: rate-limiting, config: { minute: 5 } }';

function kept(what: string, state: string): RuleCase {
  return { what: `kept: ${what}`, state, violates: undefined, paths: [] };
}

function broken(violates: string, what: string, state: string, ...paths: string[]): RuleCase {
  return { what: `${violates}: ${what}`, state, violates, paths };
}

const TOKEN_MANAGER = 'services[s].plugins[genesys-token-manager].config';

export const RULE_CASES: readonly RuleCase[] = [
  kept('a service with everything', service('')),
  broken(
    'service-read-timeout',
    'a service has none',
    '_format_version: "3.0"\nservices: [{ name: s, url: "http://localhost:80" }]',
    'services[s].read_timeout',
  ),
  broken(
    'tls-verify',
    'a service does not say so',
    '_format_version: "3.0"\nservices: [{ name: s, url: "https://a.example", read_timeout: 1 }]',
    'services[s].tls_verify',
  ),
  broken(
    'tls-verify',
    'a service by its protocol says no',
    '_format_version: "3.0"\nservices: [{ name: s, host: a.example, protocol: https, read_timeout: 1, tls_verify: false }]',
    'services[s].tls_verify',
  ),
  broken(
    'tls-verify',
    'a Redis is not verified',
    service('{ name: genesys-quota, config: { redis: { ssl: true, ssl_verify: false } } }'),
    'services[s].plugins[genesys-quota].config.redis.ssl_verify',
  ),
  broken(
    'tls-verify',
    'a health check does not verify',
    '_format_version: "3.0"\nupstreams: [{ name: u, healthchecks: { active: { https_verify_certificate: false } } }]',
    'upstreams[u].healthchecks.active.https_verify_certificate',
  ),
  kept(
    'a health check and a Redis verify',
    `${service('{ name: genesys-quota, config: { redis: { ssl: true, ssl_verify: true } } }')}
upstreams: [{ name: u, healthchecks: { active: { https_verify_certificate: true } } }]`,
  ),
  kept('a consumer with a limit of its own', consumers(`{ username: c, plugins: [${LIMIT}] }`)),
  kept('a limit for everyone', consumers('{ username: c }', `\nplugins: [${LIMIT}]`)),
  kept(
    'a quota by consumer on every route',
    `${service('{ name: genesys-quota, config: { limits: [{ name: a, limit: 1 }] } }')}\nconsumers: [{ username: c }]`,
  ),
  kept(
    'a quota of genesys-gateway on every route',
    `${service('{ name: genesys-gateway, config: { quota: { limits: [{ name: a, limit: 1 }] } } }')}\nconsumers: [{ username: c }]`,
  ),
  kept(
    'a limit of the group',
    consumers('{ username: c, groups: [{ name: g }] }', `\nconsumer_groups: [{ name: g, plugins: [${LIMIT}] }]`),
  ),
  kept(
    "a limit of the Enterprise edition's limiter",
    consumers(
      '{ username: c }',
      '\nplugins: [{ name: rate-limiting-advanced, config: { limit: [5], window_size: [60] } }]',
    ),
  ),
  broken(
    'consumer-rate-limit',
    "the Enterprise edition's limiter counts by path",
    consumers(
      '{ username: c }',
      '\nplugins: [{ name: rate-limiting-advanced, config: { limit: [5], identifier: path } }]',
    ),
    'consumers[c]',
  ),
  broken('consumer-rate-limit', 'nothing limits a consumer', consumers('{ username: c }'), 'consumers[c]'),
  {
    ...broken(
      'consumer-rate-limit',
      'one route has no limit',
      `${service('')}
  - name: other${GOOD_SERVICE}
    routes: [{ name: r2, paths: [/y], plugins: [${LIMIT}] }]
consumers: [{ username: c }]`,
      'consumers[c]',
    ),
  },
  broken(
    'consumer-rate-limit',
    'the limit counts everyone together',
    `${service('{ name: genesys-quota, config: { limits: [{ name: a, limit: 1, by: global }] } }')}\nconsumers: [{ username: c }]`,
    'consumers[c]',
  ),
  kept(
    'references',
    service(`{ name: genesys-token-manager, config: { client_secret: "{vault://env/x}", password: "file:/run/x",
      proxy_url: "http://proxy:3128" } }`),
  ),
  broken(
    'literal-secret',
    'in a plugin',
    service('{ name: genesys-token-manager, config: { client_secret: hunter2, redis: { password: hunter2 } } }'),
    `${TOKEN_MANAGER}.client_secret`,
    `${TOKEN_MANAGER}.redis.password`,
  ),
  broken(
    'literal-secret',
    'in a URL',
    service('{ name: genesys-token-manager, config: { proxy_url: "http://u:hunter2@proxy:3128" } }'),
    `${TOKEN_MANAGER}.proxy_url`,
  ),
  broken(
    'literal-secret',
    'in a list',
    service('{ name: genesys-token-manager, config: { clients: [{ client_id: a, client_secret: hunter2 }] } }'),
    `${TOKEN_MANAGER}.clients[0].client_secret`,
  ),
  broken(
    'literal-secret',
    'a key of a consumer',
    consumers(`{ username: c, plugins: [${LIMIT}], keyauth_credentials: [{ key: hunter2 }] }`),
    'consumers[c].keyauth_credentials[0].key',
  ),
  kept(
    'the secret of a jwt credential that has a public key',
    consumers(
      `{ username: c, plugins: [${LIMIT}], jwt_secrets: [{ key: "c:k1", algorithm: RS256, secret: unused, rsa_public_key: x }] }`,
    ),
  ),
  broken(
    'literal-secret',
    'of a jwt credential without one',
    consumers(
      `{ username: c, plugins: [${LIMIT}], jwt_secrets: [{ key: a, secret: hunter2 }, { key: b, algorithm: HS512, secret: hunter2 }] }`,
    ),
    'consumers[c].jwt_secrets[0].secret',
    'consumers[c].jwt_secrets[1].secret',
  ),
  broken(
    'literal-secret',
    'a vault reference where Kong resolves none',
    consumers(
      `{ username: c, plugins: [${LIMIT}], basicauth_credentials: [{ username: c, password: "{vault://env/x}" }] }`,
    ),
    'consumers[c].basicauth_credentials[c].password',
  ),
  kept(
    'what decK fills in',
    consumers(`{ username: c, plugins: [${LIMIT}], keyauth_credentials: [{ key: '\${{ env "DECK_PROD_C_KEY" }}' }] }`),
  ),
  kept(
    'a secret of this stage',
    service('{ name: genesys-token-manager, config: { client_secret: "{vault://env/prod-client-secret}" } }'),
  ),
  broken(
    'secret-stage',
    'a secret of another stage',
    service('{ name: genesys-token-manager, config: { client_secret: "{vault://env/dev-client-secret}" } }'),
    `${TOKEN_MANAGER}.client_secret`,
  ),
  broken(
    'secret-stage',
    "a variable of another stage's",
    consumers(`{ username: c, plugins: [${LIMIT}], keyauth_credentials: [{ key: '\${{ env "DECK_STAGING_KEY" }}' }] }`),
    'consumers[c].keyauth_credentials[0].key',
  ),
  broken(
    'limit-by-ip',
    "Kong's plugin",
    service('{ name: rate-limiting, config: { minute: 5, limit_by: ip } }'),
    'services[s].plugins[rate-limiting].config.limit_by',
  ),
  broken(
    'limit-by-ip',
    "the Enterprise edition's plugin",
    service('{ name: rate-limiting-advanced, config: { limit: [5], identifier: ip } }'),
    'services[s].plugins[rate-limiting-advanced].config.identifier',
  ),
  broken(
    'limit-by-ip',
    'our quota and spike arrest',
    service('{ name: genesys-quota, config: { limits: [{ name: a, limit: 1, by: ip }], spike_arrest: { by: ip } } }'),
    'services[s].plugins[genesys-quota].config.limits[0].by',
    'services[s].plugins[genesys-quota].config.spike_arrest.by',
  ),
  broken(
    'limit-by-ip',
    'a quota in genesys-gateway',
    service('{ name: genesys-gateway, config: { quota: { limits: [{ name: a, limit: 1, by: ip }] } } }'),
    'services[s].plugins[genesys-gateway].config.quota.limits[0].by',
  ),
  kept(
    'a limit of logins, before anyone is known',
    service('{ name: genesys-quota, config: { limits: [{ name: logins, limit: 1, by: ip }] } }'),
  ),
  kept(
    'a filter beside a streaming route',
    service('', `{ name: r, tags: [streaming] }, { name: f, plugins: [{ name: genesys-response-filter }] }`),
  ),
  broken(
    'streaming-unbuffered',
    'a filter on the route',
    service('', '{ name: r, tags: [streaming], plugins: [{ name: genesys-response-filter }] }'),
    'services[s].routes[r].plugins[genesys-response-filter]',
  ),
  broken(
    'streaming-unbuffered',
    'a log of bodies on the service',
    service('{ name: genesys-pii-log }', '{ name: r, response_buffering: false }'),
    'services[s].plugins[genesys-pii-log]',
  ),
  broken(
    'streaming-unbuffered',
    'genesys-gateway on the route',
    service('', '{ name: r, tags: [streaming], plugins: [{ name: genesys-gateway }] }'),
    'services[s].routes[r].plugins[genesys-gateway]',
  ),
  kept(
    'genesys-gateway without its response phase',
    service('{ name: genesys-gateway-unbuffered }', '{ name: r, tags: [streaming] }'),
  ),
  kept(
    'a limit of logins in genesys-gateway',
    service('{ name: genesys-gateway, config: { quota: { limits: [{ name: logins, limit: 1, by: ip }] } } }'),
  ),
  kept('a log without bodies', service('{ name: genesys-pii-log-without-bodies }', '{ name: r, tags: [streaming] }')),
  broken(
    'streaming-unbuffered',
    'a filter on everything',
    `${service('', '{ name: r, tags: [streaming] }')}\nplugins: [{ name: genesys-response-filter }]`,
    'plugins[genesys-response-filter]',
  ),
  kept(
    'a cache for each user',
    service(
      '',
      '{ name: r, paths: [/x], plugins: [{ name: genesys-user-token }, { name: proxy-cache, config: { vary_headers: [authorization] } }] }',
    ),
  ),
  kept('a cache without users', service('{ name: proxy-cache }')),
  broken(
    'user-cache',
    'users of a route share a cache',
    service('', '{ name: r, paths: [/x], plugins: [{ name: genesys-user-token }, { name: proxy-cache }] }'),
    'services[s].routes[r].plugins[proxy-cache].config.vary_headers',
  ),
  broken(
    'user-cache',
    'users of a service share a cache that varies on something else',
    service('{ name: genesys-user-token }, { name: proxy-cache-advanced, config: { vary_headers: [Accept] } }'),
    'services[s].plugins[proxy-cache-advanced].config.vary_headers',
  ),
];
