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
  /** Kong's open source refuses what decK or the Enterprise edition takes: a warning. */
  isElsewhere?: boolean;
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

const elsewhere = (what: string, says: RegExp, yaml: string): CorpusCase => ({
  ...refused(what, says, yaml),
  isElsewhere: true,
});

const VERSION = '_format_version: "3.0"\n';
const serviceOf = (fields: string): string =>
  `${VERSION}services: [{ name: s, host: x.example, read_timeout: 1, ${fields} }]\n`;
const routeOf = (fields: string): string => serviceOf(`routes: [{ name: r, ${fields} }]`);
const upstreamOf = (fields: string): string => `${VERSION}upstreams: [{ name: u, ${fields} }]\n`;
const consumerOf = (fields: string): string => `${VERSION}consumers: [{ username: c, ${fields} }]\n`;
const globalOf = (plugin: string): string => `${VERSION}plugins: [{ ${plugin} }]\n`;
const UNKNOWN_ID = '6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01';

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
  taken(
    'an older version',
    '_format_version: "2.1"\nconsumers: [{ username: c }]\n',
    /1:1: _format_version: warning: is old/,
  ),
  refused('a version that is a number', /1:1: _format_version: must be "3.0", in quotes/, '_format_version: 3.0\n'),
  refused('a version that is none', /_format_version: must be "3.0"/, '_format_version: "4.0"\n'),
  refused('a transform in words', /_transform: expected a boolean/, `${VERSION}_transform: "yes"\n`),
  refused('a comment that is no text', /_comment: expected a string/, `${VERSION}_comment: { a: 1 }\n`),
  refused('a list of names', /:2:12: services\[0\]: expected a record/, `${VERSION}services: [s]\n`),
  refused('an empty place in a list', /services\[0\]: expected a record/, `${VERSION}services: [null]\n`),
  taken(
    'a key twice',
    `${VERSION}consumers: [{ username: c }]\nconsumers: [{ username: d }]\n`,
    /3:1: .* is there twice/,
  ),
  taken(
    "YAML 1.1's booleans and numbers",
    `${VERSION}services: [{ name: s, host: x.example, enabled: on, read_timeout: 1_000, retries: 010 }]\n`,
  ),
  refused(
    'a name that is a boolean in YAML 1.1',
    /consumers\[0\]\.username: expected a string/,
    `${VERSION}consumers: [{ username: no }]\n`,
  ),
  taken('a name of one letter', `${VERSION}consumers: [{ username: y }]\n`),
  elsewhere(
    "decK's own keys",
    /:2:1: _info: warning: is for decK.*\[deck-only\]/,
    `${VERSION}_info: { select_tags: [a] }\n`,
  ),
  elsewhere(
    'a reference as decK writes it',
    /service: warning: is for decK/,
    `${serviceOf('').replace(', }]', ' }]')}plugins: [{ name: key-auth, service: { name: s } }]\n`,
  ),
  elsewhere(
    'groups of consumers',
    /consumer_groups: warning: is for Kong's Enterprise.*\[enterprise-only\]/,
    `${VERSION}consumer_groups: [{ name: g }]\n`,
  ),
  elsewhere(
    'partials',
    /partials: warning/,
    `${VERSION}partials: [{ name: p, type: redis-ce, config: { host: x } }]\n`,
  ),
  elsewhere('a condition', /plugins\[key-auth\]\.condition: warning/, globalOf("name: key-auth, condition: 'a'")),
  elsewhere(
    'an order',
    /plugins\[key-auth\]\.ordering: warning/,
    globalOf('name: key-auth, ordering: { before: { access: [acl] } }'),
  ),
  elsewhere(
    'a plugin of the Enterprise edition',
    /plugins\[openid-connect\]\.name: warning/,
    globalOf('name: openid-connect, config: { issuer: "https://x.example" }'),
  ),
  elsewhere(
    "somebody's own plugin",
    /name: warning: is no plugin of Kong's.*\[unknown-plugin\]/,
    globalOf('name: my-plugin'),
  ),
  elsewhere(
    'a route by an expression',
    /expression: warning: needs .*\[router-flavor\]/,
    routeOf('expression: \'http.path == "/a"\''),
  ),
  // Services.
  refused(
    'a name with a space',
    /services\[s t\]\.name: must have only/,
    `${VERSION}services: [{ name: s t, host: x.example }]\n`,
  ),
  refused(
    'a host with a port',
    /host: must not have a port/,
    `${VERSION}services: [{ name: s, host: "x.example:80" }]\n`,
  ),
  refused(
    'a host that is a URL',
    /host: is no host name/,
    `${VERSION}services: [{ name: s, host: "https://x.example" }]\n`,
  ),
  refused('a host with a path', /host: is no host name/, `${VERSION}services: [{ name: s, host: x.example/a }]\n`),
  refused(
    'a host that is a reference',
    /host: is no host name/,
    `${VERSION}services: [{ name: s, host: "{vault://env/x}" }]\n`,
  ),
  refused(
    'an IP address that is none',
    /host: is no host name/,
    `${VERSION}services: [{ name: s, host: 10.0.0.256 }]\n`,
  ),
  refused(
    'a host that ends with a hyphen',
    /host: is no host name/,
    `${VERSION}services: [{ name: s, host: x-.example }]\n`,
  ),
  taken('a host by IPv6', `${VERSION}services: [{ name: s, host: "::1", read_timeout: 1 }]\n`),
  refused('a path with a query', /services\[s\]\.path: has characters/, serviceOf('path: "/a?b"')),
  refused(
    'a path with an empty segment',
    /services\[s\]\.path: must not have empty segments/,
    serviceOf('path: /a//b'),
  ),
  refused('a path whose escape is none', /services\[s\]\.path: invalid url-encoded/, serviceOf('path: /a%zz')),
  refused(
    'a URL without a protocol',
    /services\[s\]\.url: has no host/,
    `${VERSION}services: [{ name: s, url: x.example }]\n`,
  ),
  taken('a URL with a user and a query', `${VERSION}services: [{ name: s, url: "http://u:p@x.example/a?b=c" }]\n`),
  refused('a tag with a comma', /services\[s\]\.tags\[0\]: a tag must have no comma/, serviceOf('tags: ["a,b"]')),
  refused('an id that is none', /services\[s\]\.id: /, serviceOf('id: abc')),
  refused(
    'a client certificate that is not there',
    /client_certificate: there is no such client_certificate/,
    serviceOf(`protocol: https, client_certificate: { id: ${UNKNOWN_ID} }`),
  ),
  refused(
    'routes that are no list',
    /services\[s\]\.routes: expected an array/,
    serviceOf('routes: { r: { paths: [/a] } }'),
  ),
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
  refused('a pattern that is none', /routes\[r\]\.paths\[0\]: invalid regex/, file({ route: 'paths: ["~/a(b"]' })),
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
  refused('a lookahead', /paths\[0\]: invalid regex/, routeOf('paths: ["~/(?!a)b"]')),
  refused('a backreference', /paths\[0\]: invalid regex/, routeOf('paths: ["~/(a)\\\\1"]')),
  refused('a template where a pattern is wanted', /paths\[0\]: invalid regex/, routeOf('paths: ["~/users/{id}"]')),
  refused('an escape that is none', /paths\[0\]: invalid regex/, routeOf('paths: ["~/a\\\\Z"]')),
  refused('a class that is not closed', /paths\[0\]: invalid regex/, routeOf('paths: ["~/[[a]"]')),
  refused('a range from a class', /paths\[0\]: invalid regex/, routeOf("paths: ['~/[\\w-.]+']")),
  taken('a pattern with flags and possessive', routeOf('paths: ["~/(?i)a++(?i:b)"]')),
  taken('a pattern with names, classes and escapes', routeOf("paths: ['~/(?<id>[[:alpha:]]+)\\/b\\-c\\.d}$']")),
  refused('a path that is not normalized', /paths\[0\]: is not normalized/, routeOf('paths: ["/a%20b"]')),
  refused('a path with dots', /paths\[0\]: is not normalized/, routeOf('paths: [/a/../b]')),
  taken('a path with an escaped slash', routeOf('paths: [/a%2Fb]')),
  refused('a path with an empty segment', /paths\[0\]: must not have empty segments/, routeOf('paths: [/a//b]')),
  refused('a host with a space', /hosts\[0\]: not a valid hostname/, routeOf('hosts: ["a b"]')),
  refused('a port over all', /hosts\[0\]: not a valid hostname/, routeOf('hosts: ["a.example:70000"]')),
  taken('a host with a port', routeOf('hosts: ["a.example:8000"]')),
  refused(
    'a header whose name has a space',
    /headers\.x a: is no name of a header/,
    routeOf('headers: { "x a": [b] }'),
  ),
  refused('a header without a value', /headers\.x-a: must have a value/, routeOf('headers: { x-a: [] }')),
  refused(
    'a pattern of a header that is none',
    /headers\.x-a\[0\]: invalid regex/,
    routeOf('headers: { x-a: ["~*(a"] }'),
  ),
  refused(
    'protocols that do not go together',
    /protocols: these sets are mutually exclusive/,
    routeOf('paths: [/a], protocols: [http, grpc]'),
  ),
  refused(
    'methods of gRPC',
    /methods: cannot set 'methods'/,
    routeOf('paths: [/a], protocols: [grpc], methods: [POST]'),
  ),
  refused(
    'a stripped path of gRPC',
    /strip_path: cannot set/,
    routeOf('paths: [/a], protocols: [grpc], strip_path: true'),
  ),
  taken('a route of gRPC', routeOf('paths: [/a], protocols: [grpc]')),
  refused(
    'paths of TCP',
    /paths: cannot set 'paths'/,
    routeOf('paths: [/a], protocols: [tcp], destinations: [{ port: 9000 }]'),
  ),
  refused(
    'a route of TCP that matches nothing',
    /routes\[r\]: must set one of 'sources', 'destinations'/,
    routeOf('protocols: [tcp]'),
  ),
  taken('a route of TCP', routeOf('protocols: [tcp], destinations: [{ port: 9000 }]')),
  refused('sources of HTTP', /sources: cannot set 'sources'/, routeOf('paths: [/a], sources: [{ port: 9000 }]')),
  refused(
    'a source that is no address',
    /sources\[0\]\.ip: invalid ip/,
    routeOf('protocols: [tcp], sources: [{ ip: nope }]'),
  ),
  refused('an SNI without TLS', /snis: only for/, routeOf('paths: [/a], protocols: [http], snis: [a.example]')),
  refused(
    'an SNI with a port',
    /snis\[0\]: must not have a port/,
    routeOf('protocols: [https], snis: ["a.example:443"]'),
  ),
  refused('an SNI that is an address', /snis\[0\]: must not be an IP/, routeOf('protocols: [https], snis: [10.0.0.1]')),
  // Upstreams and targets.
  refused(
    'an upstream that is an address',
    /upstreams\[10\.0\.0\.1\]\.name: no IP address/,
    `${VERSION}upstreams: [{ name: 10.0.0.1 }]\n`,
  ),
  refused(
    'a hash of a header without its name',
    /hash_on_header: required field missing/,
    upstreamOf('hash_on: header'),
  ),
  refused(
    'a fallback that is the same',
    /hash_fallback: must be another/,
    upstreamOf('hash_on: ip, hash_fallback: ip'),
  ),
  refused('a fallback of nothing', /hash_fallback: must be another/, upstreamOf('hash_fallback: ip')),
  refused(
    'the same header twice',
    /hash_fallback_header: must be another/,
    upstreamOf('hash_on: header, hash_on_header: A, hash_fallback: header, hash_fallback_header: A'),
  ),
  refused(
    'a cookie whose name has a space',
    /hash_on_cookie: is no name/,
    upstreamOf('hash_on: cookie, hash_on_cookie: "a b"'),
  ),
  taken('a hash with a fallback', upstreamOf('hash_on: consumer, hash_fallback: ip')),
  refused('an algorithm of a later Kong', /algorithm: expected one of/, upstreamOf('algorithm: sticky-sessions')),
  refused('a Host that is none', /host_header: not a valid hostname/, upstreamOf('host_header: "a b"')),
  refused(
    'a health check with a query',
    /http_path: has characters/,
    upstreamOf('healthchecks: { active: { http_path: "/a?b=1" } }'),
  ),
  refused(
    'an SNI of a health check with a port',
    /https_sni: must not have a port/,
    upstreamOf('healthchecks: { active: { https_sni: "a.example:443" } }'),
  ),
  refused(
    'a target whose port is over all',
    /target: not a valid hostname/,
    upstreamOf('targets: [{ target: "a:70000" }]'),
  ),
  refused(
    'a target whose address is none',
    /target: not a valid hostname/,
    upstreamOf('targets: [{ target: "10.0.0.300:80" }]'),
  ),
  refused(
    'a target twice',
    /targets\[a:80\]\.target: uniqueness violation/,
    upstreamOf('targets: [{ target: "a:80" }, { target: "a:80" }]'),
  ),
  refused(
    'a target of nothing',
    /targets\[a:80\]\.upstream: required field missing/,
    `${VERSION}targets: [{ target: "a:80" }]\n`,
  ),
  taken('a target by IPv6', upstreamOf('targets: [{ target: "::1" }, { target: "[::1]:80" }]')),
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
  refused('a group twice', /acls\[1\]\.group: uniqueness violation/, consumerOf('acls: [{ group: g }, { group: g }]')),
  refused(
    'a key of nobody',
    /keyauth_credentials\[0\]\.consumer: required field missing/,
    `${VERSION}keyauth_credentials: [{ key: k }]\n`,
  ),
  taken('keys that Kong makes', consumerOf('keyauth_credentials: [{ ttl: 60 }], jwt_secrets: [{ secret: s }]')),
  refused(
    'a public key that is missing',
    /rsa_public_key: required field missing/,
    consumerOf('jwt_secrets: [{ key: k, algorithm: RS256 }]'),
  ),
  refused(
    'a public key that is none',
    /rsa_public_key: invalid key/,
    consumerOf('jwt_secrets: [{ key: k, algorithm: RS256, rsa_public_key: abc }]'),
  ),
  refused(
    'an HMAC without a name',
    /hmacauth_credentials\[0\]\.username: required field missing/,
    consumerOf('hmacauth_credentials: [{ secret: s }]'),
  ),
  refused(
    'a redirect that is no URI',
    /redirect_uris\[0\]: is no URI/,
    consumerOf('oauth2_credentials: [{ name: app, redirect_uris: [nope] }]'),
  ),
  // Vaults and certificates.
  taken('a vault', `${VERSION}vaults: [{ name: env, prefix: my-env, config: { prefix: A_ } }]\n`),
  refused(
    'a vault without a prefix',
    /vaults\[env\]\.prefix: required field missing/,
    `${VERSION}vaults: [{ name: env }]\n`,
  ),
  refused(
    'a vault whose prefix is taken',
    /vaults\[env\]\.prefix: must not be/,
    `${VERSION}vaults: [{ name: env, prefix: env }]\n`,
  ),
  refused(
    'a vault that is none',
    /vaults\[nope\]\.name: the vault is not installed/,
    `${VERSION}vaults: [{ name: nope, prefix: my-env }]\n`,
  ),
  refused(
    'a setting of a vault that is none',
    /vaults\[env\]\.config\.foo: unknown field/,
    `${VERSION}vaults: [{ name: env, prefix: my-env, config: { foo: a } }]\n`,
  ),
  refused(
    'a certificate without its key',
    /certificates\[0\]\.key: required field missing/,
    `${VERSION}certificates: [{ cert: abc }]\n`,
  ),
  refused(
    'an authority that is none',
    /ca_certificates\[0\]\.cert: invalid certificate/,
    `${VERSION}ca_certificates: [{ cert: "-----BEGIN CERTIFICATE-----\\nabc\\n-----END CERTIFICATE-----" }]\n`,
  ),
  refused(
    'an SNI of a certificate that is not there',
    /snis\[a\.example\]\.certificate: there is no such certificate/,
    `${VERSION}snis: [{ name: a.example, certificate: { id: ${UNKNOWN_ID} } }]\n`,
  ),
  // Plugins of Kong's.
  refused(
    'an empty configuration',
    /plugins\[key-auth\]\.config: required field missing/,
    globalOf('name: key-auth, config: null'),
  ),
  refused('a name that is null', /plugins\[0\]\.name: required field missing/, globalOf('name: null')),
  refused('a name that is a number', /plugins\[0\]\.name: expected a string/, globalOf('name: 5')),
  refused(
    'an instance name with a space',
    /instance_name: must have only/,
    globalOf('name: key-auth, instance_name: "a b"'),
  ),
  taken('a remark', globalOf('name: key-auth, _comment: x')),
  taken(
    'rate-limiting as before Kong 3.8',
    globalOf('name: rate-limiting, config: { minute: 5, policy: redis, redis_host: r, redis_port: 6379 }'),
  ),
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
    'an empty configuration of ours',
    /plugins\[genesys-quota\]\.config: required field missing/,
    globalOf('name: genesys-quota, config: null'),
  ),
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
  ...['{vault://env', '{{vault://env/x}}', 'vault://env/x', '{vault:/env/x}', '{env://x}', `\${{ env 'X' }}`].map(
    (text) =>
      taken(
        `a reference that is mistyped: ${text}`,
        globalOf(`name: key-auth, config: { realm: ${JSON.stringify(text)} }`),
        /config\.realm: warning: looks like a reference/,
      ),
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
    "a users' region that does not fit to its host",
    plugin(
      'genesys-user-token',
      '{ region: eu_west_1, organizations: [6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01], consumers: [{ consumer: c, client_id: a }] }',
    ).replace('example.com', 'api.mypurecloud.com'),
    /config\.region: warning: is eu_west_1, whose API is api\.mypurecloud\.ie/,
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
    'a consumer whose entry raises the limit of all',
    file({
      plugins: '- name: genesys-quota\n  config: { limits: [{ name: all, limit: 10, by: global }] }',
      more: `${CONSUMER}    plugins:\n      - name: genesys-quota\n        config: { limits: [{ name: all, limit: 500, by: global }] }\n`,
    }),
    /consumers\[c\]\.plugins\[genesys-quota\]: warning: replaces .* loses the limit all of all/,
  ),
  taken(
    'a route whose entry loses the limit of all',
    file({
      plugins: '- name: genesys-quota\n  config: { limits: [{ name: own, limit: 10 }] }',
      more: 'plugins:\n  - name: genesys-quota\n    service: s\n    config: { limits: [{ name: all, limit: 9, by: global }] }\n',
    }),
    /routes\[r\]\.plugins\[genesys-quota\]: warning: replaces plugins\[genesys-quota\] for its requests, and loses the limit all/,
  ),
  taken(
    'a route whose entry loses the requests in flight of all',
    file({
      plugins: '- name: genesys-quota\n  config: { limits: [{ name: own, limit: 10 }] }',
      more: 'plugins:\n  - name: genesys-quota\n    service: s\n    config: { concurrent: [{ name: jobs, limit: 9, by: global }] }\n',
    }),
    /routes\[r\]\.plugins\[genesys-quota\]: warning: replaces .* loses the limit jobs/,
  ),
  taken(
    'a month that a restart forgets',
    plugin('genesys-quota', '{ limits: [{ name: own, limit: 5 }, { name: bill, limit: 9, window: month }] }'),
    /plugins\[genesys-quota\]\.config\.limits\[1\]\.window: warning: is month, and policy: local .*\[lost-counts\]/,
  ),
  taken(
    'a week that genesys-gateway forgets',
    plugin('genesys-gateway', '{ quota: { policy: local, limits: [{ name: bill, limit: 9, window: week }] } }'),
    /plugins\[genesys-gateway\]\.config\.quota\.limits\[0\]\.window: warning: is week.*\[lost-counts\]/,
  ),
  taken(
    'a month that Redis keeps, and a day that is counted in memory',
    plugin(
      'genesys-quota',
      '{ policy: redis, redis: {}, limits: [{ name: bill, limit: 9, window: month }, { name: d, limit: 9, window: day }] }',
    ),
  ),
  taken(
    'limits of routes that do not meet',
    `${file({
      plugins: '- name: genesys-quota\n  config: { limits: [{ name: organisation, limit: 10, by: global }] }',
    })}routes: [{ name: q, paths: [/q] }]\n${CONSUMER}plugins: [{ name: genesys-quota, route: q, consumer: c, config: { limits: [{ name: own, limit: 5 }] } }]\n`,
  ),
  taken(
    'a region of every route that does not fit',
    file({
      more: 'plugins:\n  - name: genesys-token-manager\n    config: { region: eu_central_1, client_id: a, client_secret: "{vault://env/s}" }\n',
    }).replace('example.com', 'api.mypurecloud.com'),
    /plugins\[genesys-token-manager\]\.config\.region: warning: is eu_central_1/,
  ),
  taken(
    'a second region whose upstream is of the first one',
    file({
      plugins: `- name: genesys-token-manager
  config:
    regions:
      - { name: a, region: us_east_1, upstream: u, client_id: a, client_secret: "{vault://env/s}" }
      - { name: b, region: eu_west_1, upstream: v, client_id: a, client_secret: "{vault://env/s}" }`,
      more: `upstreams:
  - { name: u, targets: [{ target: "api.mypurecloud.com:443" }] }
  - { name: v, targets: [{ target: "api.mypurecloud.com:443" }] }
`,
    }),
    /config\.regions\[1\]\.region: warning: is eu_west_1/,
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
