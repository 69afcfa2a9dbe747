/**
 * What Kong refuses of the values of entities beyond their types: names, tags, hosts, paths, patterns, certificates, and
 * fields that do not go together (kong/db/schema/typedefs.lua, entities/). Pure.
 */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import type { Problem } from '../../plugins/shared/kong-schema/problem.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { isReference } from './references.js';
import { isRouterPattern } from './router-pattern.js';
import { valueAt } from './wording.js';

/** Says what is wrong with a text; undefined if nothing is. Never repeats it: it may be a secret. */
type TextCheck = (text: string) => string | undefined;

/**
 * Finds what Kong refuses of an entity whose types are right.
 * @param entity `strip_path` is as written: routes of gRPC have another default
 */
export function valueProblems(kind: string, entity: PlainObject): Problem[] {
  const texts = Object.entries({ tags: tag, ...TEXTS[kind] }).flatMap(([path, check]) =>
    textProblems(entity, path, check),
  );
  return [...texts, ...(TOGETHER[kind]?.(entity) ?? [])];
}

const TEXTS: Readonly<Record<string, Readonly<Record<string, TextCheck>>>> = {
  services: { name, host, path },
  routes: { name, hosts: routeHost, paths: routePath, snis: wildcardHost, sources: endpoint, destinations: endpoint },
  upstreams: {
    name: upstreamName,
    host_header: hostWithPort,
    hash_on_header: headerName,
    hash_fallback_header: headerName,
    hash_on_cookie: cookieName,
    'healthchecks.active.http_path': path,
    'healthchecks.active.https_sni': sni,
  },
  targets: { target: hostWithPort },
  plugins: { instance_name: name },
  snis: { name: wildcardHost },
  certificates: { cert: certificate, cert_alt: certificate, snis: wildcardHost },
  ca_certificates: { cert: certificate },
  oauth2_credentials: { redirect_uris: uri },
};

const TOGETHER: Readonly<Record<string, (entity: PlainObject) => Problem[]>> = {
  routes: routeProblems,
  upstreams: hashProblems,
  jwt_secrets: jwtProblems,
  vaults: vaultProblems,
};

/** The text at a path, or each of a list. Of records, such as `sources`, their `ip`. */
function textProblems(entity: PlainObject, path: string, check: TextCheck): Problem[] {
  const value = valueAt(entity, path);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      const inner = isPlainObject(item) ? '.ip' : '';
      return problemOf(isPlainObject(item) ? item.ip : item, `${path}[${index}]${inner}`, check);
    });
  }
  return problemOf(value, path, check);
}

function problemOf(value: unknown, path: string, check: TextCheck): Problem[] {
  const message = typeof value === 'string' ? check(value) : undefined;
  return message === undefined ? [] : [{ path, message }];
}

function name(text: string): string | undefined {
  return /^[\w.~\u0080-\uffff-]+$/.test(text) ? undefined : 'must have only letters, digits, and . - _ ~';
}

function tag(text: string): string | undefined {
  return /^[ !-+\-.0-~\u0080-\uffff]+$/.test(text) ? undefined : 'a tag must have no comma and no slash';
}

function headerName(text: string): string | undefined {
  return /^[A-Za-z0-9_-]+$/.test(text) ? undefined : 'is no name of a header';
}

function cookieName(text: string): string | undefined {
  return /^[!#-'*+.^`|~\w-]+$/.test(text) ? undefined : 'is no name of a cookie';
}

interface Address {
  type: 'ipv4' | 'ipv6' | 'name';
  hasPort: boolean;
}

/** Reads a host as Kong does (normalize_ip of kong/tools/ip.lua). */
function parseAddress(text: string): Address | 'invalid' | 'invalid port' {
  if (text.split(':').length > 2) {
    const [, inside = text, ending = ''] = /^\[(.*)\](.*)$/.exec(text) ?? [];
    const isWhole = isIPv6(inside) && /^(:\d+)?$/.test(ending);
    return isWhole ? withPort('ipv6', ending.slice(1)) : 'invalid';
  }
  const [, host = text, port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
  // Zeros in front are dropped.
  if (/^[\d.]+$/.test(text.replace(':', '')))
    return isIP(host.replace(/\b0+(?=\d)/g, '')) === 4 ? withPort('ipv4', port) : 'invalid';
  const labels = host.replace(/\.$/, '').split('.');
  return labels.every((label) => /^[\w-]*\w$/.test(label)) ? withPort('name', port) : 'invalid';
}

function withPort(type: Address['type'], port: string): Address | 'invalid port' {
  return Number(port) > 65_535 ? 'invalid port' : { type, hasPort: port !== '' };
}

function host(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === 'invalid') return 'is no host name and no IP address';
  return address === 'invalid port' || address.hasPort ? 'must not have a port' : undefined;
}

function hostWithPort(text: string): string | undefined {
  return typeof parseAddress(text) === 'string' ? 'not a valid hostname or ip address' : undefined;
}

function sni(text: string): string | undefined {
  const address = parseAddress(text);
  return typeof address !== 'string' && address.type !== 'name' ? 'must not be an IP address' : host(text);
}

function wildcardHost(text: string): string | undefined {
  if (text.split('*').length > 2) return 'invalid wildcard: only one';
  if (/.\*./.test(text)) return 'invalid wildcard: must be the first or the last character';
  return sni(text.replace('*', 'wildcard'));
}

function routeHost(text: string): string | undefined {
  return hostWithPort(text.replaceAll('*', 'abc'));
}

function upstreamName(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === 'invalid' || address === 'invalid port') return 'must be a valid hostname';
  return address.type === 'name' && !address.hasPort ? undefined : 'no IP address and no port allowed';
}

function endpoint(text: string): string | undefined {
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version === 0 || Number(bits) > (version === 4 ? 32 : 128) ? 'invalid ip or cidr range' : undefined;
}

function path(text: string): string | undefined {
  if (text.includes('//')) return 'must not have empty segments';
  if (/%(?![\dA-Fa-f]{2})/.test(text)) return 'invalid url-encoded value';
  // That it begins with a slash is told by its type.
  return /^[\w.~/%:@!$&'()*+,;=-]*$/.test(text) ? undefined : 'has characters that are not for paths (RFC 3986)';
}

function routePath(text: string): string | undefined {
  if (text.includes('//')) return 'must not have empty segments';
  if (text.startsWith('~'))
    return isRouterPattern(text.slice(1)) ? undefined : 'invalid regex: no pattern for PCRE and Rust';
  if (/%(?![\dA-Fa-f]{2})/.test(text)) return 'invalid url-encoded value';
  const isNormal =
    !/(^|\/)\.{1,2}(\/|$)/.test(text) && [...text.matchAll(/%(..)/g)].every(([, hex = '']) => isKeptEscaped(hex));
  return isNormal
    ? undefined
    : 'is not normalized: without escapes of what needs none, and without . and .. as segments';
}

function isKeptEscaped(hex: string): boolean {
  return hex === hex.toUpperCase() && "!*'();:@&=+$,/?%#[]".includes(String.fromCharCode(Number.parseInt(hex, 16)));
}

function certificate(text: string): string | undefined {
  if (isReference(text)) return undefined;
  try {
    new X509Certificate(text);
    return undefined;
  } catch {
    return 'invalid certificate';
  }
}

function uri(text: string): string | undefined {
  const isUri = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]/i.test(text);
  return isUri && !text.includes('#') ? undefined : 'is no URI, or has a fragment';
}

const EXCLUSIVE = [['http', 'https'], ['tcp', 'tls', 'udp'], ['tls_passthrough'], ['grpc', 'grpcs']] as const;

/** What routes of some protocols must have, and must not (routes_subschemas.lua). */
function routeProblems(route: PlainObject): Problem[] {
  const protocols = Array.isArray(route.protocols) ? route.protocols.map(String) : [];
  const [kind, ...others] = EXCLUSIVE.filter((set) => set.some((one) => protocols.includes(one)));
  if (kind === undefined || others.length > 0) {
    const sets = EXCLUSIVE.map((set) => set.join(', ')).join('; ');
    return [{ path: 'protocols', message: `these sets are mutually exclusive: ${sets}` }];
  }
  const has = (field: string): boolean => Object.keys(route[field] ?? {}).length > 0;
  const family = kind[0];
  const problems: Problem[] = EXCLUDED[family]
    .filter(has)
    .map((field) => ({ path: field, message: `cannot set '${field}' when 'protocols' is ${kind.join(', ')}` }));
  const isTls = protocols.every((one) => ['grpcs', 'https', 'tls', 'tls_passthrough'].includes(one));
  const hasTls = protocols.some((one) => ['grpcs', 'https', 'tls', 'tls_passthrough'].includes(one));
  if (has('snis') && !hasTls) problems.push({ path: 'snis', message: 'only for grpcs, https, tls or tls_passthrough' });
  const needed = [...NEEDED[family], ...(hasTls && (family !== 'tcp' || isTls) ? ['snis'] : [])];
  // An expression is for a router of expressions.
  if (![...needed, ...(family === 'tcp' ? ['snis'] : [])].some(has) && route.expression === undefined) {
    const list = needed.map((field) => `'${field}'`).join(', ');
    problems.push({ path: '', message: `must set one of ${list} when 'protocols' is ${protocols.join(', ')}` });
  }
  if (family === 'grpc' && route.strip_path === true)
    problems.push({ path: 'strip_path', message: "cannot set 'strip_path' when 'protocols' is grpc, grpcs" });
  return [...problems, ...headerProblems(route)];
}

const STREAM = ['methods', 'hosts', 'paths', 'headers'];
const EXCLUDED = {
  http: ['sources', 'destinations'],
  tcp: STREAM,
  tls_passthrough: STREAM,
  grpc: ['methods', 'sources', 'destinations'],
};
const NEEDED = {
  http: STREAM,
  tcp: ['sources', 'destinations'],
  tls_passthrough: [],
  grpc: ['hosts', 'headers', 'paths'],
};

function headerProblems({ headers }: PlainObject): Problem[] {
  if (!isPlainObject(headers)) return [];
  return Object.entries(headers).flatMap(([key, values]) => {
    const at = `headers.${key}`;
    const fault = headerName(key);
    if (fault !== undefined) return [{ path: at, message: fault }];
    if (!Array.isArray(values)) return [];
    if (values.length === 0) return [{ path: at, message: 'must have a value' }];
    const [only, ...more] = values.map(String);
    // Of several values none is a pattern.
    const isBroken = only?.startsWith('~*') && more.length === 0 && !isRouterPattern(only.slice(2));
    return isBroken ? [{ path: `${at}[0]`, message: 'invalid regex: no pattern for PCRE and Rust' }] : [];
  });
}

/** By what an upstream hashes needs a name, and its fallback must be another. */
function hashProblems(upstream: PlainObject): Problem[] {
  const { hash_on: on = 'none', hash_fallback: fallback = 'none' } = upstream;
  const required = [
    ...(['header', 'query_arg', 'uri_capture'].includes(String(on)) ? [`hash_on_${on}`] : []),
    ...(['header', 'query_arg', 'uri_capture'].includes(String(fallback)) ? [`hash_fallback_${fallback}`] : []),
    ...([on, fallback].includes('cookie') ? ['hash_on_cookie'] : []),
  ];
  const problems = required
    .filter((field) => upstream[field] === undefined)
    .map((field) => ({ path: field, message: 'required field missing' }));
  const isAlone = on === 'none' || on === 'cookie';
  const isSame = on === fallback && ['consumer', 'ip', 'path'].includes(String(on));
  if (fallback !== 'none' && (isAlone || isSame))
    problems.push({ path: 'hash_fallback', message: `must be another than hash_on, and none for ${String(on)}` });
  for (const what of ['header', 'query_arg', 'uri_capture']) {
    const first = upstream[`hash_on_${what}`];
    if (first !== undefined && first === upstream[`hash_fallback_${what}`])
      problems.push({ path: `hash_fallback_${what}`, message: `must be another than hash_on_${what}` });
  }
  return problems;
}

function jwtProblems({ algorithm, rsa_public_key: key }: PlainObject): Problem[] {
  if (!/^([RP]S|EdDSA)/.test(String(algorithm))) return [];
  if (key === undefined) return [{ path: 'rsa_public_key', message: 'required field missing' }];
  try {
    createPublicKey(String(key));
    return [];
  } catch {
    return [{ path: 'rsa_public_key', message: 'invalid key' }];
  }
}

/** Kong's vaults (kong/vaults of 3.9), and those of its Enterprise edition. */
export const VAULTS = ['env', 'aws', 'gcp', 'hcv', 'azure', 'conjur'];

function vaultProblems({ name: type, config }: PlainObject): Problem[] {
  if (!VAULTS.includes(String(type))) return [{ path: 'name', message: 'the vault is not installed' }];
  const fields = type === 'env' && isPlainObject(config) ? Object.keys(config) : [];
  return fields
    .filter((field) => field !== 'prefix')
    .map((field) => ({ path: `config.${field}`, message: 'unknown field' }));
}
