/**
 * Files that somebody might write, and what is wrong with each: what the check says, and whether Kong 3.9 takes it. The
 * second is measured (test/e2e/check-corpus.test.ts), the first must follow from it.
 */

export interface CorpusCase {
  what: string;
  /** Measured on Kong 3.9.3, DB-less. */
  kong: 'takes' | 'refuses';
  /** A part of a line of the check; undefined: it says nothing. For what Kong takes, a warning. */
  says: RegExp | undefined;
  yaml: string;
}

/** A file with a service `s`, whose fields and route can be replaced, and what comes after it. */
function file({
  service = '',
  route = 'paths: [/r]',
  plugins = '',
  more = '',
}: Partial<Record<string, string>>): string {
  const own = plugins === '' ? '' : `\n        plugins:\n${indent(plugins, 10)}`;
  return `_format_version: "3.0"
services:
  - name: s
    host: example.com
    read_timeout: 1000
${indent(service, 4)}    routes:
      - name: r
${indent(route, 8).trimEnd()}${own}
${more}`;
}

function indent(text: string, spaces: number): string {
  return text === '' ? '' : `${text.replace(/^/gm, ' '.repeat(spaces))}\n`;
}

const plugin = (name: string, config: string, further = ''): string =>
  file({ plugins: `- name: ${name}\n  config: ${config}${further === '' ? '' : `\n  ${further}`}` });

const refused = (what: string, says: RegExp, yaml: string): CorpusCase => ({ what, kong: 'refuses', says, yaml });
const taken = (what: string, yaml: string, says?: RegExp): CorpusCase => ({ what, kong: 'takes', says, yaml });

const CONSUMER = 'consumers:\n  - username: c\n';

export const CORPUS: readonly CorpusCase[] = [
  // Keys of the file.
  refused('no version', /1:1: _format_version: is missing/, 'consumers:\n  - username: c\n'),
  refused(
    'a kind that is misspelt',
    /:2:1: consumer: is no kind of entity; did you mean "consumers"/,
    '_format_version: "3.0"\nconsumer:\n  - username: c\n',
  ),
  refused('a kind that is none', /gateways: is no kind of entity/, '_format_version: "3.0"\ngateways: []\n'),
  refused(
    'a kind that is no list',
    /services: expected an array/,
    '_format_version: "3.0"\nservices: { name: s, host: x }\n',
  ),
  taken('a comment and an ignored part', '_format_version: "3.0"\n_comment: x\n_ignore: [{ a: 1 }]\n'),
  // Services.
  refused(
    'a field of a service that is misspelt',
    /services\[s\]\.read_timout: unknown field; did you mean "read_timeout"/,
    file({ service: 'read_timout: 1' }),
  ),
  refused(
    'a service without a host',
    /services\[t\]\.host: required field missing/,
    file({ more: 'services:\n  - name: t\n' }).replace(/services:[\s\S]*?services:/, 'services:'),
  ),
  refused(
    'a timeout of 0',
    /services\[s\]\.connect_timeout: value should be between/,
    file({ service: 'connect_timeout: 0' }),
  ),
  refused(
    'a timeout in words',
    /services\[s\]\.connect_timeout: expected an integer/,
    file({ service: 'connect_timeout: 5s' }),
  ),
  refused('a port that is none', /services\[s\]\.port: value should be between/, file({ service: 'port: 70000' })),
  refused('a protocol that is none', /services\[s\]\.protocol: expected one of/, file({ service: 'protocol: htps' })),
  refused('a path without a slash', /services\[s\]\.path: should start with/, file({ service: 'path: api' })),
  refused('retries of -1', /services\[s\]\.retries: value should be between/, file({ service: 'retries: -1' })),
  refused(
    'TLS of a service without it',
    /services\[s\]\.tls_verify: is not for services of the protocol http/,
    file({ service: 'protocol: http\ntls_verify: true' }),
  ),
  taken(
    'authorities that are not there',
    file({ service: 'protocol: https\nca_certificates: [6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01]' }),
    /ca_certificates\[0\]: warning: there is no such certificate/,
  ),
  refused(
    'a service twice',
    /services\[s\]\.name: uniqueness violation/,
    file({ more: '  - name: s\n    host: example.org\n' }),
  ),
  taken('a service by its URL', file({}).replace('host: example.com', 'url: https://example.com:8443/api')),
  taken(
    'a service of TCP',
    '_format_version: "3.0"\nservices:\n  - { name: s, host: x.example, protocol: tcp, read_timeout: 1 }\n',
  ),
  taken(
    'a host that is nearly an upstream',
    file({ more: 'upstreams:\n  - name: genesys-us-east-1\n    targets: [{ target: "x.example:443" }]\n' }).replace(
      'example.com',
      'genesys-us-east1',
    ),
    /host: warning: is neither an upstream nor a public name; did you mean "genesys-us-east-1"/,
  ),
  taken('a null', file({ service: 'path: null' })),
  // Routes.
  refused(
    'a field of a route that is misspelt',
    /routes\[r\]\.strip_paths: unknown field; did you mean "strip_path"/,
    file({ route: 'paths: [/r]\nstrip_paths: true' }),
  ),
  refused('a route that matches nothing', /routes\[r\]: must set one of/, file({ route: 'strip_path: true' })),
  refused('a path without a slash', /routes\[r\]\.paths\[0\]/, file({ route: 'paths: [r]' })),
  refused('a pattern that is none', /routes\[r\]\.paths: invalid regex/, file({ route: 'paths: ["~/a(b"]' })),
  refused(
    'a method in small letters',
    /routes\[r\]\.methods\[0\]: invalid value/,
    file({ route: 'methods: [get]\npaths: [/r]' }),
  ),
  refused('a text where a list is wanted', /routes\[r\]\.paths: expected an array/, file({ route: 'paths: /r' })),
  refused(
    'a protocol that is none',
    /routes\[r\]\.protocols\[0\]: expected one of/,
    file({ route: 'paths: [/r]\nprotocols: [htp]' }),
  ),
  refused('a header Host', /routes\[r\]\.headers/, file({ route: 'paths: [/r]\nheaders: { Host: [a] }' })),
  refused('two stars in a host', /routes\[r\]\.hosts: invalid wildcard/, file({ route: 'hosts: ["*.a.*"]' })),
  refused(
    'a redirect of 200',
    /routes\[r\]\.https_redirect_status_code: expected one of/,
    file({ route: 'paths: [/r]\nhttps_redirect_status_code: 200' }),
  ),
  refused(
    'a route of a service that is not there',
    /routes\[q\]\.service: there is no such service/,
    file({ more: 'routes:\n  - { name: q, paths: [/q], service: { name: t } }\n' }),
  ),
  refused(
    'a route twice',
    /routes\[r\]\.name: uniqueness violation/,
    file({ more: 'routes:\n  - { name: r, paths: [/q] }\n' }),
  ),
  taken('a route by its SNI', file({ route: 'protocols: [https]\nsnis: [a.example]' })),
  taken('a route without a service', file({ more: 'routes:\n  - { name: q, paths: [/q] }\n' })),
  // Upstreams and targets.
  refused(
    'a target with a protocol',
    /targets\[host:https\]\.target: not a valid hostname/,
    file({ more: 'upstreams:\n  - name: u\n    targets: [{ target: "host:https" }]\n' }),
  ),
  refused(
    'a target without an address',
    /targets\[0\]\.target: required field missing/,
    file({ more: 'upstreams:\n  - name: u\n    targets: [{ weight: 1 }]\n' }),
  ),
  refused(
    'a weight over all',
    /targets\[a:1\]\.weight: value should be between/,
    file({ more: 'upstreams:\n  - name: u\n    targets: [{ target: "a:1", weight: 70000 }]\n' }),
  ),
  refused(
    'an upstream without a name',
    /upstreams\[0\]\.name: required field missing/,
    file({ more: 'upstreams:\n  - targets: [{ target: "a:1" }]\n' }),
  ),
  refused(
    'an algorithm that is none',
    /upstreams\[u\]\.algorithm: expected one of/,
    file({ more: 'upstreams:\n  - { name: u, algorithm: random }\n' }),
  ),
  refused(
    'a health check that is misspelt',
    /healthchecks\.active\.healthy\.intervall: unknown field; did you mean "interval"/,
    file({ more: 'upstreams:\n  - name: u\n    healthchecks: { active: { healthy: { intervall: 5 } } }\n' }),
  ),
  refused(
    'a status that is none',
    /http_statuses\[0\]: value should be between/,
    file({ more: 'upstreams:\n  - name: u\n    healthchecks: { active: { healthy: { http_statuses: [99] } } }\n' }),
  ),
  taken(
    'an upstream with another algorithm',
    file({ more: 'upstreams:\n  - { name: u, algorithm: least-connections }\n' }),
  ),
  taken(
    'an SNI of another region',
    file({
      more: 'upstreams:\n  - name: u\n    healthchecks: { active: { https_sni: api.mypurecloud.com } }\n    targets: [{ target: "api.mypurecloud.de:443" }]\n',
    }),
    /https_sni: warning: is api\.mypurecloud\.com/,
  ),
  // Consumers and credentials.
  refused(
    'a consumer without a name',
    /consumers\[0\]: at least one of these fields/,
    '_format_version: "3.0"\nconsumers:\n  - tags: [a]\n',
  ),
  refused(
    'a consumer twice',
    /consumers\[c\]\.username: uniqueness violation/,
    `_format_version: "3.0"\n${CONSUMER}  - username: c\n`,
  ),
  refused(
    'a key twice',
    /keyauth_credentials\[0\]\.key: uniqueness violation/,
    `_format_version: "3.0"\n${CONSUMER}    keyauth_credentials: [{ key: k }]\n  - username: d\n    keyauth_credentials: [{ key: k }]\n`,
  ),
  refused(
    'a password without a name',
    /basicauth_credentials\[0\]\.username: required field missing/,
    `_format_version: "3.0"\n${CONSUMER}    basicauth_credentials: [{ password: p }]\n`,
  ),
  refused(
    'a group that is misspelt',
    /acls\[0\]\.grup: unknown field; did you mean "group"/,
    `_format_version: "3.0"\n${CONSUMER}    acls: [{ grup: g }]\n`,
  ),
  refused(
    'an algorithm of a token that is none',
    /jwt_secrets\[0\]\.algorithm: expected one of/,
    `_format_version: "3.0"\n${CONSUMER}    jwt_secrets: [{ key: k, secret: s, algorithm: HS1 }]\n`,
  ),
  // Plugins of Kong's.
  refused(
    'a plugin that is misspelt',
    /plugins\[bot-detecton\]\.name: is no plugin of Kong's; did you mean "bot-detection"/,
    '_format_version: "3.0"\nplugins:\n  - name: bot-detecton\n',
  ),
  refused(
    'a plugin without a name',
    /plugins\[0\]\.name: required field missing/,
    '_format_version: "3.0"\nplugins:\n  - config: {}\n',
  ),
  refused(
    'a field of acl that is misspelt',
    /plugins\[acl\]\.config\.alow: unknown field; did you mean "allow"/,
    plugin('acl', '{ alow: [g] }'),
  ),
  refused('acl with allow and deny', /exactly one of these fields/, plugin('acl', '{ allow: [g], deny: [h] }')),
  refused(
    'rate-limiting without a limit',
    /at least one of these fields/,
    plugin('rate-limiting', '{ policy: local }'),
  ),
  refused(
    'rate-limiting by Redis without a host',
    /config\.redis\.host/,
    plugin('rate-limiting', '{ minute: 1, policy: redis }'),
  ),
  refused(
    'rate-limiting whose second is more than its minute',
    /plugins\[rate-limiting\]\.config/,
    plugin('rate-limiting', '{ second: 10, minute: 5 }'),
  ),
  taken(
    'key-auth that looks for keys nowhere',
    plugin('key-auth', '{ key_in_header: false, key_in_query: false, key_in_body: false }'),
  ),
  refused(
    'a correlation id of a kind that is none',
    /config\.generator: expected one of/,
    plugin('correlation-id', '{ generator: random }'),
  ),
  refused(
    'a size in a unit that is none',
    /config\.size_unit: expected one of/,
    plugin('request-size-limiting', '{ allowed_payload_size: 1, size_unit: mega }'),
  ),
  refused(
    'a plugin of a consumer that is not there',
    /plugins\[rate-limiting\]\.consumer: there is no such consumer/,
    '_format_version: "3.0"\nplugins:\n  - { name: rate-limiting, consumer: nobody, config: { minute: 5 } }\n',
  ),
  refused(
    'a plugin of a route that is not there',
    /plugins\[rate-limiting\]\.route: there is no such route; did you mean "r"/,
    file({ more: 'plugins:\n  - { name: rate-limiting, route: q, config: { minute: 5 } }\n' }),
  ),
  refused(
    'a plugin twice at one place',
    /uniqueness violation: the plugin is there twice/,
    file({ plugins: '- { name: key-auth }\n- { name: key-auth }' }),
  ),
  taken(
    'a plugin nested and by reference',
    file({ plugins: '- { name: key-auth }', more: 'plugins:\n  - { name: key-auth, route: r }\n' }),
    /warning: is at the same place as/,
  ),
  refused(
    'enabled in words',
    /plugins\[key-auth\]\.enabled: expected a boolean/,
    file({ plugins: '- { name: key-auth, enabled: "yes" }' }),
  ),
  refused(
    'a protocol of a plugin that is none',
    /plugins\[key-auth\]\.protocols\[0\]: expected one of/,
    file({ plugins: '- { name: key-auth, protocols: [smtp] }' }),
  ),
  taken('rate-limiting by Redis', plugin('rate-limiting', '{ minute: 1, policy: redis, redis: { host: r } }')),
  taken('an instance name', plugin('key-auth', '{}', 'instance_name: mine')),
  taken(
    'a template of request-transformer',
    plugin('request-transformer', '{ add: { headers: ["X-A:$(uri_captures[1])"] } }'),
  ),
  taken('a plugin of Kong that is not looked into', plugin('cors', '{ origins: ["*"] }')),
  // Plugins of this suite.
  refused(
    'a plugin of ours that is misspelt',
    /plugins\[genesys-qouta\]\.name: is no plugin of this suite; did you mean "genesys-quota"/,
    plugin('genesys-qouta', '{}'),
  ),
  refused(
    'a field of ours that is misspelt',
    /config\.limits\[0\]\.windows: unknown field; did you mean "window"/,
    plugin('genesys-quota', '{ limits: [{ name: a, limit: 1, windows: minute }] }'),
  ),
  refused(
    'a value of ours that is none',
    /config\.policy: expected one of/,
    plugin('genesys-quota', '{ policy: redi }'),
  ),
  taken(
    'a shell variable',
    plugin(
      'genesys-token-manager',
      '{ region: us_east_1, client_id: $GENESYS_CLIENT_ID, client_secret: "{vault://env/s}" }',
    ),
    /config\.client_id: warning: looks like a reference/,
  ),
  taken(
    'a region that does not fit to its host',
    plugin('genesys-token-manager', '{ region: eu_central_1, client_id: a, client_secret: "{vault://env/s}" }').replace(
      'example.com',
      'api.mypurecloud.com',
    ),
    /config\.region: warning: is eu_central_1, whose API is api\.mypurecloud\.de/,
  ),
  taken(
    'a consumer whose entry loses the limit of the organisation',
    file({
      plugins: '- name: genesys-quota\n  config: { limits: [{ name: organisation, limit: 10, by: global }] }',
      more: `${CONSUMER}    plugins:\n      - name: genesys-quota\n        config: { limits: [{ name: own, limit: 5 }] }\n`,
    }),
    /consumers\[c\]\.plugins\[genesys-quota\]: warning: replaces the entry of routes for this consumer, and loses the limit organisation/,
  ),
  taken(
    'a part twice for one request',
    file({
      plugins: '- name: genesys-gateway\n  config: { quota: { limits: [{ name: a, limit: 10 }] } }',
      more: `${CONSUMER}    plugins:\n      - name: genesys-quota\n        config: { limits: [{ name: own, limit: 5 }] }\n`,
    }),
    /plugins\[genesys-quota\]: warning: is for requests that .* has quota for/,
  ),
];
