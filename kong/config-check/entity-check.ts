/**
 * What Kong refuses of a configuration whatever plugins it has: unknown kinds and fields, values, names that are there
 * twice, references that lead nowhere, and the configuration of those of Kong's own plugins that the local gateway knows.
 * Pure.
 */
import { readRecord } from '../../plugins/shared/kong-schema/check.js';
import type { Field, Fields } from '../../plugins/shared/kong-schema/field.js';
import type { Problem } from '../../plugins/shared/kong-schema/problem.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import type { PluginSchema } from '../local-gateway/bundled/schemas.js';
import { expandReferences } from '../local-gateway/config/document.js';
import { PLUGIN } from '../local-gateway/config/entities.js';
import { expandUrl, readPlugin, routeFaults } from '../local-gateway/config/snapshot.js';
import { type Document, type Entity, type Fault, faultOf, nameOf, ownerOf } from './entities.js';
import { BUNDLED, ENTITY_FIELDS, FILE_KEYS, KNOWN_PLUGINS, NESTED_KINDS, OTHER_KINDS } from './kong-entities.js';
import { valueProblems } from './kong-values.js';
import { isDeckVariable } from './references.js';
import { didYouMean } from './suggest.js';
import { FURTHER_PLUGIN_FIELDS, NOTES, valueAt, wording } from './wording.js';

const PLUGIN_FIELDS: Fields = [
  ...PLUGIN,
  ...FURTHER_PLUGIN_FIELDS.map((name) => ({ [name]: { type: 'string', required: false } as Field })),
];

/** Finds what Kong refuses of the files' keys and of all entities but the suite's plugins. */
export function checkEntities(documents: readonly Document[], entities: readonly Entity[]): Fault[] {
  const lookups = documents.flatMap(({ value }) => elsewhere(value));
  return [
    ...documents.flatMap(unknownKinds),
    ...entities.flatMap((entity) => [
      ...(entity.kind === 'plugins' ? bundledFaults(entity) : fieldFaults(entity)),
      ...brokenReferences(entity, entities, lookups),
    ]),
    ...repeated(entities),
  ];
}

/** Returns whether a name is of a plugin that may be in Kong: one of its own. */
export function isKongPlugin(name: string): boolean {
  return KNOWN_PLUGINS.has(name);
}

function unknownKinds({ file, value }: Document): Fault[] {
  const known = [...Object.keys(ENTITY_FIELDS), 'plugins', ...OTHER_KINDS, ...FILE_KEYS];
  return Object.entries(value).flatMap(([key, list]): Fault[] => {
    if (!known.includes(key))
      return [{ file, at: [key], path: key, message: `is no kind of entity${didYouMean(key, known)}` }];
    const fault = key.startsWith('_') ? noteFault(key, list) : listFault(key, list);
    return fault.map((one) => ({ file, ...one }));
  });
}

function noteFault(key: string, value: unknown): Pick<Fault, 'at' | 'path' | 'message'>[] {
  const wanted = { _comment: 'string', _ignore: 'array', _transform: 'boolean' }[key];
  const isRight = value === null || value === undefined || (Array.isArray(value) ? 'array' : typeof value) === wanted;
  return isRight || wanted === undefined ? [] : [{ at: [key], path: key, message: `expected a ${wanted}` }];
}

/** What holds entities is a list of records. */
function listFault(key: string, list: unknown): Pick<Fault, 'at' | 'path' | 'message'>[] {
  if (list === null || list === undefined) return [];
  if (!Array.isArray(list)) return [{ at: [key], path: key, message: 'expected an array' }];
  return list.flatMap((item: unknown, index) =>
    isPlainObject(item) ? [] : [{ at: [key, index], path: `${key}[${index}]`, message: 'expected a record' }],
  );
}

function fieldFaults(entity: Entity): Fault[] {
  const fields = ENTITY_FIELDS[entity.kind];
  if (fields === undefined) return [];
  const nested = NESTED_KINDS[entity.kind] ?? [];
  const own = Object.entries(entity.value).filter(
    ([key]) => !nested.includes(key) && !NOTES.includes(key) && !isOfVault(entity.kind, key),
  );
  const value = expandReferences(Object.fromEntries(own));
  const problems: Problem[] = nested.flatMap((kind) => listFault(kind, entity.value[kind]));
  problems.push(...NOTES.flatMap((key) => noteFault(key, entity.value[key])));
  if (entity.kind === 'services' && typeof value.url === 'string' && !value.url.includes('//')) {
    const message = 'has no host: it begins with its protocol, such as https://';
    return certain(entity, [...problems, { path: 'url', message }]).map((one) =>
      faultOf(entity, one.path, one.message),
    );
  }
  const read = readRecord(fields, entity.kind === 'services' ? expandUrl(withPlainUrl(value)) : value, '', {
    from: 'operator',
    problems,
  });
  if (entity.kind === 'services') problems.push(...protocolProblems(read));
  if (problems.length === 0)
    problems.push(
      ...valueProblems(entity.kind, { ...read, config: entity.value.config, strip_path: value.strip_path }),
      ...wildcardProblems(entity.kind, read),
    );
  if (entity.kind === 'consumers' && read.username === undefined && read.custom_id === undefined)
    problems.push({ path: '', message: "at least one of these fields must be non-empty: 'custom_id', 'username'" });
  return certain(entity, problems).map((problem) => faultOf(entity, problem.path, wording(problem, fields, nested)));
}

/** What services of other protocols must not have (kong/db/schema/entities/services.lua). */
function protocolProblems(service: PlainObject): Problem[] {
  const protocol = String(service.protocol);
  const ofTls = ['client_certificate', 'tls_verify', 'tls_verify_depth', 'ca_certificates'];
  const excluded = [
    ...(['https', 'tls'].includes(protocol) ? [] : ofTls),
    ...(['tcp', 'tls', 'udp', 'grpc', 'grpcs'].includes(protocol) ? ['path'] : []),
  ];
  return excluded
    .filter((field) => service[field] !== undefined)
    .map((field) => ({ path: field, message: `is not for services of the protocol ${protocol}` }));
}

/** Kong reads neither a user nor a query in a URL, and takes one without its protocol as http. */
function withPlainUrl(service: PlainObject): PlainObject {
  if (typeof service.url !== 'string') return service;
  const url = service.url
    .replace(/^\/\//, 'http://')
    .replace(/(\/\/)[^/@]*@/, '$1')
    .replace(/[?#].*$/, '');
  return { ...service, url };
}

/** Which settings a vault has depends on its type. */
function isOfVault(kind: string, key: string): boolean {
  return kind === 'vaults' && key === 'config';
}

function wildcardProblems(kind: string, route: PlainObject): Problem[] {
  if (kind !== 'routes') return [];
  return routeFaults(route).flatMap(([path, message]) => (path === 'hosts' ? [{ path, message }] : []));
}

function bundledFaults(entity: Entity): Fault[] {
  const { config, ...rest } = entity.value;
  const { name } = rest;
  if (name === undefined || name === null) return [faultOf(entity, 'name', 'required field missing')];
  if (typeof name !== 'string') return [faultOf(entity, 'name', 'expected a string')];
  const common = [...valueProblems('plugins', rest), ...NOTES.flatMap((key) => noteFault(key, rest[key]))];
  // Without the field there are defaults.
  if (config === null) common.push({ path: 'config', message: 'required field missing' });
  const faults = common.map((problem) => faultOf(entity, problem.path, problem.message));
  const handler = BUNDLED.get(name);
  return handler === undefined
    ? faults
    : [...faults, ...schemaFaults(entity, handler, withoutOldRedis(name, config), rest)];
}

/** Fields of rate-limiting from before Kong 3.8, which it still takes. */
function withoutOldRedis(name: string, config: unknown): unknown {
  if (name !== 'rate-limiting' || !isPlainObject(config)) return config;
  const old = Object.entries(config).filter(([key]) => key.startsWith('redis_'));
  if (old.length === 0) return config;
  const redis = Object.fromEntries(old.map(([key, value]) => [key.replace('redis_', ''), value]));
  const others = Object.entries(config).filter(([key]) => !key.startsWith('redis_'));
  const own = isPlainObject(config.redis) ? config.redis : {};
  return { ...Object.fromEntries(others), redis: { ...redis, ...own } };
}

function schemaFaults(entity: Entity, handler: PluginSchema, config: unknown, rest: PlainObject): Fault[] {
  // Of these only their names are known.
  const known = Object.entries(expandReferences(rest)).filter(([key]) => !FURTHER_PLUGIN_FIELDS.includes(key));
  const { problems } = readPlugin(handler, PLUGIN_FIELDS, Object.fromEntries(known), config);
  const fields = [...PLUGIN_FIELDS, ...handler.fields];
  return certain(
    entity,
    problems.filter(({ message }) => !message.includes('the local gateway ')),
  ).map((problem) => faultOf(entity, problem.path, wording(problem, fields)));
}

/**
 * What decK fills in may have any type, and Kong sees only what it has become. Whether several fields fit together is then
 * not known either.
 */
function certain(entity: Entity, problems: readonly Problem[]): Problem[] {
  const writtenAt = ({ path }: Problem): unknown => valueAt(entity.value, path);
  const isFilledIn = (problem: Problem): boolean => isDeckVariable(String(writtenAt(problem)));
  if (!problems.some(isFilledIn)) return [...problems];
  return problems.filter((problem) => !isFilledIn(problem) && !isPlainObject(writtenAt(problem)));
}

const REFERENCES: Readonly<Record<string, string>> = {
  service: 'services',
  route: 'routes',
  consumer: 'consumers',
  consumer_group: 'consumer_groups',
  upstream: 'upstreams',
  client_certificate: 'certificates',
  certificate: 'certificates',
};
/** Kinds that belong to another entity, and the field that names it. */
const OWNERS: Readonly<Record<string, string>> = {
  targets: 'upstream',
  snis: 'certificate',
  keyauth_credentials: 'consumer',
  basicauth_credentials: 'consumer',
  hmacauth_credentials: 'consumer',
  oauth2_credentials: 'consumer',
  jwt_secrets: 'consumer',
  acls: 'consumer',
};

/** decK looks entities up by tags that are in another state. */
function elsewhere({ _info: info }: PlainObject): string[] {
  const lookups = isPlainObject(info) && isPlainObject(info.default_lookup_tags) ? info.default_lookup_tags : {};
  return Object.keys(lookups);
}

function brokenReferences(entity: Entity, entities: readonly Entity[], lookups: readonly string[]): Fault[] {
  const missing = Object.entries(REFERENCES).filter(([field, kind]) => {
    const { [field]: reference } = entity.value;
    const isNestedThere = entity.outer?.kind === kind;
    if (reference === undefined || reference === null || isNestedThere || lookups.includes(kind)) return false;
    return ownerOf(entity, field, kind, entities) === undefined;
  });
  const owner = OWNERS[entity.kind];
  const isOrphan = owner !== undefined && entity.outer === undefined && (entity.value[owner] ?? null) === null;
  const orphan = isOrphan ? [faultOf(entity, owner, 'required field missing')] : [];
  const broken = missing.map(([field, kind]) => {
    const names = entities.filter((other) => other.kind === kind).flatMap((other) => nameOf(other) ?? []);
    return faultOf(entity, field, `there is no such ${field}${didYouMean(String(entity.value[field]), names)}`);
  });
  return [...orphan, ...broken];
}

/** What Kong keeps once only, by kind. */
const UNIQUE: Readonly<Record<string, readonly string[]>> = {
  services: ['name'],
  routes: ['name'],
  upstreams: ['name'],
  consumers: ['username', 'custom_id'],
  consumer_groups: ['name'],
  ca_certificates: ['cert'],
  keyauth_credentials: ['key'],
  basicauth_credentials: ['username'],
  hmacauth_credentials: ['username'],
  jwt_secrets: ['key'],
  oauth2_credentials: ['client_id'],
  vaults: ['prefix'],
};

function repeated(entities: readonly Entity[]): Fault[] {
  const seen = new Map<string, Entity>();
  return entities.flatMap((entity) => {
    const { kind, value } = entity;
    const keys: [field: string, key: unknown][] = ['id', ...(UNIQUE[kind] ?? [])].map((field) => [field, value[field]]);
    if (kind === 'plugins') keys.push(['name', placeAsWritten(entity)]);
    const part = { targets: 'target', acls: 'group' }[kind];
    if (part !== undefined && value[part] !== undefined) keys.push([part, partAsWritten(entity, part)]);
    if (kind === 'plugins' && value.instance_name !== undefined) keys.push(['instance_name', value.instance_name]);
    return keys.flatMap(([field, key]) => {
      if (key === undefined || key === null || isDeckVariable(String(key))) return [];
      const text = `${kind} ${field} ${key}`;
      const first = seen.get(text);
      seen.set(text, first ?? entity);
      if (first === undefined) return [];
      const message =
        kind === 'plugins' && field === 'name' ? 'the plugin is there twice at the same place' : 'is there twice';
      return [faultOf(entity, field, `uniqueness violation: ${message}`)];
    });
  });
}

/** Returns what is there once only in what it belongs to, as Kong reads it. */
function partAsWritten({ outer, file, value }: Entity, field: string): string {
  return JSON.stringify([value[field], outer && [file, outer.at], value.upstream, value.consumer]);
}

/** Returns where a plugin is, as Kong reads it: two entries of which one is nested and one refers are not compared. */
function placeAsWritten({ outer, value }: Entity): string {
  const list = outer && [outer.file, ...outer.at];
  return JSON.stringify([value.name, list, ...Object.keys(REFERENCES).map((field) => value[field])]);
}
