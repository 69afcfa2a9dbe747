/**
 * The rules of this suite that no schema can say: kong/deck-lint.yml has the same for decK's linter, as far as it can
 * follow them, under the same names. Pure.
 */

import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { STAGES } from '../stages.js';
import { type Document, type Entity, type Fault, faultOf, ownerOf } from './entities.js';
import { isNamed, partOf } from './parts.js';
import { isDeckVariable, isReference, isVaultReference, variablesIn } from './references.js';

export interface RuleContext {
  entities: readonly Entity[];
  /** Whose keys are looked at too. */
  documents?: readonly Document[];
  /** Undefined: any. */
  stage: string | undefined;
  /** Names of plugins that were given by `--name`. */
  variants?: ReadonlyMap<string, string>;
  /** The Kong that is meant (`--kong`); undefined: 3.9. */
  kong?: readonly number[] | undefined;
}

export type Rule = (context: RuleContext) => Fault[];

export const RULES: Readonly<Record<string, Rule>> = {
  'service-read-timeout': serviceReadTimeout,
  'consumer-rate-limit': consumerRateLimit,
  'literal-secret': literalSecret,
  'secret-stage': secretStage,
  'limit-by-ip': limitByIp,
  'tls-verify': tlsVerify,
  'streaming-unbuffered': streamingUnbuffered,
  'user-cache': userCache,
};

/** What works, and is better otherwise: printed, and no fault. */
export const WARNINGS: Readonly<Record<string, Rule>> = { 'connection-guard': connectionGuard };

/**
 * Kong clears each header that a client's Connection names, after all plugins have run. Our plugins refuse such requests
 * on their routes; a global pre-function, as kong.yml has it, does on all others.
 */
function connectionGuard({ entities }: RuleContext): Fault[] {
  const plugins = ofKind(entities, 'plugins').filter(({ value }) => value.enabled !== false);
  const guards = plugins.some((plugin) => {
    const { config } = plugin.value;
    if (plugin.value.name !== 'pre-function' || scopeOf(plugin) !== undefined || !isPlainObject(config)) return false;
    return Array.isArray(config.rewrite) && config.rewrite.some((chunk) => String(chunk).includes('http_connection'));
  });
  const service = ofKind(entities, 'services')[0];
  if (guards || service === undefined) return [];
  const message =
    'has no pre-function in front that refuses what a Connection header may name (kong/kong.yml has one): ' +
    'routes without a plugin of this suite lose headers that a client names';
  return [faultOf(service, '', message)];
}

/** Kong's own is a minute, longer than any client waits. */
function serviceReadTimeout({ entities }: RuleContext): Fault[] {
  return ofKind(entities, 'services')
    .filter(({ value }) => value.read_timeout === undefined || value.read_timeout === null)
    .map((service) => faultOf(service, 'read_timeout', 'is required: every service has a read timeout'));
}

/** A consumer is limited by a plugin of its own, of its group, or of every route that it may use. */
function consumerRateLimit({ entities }: RuleContext): Fault[] {
  const consumers = ofKind(entities, 'consumers').filter(({ outer }) => outer === undefined);
  const limiting = ofKind(entities, 'plugins').filter(limitsConsumers);
  const limits = (field: string, kind: string, owner: Entity | undefined): boolean =>
    owner !== undefined && limiting.some((plugin) => ownerOf(plugin, field, kind, entities) === owner);
  const isGlobal = limiting.some((plugin) => scopeOf(plugin) === undefined);
  const routes = ofKind(entities, 'routes');
  const onEveryRoute =
    routes.length > 0 &&
    routes.every(
      (route) =>
        limits('route', 'routes', route) ||
        limits('service', 'services', ownerOf(route, 'service', 'services', entities)),
    );
  if (isGlobal || onEveryRoute) return [];
  const limitedGroups = new Set(
    ofKind(entities, 'consumer_groups')
      .filter((group) => limits('consumer_group', 'consumer_groups', group))
      .map(({ value }) => value.name),
  );
  const inLimitedGroup = (consumer: Entity): boolean =>
    (Array.isArray(consumer.value.groups) ? consumer.value.groups : []).some((group: unknown) =>
      limitedGroups.has(isPlainObject(group) ? group.name : group),
    );
  return consumers
    .filter((consumer) => !limits('consumer', 'consumers', consumer) && !inLimitedGroup(consumer))
    .map((consumer) =>
      faultOf(consumer, '', 'has no rate limit: neither its own, nor of its group, nor on every route'),
    );
}

function limitsConsumers(plugin: Entity): boolean {
  const { value } = plugin;
  if (value.enabled === false) return false;
  const config = isPlainObject(value.config) ? value.config : {};
  if (value.name === 'rate-limiting') return ['consumer', 'credential', undefined].includes(config.limit_by as string);
  // Kong's Enterprise edition: its default is the consumer.
  if (value.name === 'rate-limiting-advanced')
    return ['consumer', 'credential', undefined].includes(config.identifier as string);
  const [, quota] = partOf(plugin, 'quota') ?? [];
  if (quota === undefined) return false;
  const limits = [...(Array.isArray(quota.limits) ? quota.limits : []), quota.spike_arrest];
  return limits.some(
    (limit) => isPlainObject(limit) && ['consumer', 'credential', undefined].includes(limit.by as string),
  );
}

/** Kong has no encryption at rest in its open source: what stands in the configuration, the Admin API shows. */
function literalSecret({ entities }: RuleContext): Fault[] {
  return entities.flatMap((entity) => {
    const credential = CREDENTIAL_SECRETS[entity.kind];
    if (credential !== undefined) return credentialFaults(entity, credential);
    if (entity.kind === 'certificates')
      return literals(entity, { key: entity.value.key, key_alt: entity.value.key_alt }, '');
    return isPlainObject(entity.value.config) ? literals(entity, entity.value.config, 'config.') : [];
  });
}

/** The fields of credentials that open the gateway. */
const CREDENTIAL_SECRETS: Readonly<Record<string, string>> = {
  keyauth_credentials: 'key',
  basicauth_credentials: 'password',
  hmacauth_credentials: 'secret',
  jwt_secrets: 'secret',
  oauth2_credentials: 'client_secret',
};

function credentialFaults(entity: Entity, field: string): Fault[] {
  const value = entity.value[field];
  if (typeof value !== 'string' || isDeckVariable(value)) return [];
  // decK 1.56.0 asks for the secret of every jwt credential; Kong uses it with HS256 and its like only.
  if (entity.kind === 'jwt_secrets' && entity.value.algorithm === 'RS256') return [];
  // Measured in Kong 3.9: such a field is not referenceable, so the text of the reference would be the key.
  if (isVaultReference(value)) {
    return [
      faultOf(
        entity,
        field,
        'is a vault reference, which Kong does not resolve here; let decK fill it in from a DECK_ variable',
      ),
    ];
  }
  return [faultOf(entity, field, 'is a literal secret; let decK fill it in from a DECK_ variable')];
}

const SECRET_NAME =
  /^(.*_)?(secret|password|passwd|private_key|encryption_key|hash_key|api_key|access_key|access_token|client_key)$/;

function literals(entity: Entity, record: PlainObject, prefix: string): Fault[] {
  return strings(record, prefix).flatMap(({ path, name, value }) => {
    if (value === '' || isReference(value)) return [];
    if (hasPassword(value)) return [faultOf(entity, path, 'holds a password; refer to it: {vault://env/...}')];
    if (!SECRET_NAME.test(name) && !SECRET_NAME.test(name.replace(/s$/, ''))) return [];
    return [
      faultOf(
        entity,
        path,
        'is a literal secret; refer to it: {vault://env/...}, or file:<path> where a plugin takes it',
      ),
    ];
  });
}

function hasPassword(value: string): boolean {
  return URL.canParse(value) && new URL(value).password !== '';
}

/** A secret of another stage was copied here. A name without a stage fits all: each gateway has its own environment. */
function secretStage({ entities, stage }: RuleContext): Fault[] {
  if (stage === undefined) return [];
  return entities.flatMap((entity) =>
    strings(ownFields(entity), '').flatMap(({ path, value }) =>
      variablesIn(value).flatMap((variable) => {
        const other = STAGES.find((name) => name !== stage && variable.startsWith(`${name.toUpperCase()}_`));
        return other === undefined
          ? []
          : [faultOf(entity, path, `refers to ${variable}, a secret of ${other}, in ${stage}`)];
      }),
    ),
  );
}

/**
 * Behind a proxy or a NAT everyone has the same address, and anyone may have several. Only the limit of logins has nothing
 * better: it stands before anyone is known.
 */
function limitByIp({ entities }: RuleContext): Fault[] {
  return ofKind(entities, 'plugins').flatMap((plugin) => {
    const { config } = plugin.value;
    if (!isPlainObject(config)) return [];
    const limits = partOf(plugin, 'quota')?.[1].limits;
    const isOfLogins = (path: string): boolean => {
      const index = /^config\.(?:quota\.)?limits\[(\d+)\]\.by$/.exec(path)?.[1];
      const limit: unknown = index === undefined || !Array.isArray(limits) ? undefined : limits[Number(index)];
      return isPlainObject(limit) && limit.name === LOGINS;
    };
    return strings(config, 'config.')
      .filter(({ name, value }) => LIMITED_BY.has(name) && value === 'ip')
      .filter(({ path }) => !isOfLogins(path))
      .map(({ path }) => faultOf(plugin, path, 'must not be ip: limit by consumer'));
  });
}

/** Who is limited, in our plugins, in Kong's, and in those of its Enterprise edition. */
const LIMITED_BY = new Set(['by', 'limit_by', 'identifier']);
/** What the limit of logins is called in kong.yml. */
const LOGINS = 'logins';

/** Fields that switch the check of a certificate on and off. */
export const VERIFYING = /^(.*_)?(ssl_verify|tls_verify|verify_certificate|verify_ssl)$/;

function tlsVerify({ entities }: RuleContext): Fault[] {
  const services = ofKind(entities, 'services').filter(
    ({ value }) =>
      (value.protocol === 'https' || /^https:/i.test(String(value.url ?? ''))) && value.tls_verify !== true,
  );
  return [
    ...services.map((service) => faultOf(service, 'tls_verify', 'must be true')),
    ...entities
      .filter(({ kind }) => kind !== 'services')
      .flatMap((entity) =>
        leaves(ownFields(entity), '')
          .filter(({ name, value }) => VERIFYING.test(name) && value === false)
          .map(({ path }) => faultOf(entity, path, 'must be true')),
      ),
  ];
}

/** A plugin with a response phase buffers: event streams hang, and downloads sit in memory. */
function streamingUnbuffered({ entities }: RuleContext): Fault[] {
  const streaming = ofKind(entities, 'routes').filter(isStreaming);
  return ofKind(entities, 'plugins')
    .filter(buffers)
    .flatMap((plugin) => {
      return streaming
        .filter((route) => runsOn(plugin, route, entities))
        .slice(0, 1)
        .map(({ value }) => faultOf(plugin, '', `buffers the streaming route ${value.name ?? ''}`.trim()));
    });
}

/** Kong's caches tell consumers apart, and many users are one consumer. */
function userCache({ entities }: RuleContext): Fault[] {
  const plugins = ofKind(entities, 'plugins').filter(({ value }) => value.enabled !== false);
  const checks = plugins.filter(({ value }) => isNamed(value.name, 'genesys-user-token'));
  const ofUsers = ofKind(entities, 'routes').filter((route) => checks.some((one) => runsOn(one, route, entities)));
  return plugins
    .filter((plugin) => isSharedCache(plugin) && ofUsers.some((route) => runsOn(plugin, route, entities)))
    .map((plugin) =>
      faultOf(plugin, 'config.vary_headers', "must name Authorization: one user would get another's answers"),
    );
}

function isSharedCache({ value: { name, config } }: Entity): boolean {
  if (!/^proxy-cache(-advanced)?$/.test(String(name))) return false;
  const varied = isPlainObject(config) && Array.isArray(config.vary_headers) ? config.vary_headers : [];
  return !varied.some((header) => /^authorization$/i.test(String(header)));
}

/** Returns whether a plugin is on a route, its service, or everything. */
function runsOn(plugin: Entity, route: Entity, entities: readonly Entity[]): boolean {
  const own = ownerOf(plugin, 'route', 'routes', entities);
  if (own !== undefined) return own === route;
  const service = ownerOf(plugin, 'service', 'services', entities);
  return service === undefined || ownerOf(route, 'service', 'services', entities) === service;
}

function isStreaming({ value }: Entity): boolean {
  const { tags, protocols, response_buffering: buffering } = value;
  if (buffering === false || (Array.isArray(tags) && tags.includes('streaming'))) return true;
  return Array.isArray(protocols) && protocols.some((one) => ['grpc', 'grpcs', 'ws', 'wss'].includes(String(one)));
}

function buffers({ value }: Entity): boolean {
  const name = String(value.name);
  if (value.enabled === false) return false;
  if (isNamed(name, 'genesys-response-filter')) return true;
  // The variants that have no response phase, by the names that their documentation gives them.
  const isUnbuffered = /-(?:unbuffered|without-bodies)$/.test(name);
  return (isNamed(name, 'genesys-pii-log') || isNamed(name, 'genesys-gateway')) && !isUnbuffered;
}

function scopeOf({ outer, value }: Entity): unknown {
  return outer ?? value.route ?? value.service ?? value.consumer ?? value.consumer_group ?? undefined;
}

/** Returns the entities of a kind. */
export function ofKind(entities: readonly Entity[], kind: string): Entity[] {
  return entities.filter((entity) => entity.kind === kind);
}

/** Without the entities that are nested in it: they are entities themselves. */
function ownFields({ kind, value }: Entity): PlainObject {
  if (kind === 'plugins') return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => !(Array.isArray(field) && field.some(isPlainObject))),
  );
}

interface Leaf {
  path: string;
  /** The key under which it stands, or its list. */
  name: string;
  value: unknown;
}

/** Returns the values in a value, each with its path. @param prefix of the paths, with its dot */
export function leaves(value: unknown, prefix: string, name = ''): Leaf[] {
  if (Array.isArray(value)) {
    const path = prefix.replace(/\.$/, '');
    return value.flatMap((item, index) => leaves(item, `${path}[${index}].`, name));
  }
  if (isPlainObject(value))
    return Object.entries(value).flatMap(([key, item]) => leaves(item, `${prefix}${key}.`, key));
  return [{ path: prefix.replace(/\.$/, ''), name, value }];
}

/** Returns the texts in a value, each with its path. @param prefix of the paths, with its dot */
export function strings(value: unknown, prefix: string): (Leaf & { value: string })[] {
  return leaves(value, prefix).filter((leaf): leaf is Leaf & { value: string } => typeof leaf.value === 'string');
}
