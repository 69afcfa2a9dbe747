/**
 * Checks a flattened document and builds the configuration that requests use. A document is accepted or refused as a
 * whole, and every fault is named.
 */
import { createHash } from 'node:crypto';
import { readField, readRecord } from '../../../plugins/shared/kong-schema/check.js';
import { checkEntities } from '../../../plugins/shared/kong-schema/entity-checks.js';
import { eachField, type Fields } from '../../../plugins/shared/kong-schema/field.js';
import type { Problem, Reading } from '../../../plugins/shared/kong-schema/problem.js';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import type { GatewayPlugin } from '../plugin.js';
import { type Flattened, flatten, readDocument, type Written } from './document.js';
import { CA_CERTIFICATE, CONSUMER, CREDENTIALS, PLUGIN, ROUTE, SERVICE, TARGET, UPSTREAM } from './entities.js';
import type {
  BasicCredential,
  ConsumerEntity,
  CredentialEntity,
  DeclarativeConfig,
  JwtCredential,
  KeyCredential,
  PluginEntity,
  RouteEntity,
  ServiceEntity,
  Snapshot,
  TargetEntity,
  UpstreamEntity,
} from './types.js';

export interface SnapshotOptions {
  handlers: ReadonlyMap<string, GatewayPlugin>;
  ignorePlugins: ReadonlySet<string>;
}

/**
 * Reads and checks a configuration.
 * @throws Error with a line for each fault
 */
export function buildSnapshot(
  config: string | DeclarativeConfig,
  options: SnapshotOptions,
): Snapshot & { ignored: string[] } {
  const document = readDocument(config);
  const flattened = flatten(document);
  const lines: string[] = [];
  const entities = checkAll(flattened, lines);
  const ignored = new Set<string>();
  const plugins: PluginEntity[] = [];
  for (const written of flattened.plugins) {
    const name = String(written.value.name);
    if (options.ignorePlugins.has(name)) ignored.add(name);
    else plugins.push(...checkPlugin(written, entities, options.handlers, lines));
  }
  refuseDuplicates(plugins, lines);
  const credentials = indexCredentials(flattened, entities, document._transform !== false, lines);
  if (lines.length > 0) throw new Error(lines.join('\n'));
  return {
    services: entities.services.byId,
    routes: [...entities.routes.byId.values()],
    upstreams: entities.upstreams.byName,
    consumers: entities.consumers.byId,
    consumersByUsername: entities.consumers.byName,
    ...credentials,
    plugins,
    ignored: [...ignored],
  };
}

/** Entities of one kind, by id and by name. */
interface Index<T> {
  byId: Map<string, T>;
  byName: Map<string, T>;
}
interface Entities {
  services: Index<ServiceEntity>;
  routes: Index<RouteEntity>;
  upstreams: Index<UpstreamEntity>;
  consumers: Index<ConsumerEntity>;
}

function checkAll(flattened: Flattened, lines: string[]): Entities {
  const services = index<ServiceEntity>(
    flattened.services.map((written) => ({ ...written, value: expandUrl(written.value) })),
    SERVICE,
    'name',
    lines,
  );
  const authorities = index<{ id: string; cert: string }>(flattened.ca_certificates, CA_CERTIFICATE, 'id', lines);
  for (const service of services.byId.values()) {
    if (service.ca_certificates === undefined) continue;
    service.authorities = service.ca_certificates.flatMap((id) => authorities.byId.get(id)?.cert ?? []);
    if (service.authorities.length < service.ca_certificates.length) {
      lines.push(`services[${service.name ?? service.id}].ca_certificates: no such certificate`);
    }
  }
  const consumers = index<ConsumerEntity>(flattened.consumers, CONSUMER, 'username', lines);
  const upstreams = index<UpstreamEntity>(flattened.upstreams, UPSTREAM, 'name', lines);
  const routes = index<RouteEntity>(flattened.routes, ROUTE, 'name', lines);
  for (const { path, value } of flattened.routes) {
    const route = routes.byId.get(String(value.id));
    if (route === undefined) continue;
    if (matchesNothing(route)) {
      lines.push(`${path}: must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'`);
    }
    lines.push(...routeFaults(route).map(([field, message]) => `${path}.${field}: ${message}`));
    if (value.service === undefined || value.service === null) continue;
    const id = resolve(value.service, services);
    if (id === undefined) lines.push(`${path}.service: no such service`);
    else route.service = { id };
  }
  for (const upstream of upstreams.byId.values()) upstream.targets = [];
  for (const { path, value } of flattened.targets) {
    const target = check<TargetEntity>(value, TARGET, path, lines);
    const upstream = upstreams.byId.get(resolve(value.upstream, upstreams) ?? '');
    if (upstream === undefined) lines.push(`${path}.upstream: no such upstream`);
    else if (target !== undefined) {
      const address = parseTarget(target.target);
      if (address === undefined)
        lines.push(`${path}.target: Invalid target ('${target.target}'); not a valid hostname or ip address`);
      else upstream.targets.push({ ...target, ...address });
    }
  }
  return { services, routes, upstreams, consumers };
}

/** Returns whether a route of HTTP has nothing by which requests find it. */
export function matchesNothing({ paths, methods, hosts, headers = {} }: Partial<RouteEntity>): boolean {
  return !(paths?.length || methods?.length || hosts?.length || Object.keys(headers).length);
}

/** Returns what is wrong with a route's values beyond its schema, as field and message. */
export function routeFaults({ paths = [], hosts = [] }: Partial<RouteEntity>): [field: string, message: string][] {
  const patterns = paths.filter((item) => item.startsWith('~') && !isPattern(item.slice(1)));
  const wildcards = hosts.filter((host) => {
    const stars = host.split('*').length - 1;
    return stars > 1 || (stars === 1 && !host.startsWith('*.') && !host.endsWith('.*'));
  });
  return [
    ...patterns.map((pattern): [string, string] => ['paths', `invalid regex: '${pattern}'`]),
    ...wildcards.map((host): [string, string] => ['hosts', `invalid wildcard: ${host}`]),
  ];
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text.replaceAll('(?P<', '(?<'));
    return true;
  } catch {
    return false;
  }
}

/** Expands `url`, which is short for protocol, host, port and path (kong/db/schema/entities/services.lua). */
export function expandUrl(value: PlainObject): PlainObject {
  const { url, path: _replaced, ...rest } = value;
  if (typeof url !== 'string') return value;
  const [, protocol = 'http', authority = '', path = ''] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/]*)(\/.*)?$/i.exec(url) ?? [];
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  const expanded: PlainObject = { ...rest, protocol, host: host.replace(/^\[|\]$/g, '') };
  expanded.port = port === undefined ? (protocol === 'https' ? 443 : 80) : Number(port);
  if (path !== '') expanded.path = path;
  return expanded;
}

/** Returns host and port of a target; undefined if it is neither. */
export function parseTarget(target: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+))(?::(\d+))?$/.exec(target) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return undefined;
  return { host, port: port === undefined ? 8000 : Number(port) };
}

function index<T extends { id: string }>(
  written: Written[],
  fields: Fields,
  nameField: string,
  lines: string[],
): Index<T> {
  const byId = new Map<string, T>();
  const byName = new Map<string, T>();
  for (const { path, value } of written) {
    const entity = check<T>(value, fields, path, lines);
    if (entity === undefined) continue;
    const name = (entity as PlainObject)[nameField];
    if (byId.has(entity.id)) lines.push(`${path}: uniqueness violation: '${name ?? entity.id}' stands there twice`);
    byId.set(entity.id, entity);
    if (typeof name === 'string') byName.set(name, entity);
  }
  return { byId, byName };
}

function check<T>(value: PlainObject, fields: Fields, path: string, lines: string[]): T | undefined {
  const problems: Problem[] = [];
  const entity = readRecord(fields, value, '', { from: 'operator', problems });
  const now = Math.floor(Date.now() / 1000);
  entity.created_at ??= now;
  entity.updated_at ??= now;
  lines.push(...problems.map((problem) => `${path}.${problem.path}: ${problem.message}`));
  return problems.length === 0 ? (entity as T) : undefined;
}

function resolve<T extends { id: string }>(reference: unknown, entities: Index<T>): string | undefined {
  const key = isPlainObject(reference) ? (reference.id ?? reference.name) : reference;
  if (typeof key !== 'string') return undefined;
  return (entities.byId.get(key) ?? entities.byName.get(key))?.id;
}

function checkPlugin(
  { path, value }: Written,
  entities: Entities,
  handlers: ReadonlyMap<string, GatewayPlugin>,
  lines: string[],
): PluginEntity[] {
  const { config = {}, ...rest } = value;
  const name = String(rest.name);
  const handler = handlers.get(name);
  if (handler === undefined) {
    lines.push(
      `${path}: the local gateway does not know the plugin "${name}" (leave it out with --ignore-plugin ${name})`,
    );
    return [];
  }
  const { entity, config: read, problems } = readPlugin(handler, PLUGIN, rest, config);
  const scopes = scopesOf(rest, entities, problems);
  lines.push(...problems.map((problem) => `${[path, problem.path].filter(Boolean).join('.')}: ${problem.message}`));
  if (problems.length > 0) return [];
  return [{ ...(entity as Omit<PluginEntity, 'config'>), ...scopes, config: read }];
}

/**
 * Reads an entry of a plugin by the plugin's schema.
 * @param fields of the entry, but for those that the plugin has itself
 * @param config as it is written
 */
export function readPlugin(
  handler: Pick<GatewayPlugin, 'fields' | 'entityChecks' | 'check'>,
  fields: Fields,
  rest: PlainObject,
  config: unknown,
): { entity: PlainObject; config: PlainObject; problems: Problem[] } {
  const problems: Problem[] = [];
  const reading: Reading = { from: 'operator', problems };
  const own = new Map(eachField(handler.fields));
  const entity = readRecord(fields, rest, '', reading);
  for (const [key, field] of own) {
    if (key === 'config') continue;
    const read = readField(field, rest[key], key, reading);
    if (read !== undefined) entity[key] = read;
  }
  const configField = own.get('config') ?? { type: 'record', fields: [] };
  const read = readField({ ...configField, required: true }, config ?? {}, 'config', reading) ?? {};
  checkEntities(handler.entityChecks ?? [], { ...entity, config: read }, '', reading);
  if (problems.length === 0) {
    for (const message of handler.check?.(read as PlainObject) ?? []) problems.push({ path: 'config', message });
  }
  return { entity, config: read as PlainObject, problems };
}

type Scopes = Pick<PluginEntity, 'routeId' | 'serviceId' | 'consumerId'>;

function scopesOf(value: PlainObject, entities: Entities, problems: Problem[]): Scopes {
  const scopes: Scopes = {};
  const scope = (field: string, key: keyof Scopes, index: Index<{ id: string }>): void => {
    if (value[field] === undefined || value[field] === null) return;
    const id = resolve(value[field], index);
    if (id === undefined) problems.push({ path: field, message: `no such ${field}` });
    else scopes[key] = id;
  };
  scope('route', 'routeId', entities.routes);
  scope('service', 'serviceId', entities.services);
  scope('consumer', 'consumerId', entities.consumers);
  return scopes;
}

function refuseDuplicates(plugins: readonly PluginEntity[], lines: string[]): void {
  const seen = new Set<string>();
  for (const { name, routeId, serviceId, consumerId } of plugins) {
    const key = JSON.stringify([name, routeId, serviceId, consumerId]);
    if (seen.has(key)) lines.push(`plugins[${name}]: uniqueness violation: the plugin stands twice at the same place`);
    seen.add(key);
  }
}

function indexCredentials(flattened: Flattened, entities: Entities, hashPasswords: boolean, lines: string[]) {
  const read = <T extends CredentialEntity>(kind: keyof typeof CREDENTIALS, unique: keyof T & string): T[] => {
    const seen = new Set<unknown>();
    return flattened[kind].flatMap(({ path, value }) => {
      const credential = check<T>(value, CREDENTIALS[kind], path, lines);
      const consumer = resolve(value.consumer, entities.consumers);
      if (consumer === undefined) lines.push(`${path}.consumer: no such consumer`);
      if (credential === undefined || consumer === undefined) return [];
      if (kind !== 'acls' && seen.has(credential[unique])) lines.push(`${path}.${unique}: uniqueness violation`);
      seen.add(credential[unique]);
      return [{ ...credential, consumer: { id: consumer } }];
    });
  };
  const basic = read<BasicCredential>('basicauth_credentials', 'username').map((credential) =>
    hashPasswords ? { ...credential, password: hashPassword(credential.consumer.id, credential.password) } : credential,
  );
  const groups = new Map<string, string[]>();
  for (const { consumer, group } of read<CredentialEntity & { group: string }>('acls', 'group')) {
    groups.set(consumer.id, [...(groups.get(consumer.id) ?? []), group]);
  }
  return {
    keyCredentials: new Map(read<KeyCredential>('keyauth_credentials', 'key').map((item) => [item.key, item])),
    basicCredentials: new Map(basic.map((item) => [item.username, item])),
    jwtCredentials: new Map(read<JwtCredential>('jwt_secrets', 'key').map((item) => [item.key, item])),
    groups,
  };
}

/** Hashes a password as Kong stores it: SHA-1 of password and consumer id (kong/plugins/basic-auth/crypto.lua). */
export function hashPassword(consumerId: string, password: string): string {
  return createHash('sha1').update(`${password}${consumerId}`).digest('hex');
}
