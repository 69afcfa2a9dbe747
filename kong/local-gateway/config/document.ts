/**
 * Reads a declarative configuration (decK format 3.0) and flattens it. Nested entities become lists with references, as
 * in Kong's own importer. Only the document's shape is checked here.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import type { DeclarativeConfig } from './types.js';

/** Kinds of entities that the local gateway knows. */
export const KINDS = [
  'services',
  'routes',
  'upstreams',
  'targets',
  'consumers',
  'plugins',
  'keyauth_credentials',
  'basicauth_credentials',
  'jwt_secrets',
  'acls',
  'ca_certificates',
] as const;
export type Kind = (typeof KINDS)[number];

/** An entity as written, and its path in the document. */
export interface Written {
  path: string;
  value: PlainObject;
}
export type Flattened = Record<Kind, Written[]>;

/** The kinds that may be nested in each kind, and the field that then refers to the outer entity. */
const NESTED: Partial<Record<Kind, { kinds: readonly Kind[]; field: string }>> = {
  services: { kinds: ['routes', 'plugins'], field: 'service' },
  routes: { kinds: ['plugins'], field: 'route' },
  upstreams: { kinds: ['targets'], field: 'upstream' },
  consumers: {
    kinds: ['plugins', 'keyauth_credentials', 'basicauth_credentials', 'jwt_secrets', 'acls'],
    field: 'consumer',
  },
};
/** Fields that refer to another entity. Kong accepts the bare name too. */
const REFERENCES = ['service', 'route', 'consumer', 'upstream'];
const TOLERATED = new Set(['_format_version', '_transform', '_info', '_comment', '_ignore']);

/**
 * Reads a configuration from a file. Returns a parsed one as it is.
 * @throws Error if the file cannot be read or is not a YAML mapping
 */
export function readDocument(config: string | DeclarativeConfig): DeclarativeConfig {
  if (typeof config !== 'string') return config;
  let text: string;
  try {
    text = readFileSync(config, 'utf8');
  } catch (error) {
    throw new Error(`${config}: ${(error as Error).message}`);
  }
  const document = parseDocument(text, { merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`${config}: ${fault.message.split('\n')[0]}`);
  const value: unknown = document.toJS();
  if (!isPlainObject(value)) throw new Error(`${config}: expected a mapping`);
  return value;
}

/** Flattens a document. @throws Error with one line for each unknown entity or version */
export function flatten(document: DeclarativeConfig): Flattened {
  const lines: string[] = [];
  const version = document._format_version;
  if (version !== undefined && version !== '3.0') lines.push(`_format_version: expected "3.0", got "${version}"`);
  const flattened = Object.fromEntries(KINDS.map((kind) => [kind, [] as Written[]])) as Flattened;
  for (const [key, value] of Object.entries(document)) {
    if (TOLERATED.has(key) || value === null) continue;
    if (!(KINDS as readonly string[]).includes(key)) {
      lines.push(`${key}: the local gateway does not know this kind of entity`);
    } else collect(key as Kind, value, key, undefined, flattened, lines);
  }
  if (lines.length > 0) throw new Error(lines.join('\n'));
  return flattened;
}

function collect(
  kind: Kind,
  list: unknown,
  path: string,
  outer: PlainObject | undefined,
  flattened: Flattened,
  lines: string[],
): void {
  if (!Array.isArray(list)) {
    lines.push(`${path}: expected an array`);
    return;
  }
  const nested = NESTED[kind];
  list.forEach((item: unknown, index) => {
    const here = `${path}${label(item, index)}`;
    if (!isPlainObject(item)) {
      lines.push(`${here}: expected a record`);
      return;
    }
    const own: PlainObject = { ...expandReferences(item), ...outer };
    own.id ??= deriveId(`${kind}:${nameOf(kind, own, here)}`);
    for (const inner of nested?.kinds ?? []) {
      const entities = own[inner];
      delete own[inner];
      if (entities === undefined || entities === null) continue;
      collect(inner, entities, `${here}.${inner}`, { [nested?.field ?? '']: { id: own.id } }, flattened, lines);
    }
    flattened[kind].push({ path: here, value: own });
  });
}

/** Turns references by bare name (`service: crm`) into records. */
export function expandReferences(entity: PlainObject): PlainObject {
  const expanded = { ...entity };
  for (const field of REFERENCES) if (typeof expanded[field] === 'string') expanded[field] = { name: expanded[field] };
  return expanded;
}

/** Returns what an entity's id is derived from: its name, but a plugin's path and references. Plugin names repeat. */
function nameOf(kind: Kind, entity: PlainObject, path: string): string {
  if (kind === 'plugins') return `${path}:${JSON.stringify([entity.service, entity.route, entity.consumer])}`;
  return String(entity.name ?? entity.username ?? entity.key ?? path);
}

/** Returns how an entity of a list is named in a path. */
export function label(item: unknown, index: number): string {
  if (!isPlainObject(item)) return `[${index}]`;
  const name = item.name ?? item.username ?? item.target;
  return typeof name === 'string' ? `[${name}]` : `[${index}]`;
}

/** Derives an id in the form of a version 5 UUID. The same text always gives the same id. */
export function deriveId(text: string): string {
  const hex = createHash('sha1').update(`kong-genesys-cloud:${text}`).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
