/**
 * What of a configuration the doctor looks at: OAuth clients, Redis, log files, limits. It is read by the plugins' own
 * code, with references to the environment resolved from the doctor's own. A part that cannot be read is a finding, and
 * the rest is looked at all the same.
 */

import type { Host } from '../../../plugins/shared/host.js';
import { parseConfig } from '../../../plugins/shared/kong-schema/parse-config.js';
import type { LoginClient } from '../../../plugins/shared/login-trial.js';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { property } from '../../../plugins/shared/property.js';
import { REDIS_FIELDS } from '../../../plugins/shared/redis/schema.js';
import { type RedisSettings, readRedisSettings } from '../../../plugins/shared/redis/settings.js';
import { type Document, listEntities } from '../../config-check/entities.js';
import { isDeckVariable, isVaultReference, variablesIn } from '../../config-check/references.js';
import { suitePlugin } from '../../config-check/suite.js';
import { type Finding, fail, skip } from './finding.js';
import type { ListClients } from './login.js';

export interface Configuration {
  clients: LoginClient[];
  redis: { where: string; settings: RedisSettings }[];
  /** Files that genesys-pii-log writes. */
  logFiles: string[];
  /** Limits of genesys-quota for all requests in a minute. */
  limits: { where: string; limit: number }[];
  /** What could not be read. */
  findings: Finding[];
  /** What must not be shown. */
  secrets: Set<string>;
}

export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** Folders with `file:` secrets. */
  secretsDirs: readonly string[];
  listClients: ListClients;
}

/** Values in these fields are for people to see, also if they come from a vault. */
const SHOWN_FIELDS = new Set(['client_id', 'username', 'host', 'port', 'region', 'token_url']);
/** The others may be read too, but are secret as they are written. */
const SECRET_FIELDS =
  /^(client_secret|secret|password|cache_encryption_key|proxy_url|extra_params|token_headers|headers|.*(salt|_key)s?)$/;

/** Reads what is needed of a parsed file. */
export function readConfiguration(document: Document, { env, secretsDirs, listClients }: Surroundings): Configuration {
  const host: Host = { secretsDirs, logDirs: undefined, stdoutPath: '/proc/1/fd/1' };
  const found: Configuration = {
    ...{ clients: [], redis: [], logFiles: [], limits: [], findings: [] },
    secrets: new Set<string>(),
  };
  const clients = new Map<string, LoginClient>();
  const faults = new Map<string, { finding: Finding; places: string[] }>();
  const redis = new Map<string, { where: string; settings: RedisSettings }>();

  for (const { kind, path, value } of listEntities([document])) {
    if (kind !== 'plugins' || value.enabled === false) continue;
    for (const [name, config] of partsOf(value)) {
      const where = isGateway(value) ? `${path}.${name}` : path;
      if (name === 'token_manager') read('login', where, config, readClients);
      if (isPlainObject(config.redis)) read('redis', where, config.redis, (resolved) => readRedis(where, resolved));
      if (name === 'pii_log') found.logFiles.push(...logFilesOf(config));
      if (name === 'quota') found.limits.push(...globalLimitsOf(where, config));
    }
  }

  /** Resolves a record and reads it, or says why it cannot be read. */
  function read(check: string, where: string, written: PlainObject, readResolved: (config: PlainObject) => void): void {
    // What is for the shared cache is not needed for a login, and may be resolved where this is not.
    const { cache: _, redis: __, cache_encryption_key: ___, ...needed } = written;
    const unknown = new Set<string>();
    const resolved = resolve(check === 'login' ? needed : written, env, '', unknown, found.secrets);
    if (unknown.size > 0) {
      const fix = "run the doctor with Kong's environment";
      unreadable(where, skip(check, `not known here: ${[...unknown].join(', ')}`, fix));
      return;
    }
    try {
      if (isPlainObject(resolved)) readResolved(resolved);
    } catch (error) {
      // Of a ConfigError, whose message holds no secret; of anything else nothing is told.
      const why = property(error, 'name') === 'TypeError' ? 'cannot be read' : (error as Error).message;
      unreadable(where, fail(check, why, 'kong-genesys-cloud check FILE says more'));
    }
  }

  /** Notes what is wrong with a plugin: with many, as by an anchor, it is one finding. */
  function unreadable(where: string, finding: Finding): void {
    const key = JSON.stringify(finding);
    const places = faults.get(key)?.places ?? [];
    faults.set(key, { finding, places: [...places, where] });
  }

  function readClients(config: PlainObject): void {
    for (const client of listClients(config, host)) {
      found.secrets.add(client.clientSecret);
      const tokens = Math.max(client.tokens, clients.get(client.key)?.tokens ?? 0);
      clients.set(client.key, { ...client, tokens });
    }
  }

  function readRedis(where: string, config: PlainObject): void {
    const settings = readRedisSettings(parseConfig(REDIS_FIELDS, config), 'redis', host);
    if (settings.password !== undefined) found.secrets.add(settings.password.current());
    if (!redis.has(settings.key)) redis.set(settings.key, { where, settings });
  }

  return {
    ...found,
    findings: [...faults.values()].map(({ finding, places: [first, ...others] }) => {
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return { ...finding, what: `${first}${more}: ${finding.what}` };
    }),
    clients: [...clients.values()],
    redis: [...redis.values()],
    logFiles: [...new Set(found.logFiles)],
  };
}

/** Returns whether a configuration has a record for each of several parts. */
function isGateway({ name }: PlainObject): boolean {
  const plugin = suitePlugin(String(name));
  return typeof plugin !== 'string' && plugin.name === 'genesys-gateway';
}

/** Lists the records of a plugin by the part that they are for, as genesys-gateway names them. */
function partsOf({ name, config }: PlainObject): [part: string, config: PlainObject][] {
  if (!isPlainObject(config)) return [];
  const plugin = suitePlugin(String(name));
  // Kong's own plugins have a record `redis` with the same names.
  if (typeof plugin === 'string') return [['', config]];
  if (!isGateway({ name })) return [[plugin.name.replace('genesys-', '').replaceAll('-', '_'), config]];
  return Object.entries(config).flatMap(([part, inner]) => (isPlainObject(inner) ? [[part, inner]] : []));
}

function logFilesOf({ sinks }: PlainObject): string[] {
  const paths = (Array.isArray(sinks) ? sinks : []).flatMap((sink: unknown) => [
    property(sink, 'path'),
    property(sink, 'spill_path'),
  ]);
  return paths.filter((path) => typeof path === 'string' && path.startsWith('/')) as string[];
}

function globalLimitsOf(where: string, { limits }: PlainObject): { where: string; limit: number }[] {
  return (Array.isArray(limits) ? limits : []).flatMap((entry: unknown) => {
    const limit = property(entry, 'limit');
    const isGlobal = property(entry, 'by') === 'global' && property(entry, 'window') === 'minute';
    return isGlobal && typeof limit === 'number' ? [{ where, limit }] : [];
  });
}

/**
 * Returns a value with each reference to Kong's environment replaced.
 * @param unknown gets the names of what is not known here
 * @param secrets gets the values that must not be shown
 */
function resolve(
  value: unknown,
  env: Surroundings['env'],
  field: string,
  unknown: Set<string>,
  secrets: Set<string>,
): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, env, field, unknown, secrets));
  if (isPlainObject(value)) {
    const isSecret = field === 'extra_params' || field === 'token_headers' || field === 'headers';
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        resolve(inner, env, isSecret ? field : name, unknown, secrets),
      ]),
    );
  }
  if (typeof value !== 'string') return value;
  const isReference = isVaultReference(value) || isDeckVariable(value);
  const text = isReference ? referredTo(value, env) : value;
  if (text === undefined) {
    unknown.add(isDeckVariable(value) ? "a variable of decK's" : nameOf(value));
    return value;
  }
  if (SECRET_FIELDS.test(field) || (isReference && !SHOWN_FIELDS.has(field))) {
    secrets.add(text);
    if (field === 'proxy_url' && URL.canParse(text)) secrets.add(decodeURIComponent(new URL(text).password));
  }
  return text;
}

/** Returns what `{vault://env/NAME}` or `{vault://env/NAME/KEY}` (a key of JSON) refers to, as Kong does. */
function referredTo(reference: string, env: Surroundings['env']): string | undefined {
  if (!reference.startsWith('{vault://env/')) return undefined;
  const value = env[variablesIn(reference)[0] ?? ''];
  const [, key] = reference.slice('{vault://env/'.length, -1).split('?')[0]?.split('/') ?? [];
  if (value === undefined || value === '' || key === undefined || key === '') return value === '' ? undefined : value;
  try {
    const inner = property(JSON.parse(value), key);
    return typeof inner === 'string' && inner !== '' ? inner : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(reference: string): string {
  if (reference.startsWith('{vault://env/')) return `the variable ${variablesIn(reference)[0]}`;
  return `${reference.split('/').slice(0, 3).join('/')}/...}, which only Kong can read`;
}
