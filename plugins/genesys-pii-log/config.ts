/**
 * Turns Kong's raw configuration into what the plugin works with: rules for masking, what is logged, and where it goes.
 * Every mistake is refused here, so the rest of the plugin does not check again.
 */
import type { Host } from '../shared/host.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import { type ConfigOf, parseConfig } from '../shared/kong-schema/parse-config.js';
import { openSecret, type Secret } from '../shared/secret.js';
import { DEFAULT_FIELDS, DEFAULT_FIELDS_OF_ALLOW } from './defaults.js';
import type { EntryPolicy } from './entry/entry.js';
import type { Format } from './entry/line.js';
import { createAllowed } from './mask/allow.js';
import { createFieldNames, type FieldNames } from './mask/fields.js';
import { FREE_TEXT_FIELDS } from './mask/genesys-models.js';
import { createMask, type HashKey, keyIdOf } from './mask/masks.js';
import { compilePaths, type PathRules } from './mask/paths.js';
import { compilePattern, type PatternRule } from './mask/patterns.js';
import type { Allowed } from './mask/rules.js';
import { Schema } from './schema.js';
import type { SinkSettings } from './sinks/registry.js';
import { readSinks } from './sinks/settings.js';
import type { ConfigSource } from './writer/observation.js';

/** A parsed configuration. */
export interface Config {
  policy: EntryPolicy;
  logsRequestBody: boolean;
  logsResponseBody: boolean;
  sampleRate: number;
  alwaysLogsErrors: boolean;
  format: Format;
  sinks: SinkSettings[];
  /** Returns a warning about a secret that could not be read again, once. */
  takeWarning(): string | undefined;
  /** What it was read from. */
  source: ConfigSource;
}

type RawConfig = ConfigOf<typeof Schema>;

/** 128 bits. */
const MIN_KEY_BYTES = 16;

/**
 * Parses the configuration of an instance. Reads the files that it names.
 * @param raw the configuration as Kong sends it, with references resolved and keys of Kong's own
 * @throws ConfigError that names the field and contains no secret
 */
export function readConfig(raw: unknown, host: Host): Config {
  const config = parseConfig(Schema, raw);
  const secret = readHashKey(config, host);
  const hashKey = keyOf(secret, config.hash_key_id);
  const isAllow = config.values === 'allow';
  const rules = {
    allowed: isAllow ? readAllowed(config.keep_fields) : undefined,
    fields: fieldNamesOf(config.fields, isAllow),
    paths: readPaths(config.paths),
    patterns: config.patterns.map(readPattern),
    kinds: new Set(config.detectors),
    mask: createMask(config.mask, hashKey),
    keptParams: lowerCase(config.keep_query_params),
  };
  return {
    policy: {
      rules,
      keptHeaders: lowerCase(config.keep_headers),
      clientIp: config.client_ip,
      addressMask: createMask('hash', hashKey),
      maxBodyBytes: config.max_body_bytes,
    },
    logsRequestBody: config.log_request_body,
    logsResponseBody: config.log_response_body,
    sampleRate: config.sample_rate,
    alwaysLogsErrors: config.always_log_errors,
    format: config.format,
    sinks: readSinks(config.sinks, config.queue_entries, host),
    takeWarning: () => secret?.takeWarning(),
    source: { raw, host: { secretsDirs: host.secretsDirs, logDirs: host.logDirs, stdoutPath: host.stdoutPath } },
  };
}

function lowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

function readPaths(texts: readonly string[]): PathRules {
  for (const [index, text] of texts.entries()) {
    withPath(`paths[${index}]`, () => compilePaths([text]));
  }
  return compilePaths(texts);
}

function fieldNamesOf(configured: readonly string[] | undefined, isAllow: boolean): FieldNames {
  if (configured !== undefined) return createFieldNames(configured);
  return isAllow ? createFieldNames(DEFAULT_FIELDS_OF_ALLOW) : createFieldNames(DEFAULT_FIELDS, FREE_TEXT_FIELDS);
}

function readAllowed(entries: readonly string[]): Allowed {
  for (const [index, entry] of entries.entries()) {
    withPath(`keep_fields[${index}]`, () => createAllowed([entry]));
  }
  return createAllowed(entries);
}

function readPattern(pattern: RawConfig['patterns'][number], index: number): PatternRule {
  return withPath(`patterns[${index}].regex`, () => compilePattern(pattern.name, pattern.regex, pattern.replacement));
}

/** Adds the field's path to an error. */
function withPath<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(path, (error as Error).message);
  }
}

function readHashKey(config: RawConfig, host: Host): Secret | undefined {
  const isNeeded = config.mask === 'hash' || config.client_ip === 'hash';
  if (config.hash_key === undefined) {
    if (isNeeded) throw new ConfigError('hash_key', 'is required for hashes');
    return undefined;
  }
  return openSecret('hash_key', config.hash_key, host, (value) =>
    keyBytes(value).length < MIN_KEY_BYTES ? 'must be at least 16 bytes (128 bits), in base64 or as text' : undefined,
  );
}

/** Decodes a key. Text that looks like base64 is read as base64: as text, a short key would seem longer than it is. */
function keyBytes(text: string): Buffer {
  const trimmed = text.trim();
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : Buffer.from(trimmed, 'utf8');
}

/** Returns a function that gives the current key: the same object until the key changes. */
function keyOf(secret: Secret | undefined, id: string | undefined): () => HashKey {
  let text: string | undefined;
  let current: HashKey | undefined;
  return () => {
    const now = secret?.current();
    if (now === undefined) throw new Error('there is no key for hashes');
    if (current === undefined || now !== text) {
      text = now;
      const key = keyBytes(now);
      current = { key, id: id ?? keyIdOf(key) };
    }
    return current;
  };
}
