/**
 * Every entity of a declarative configuration, wherever it stands: at the top level, or nested in another one, to any
 * depth. Knows no kinds: what holds names of decK's format is that entities are the records of lists. Pure.
 */

import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { label } from '../local-gateway/config/document.js';
import { type DataPath, parsePath, type Source } from './position.js';

/** A parsed file. */
export interface Document {
  file: string;
  value: PlainObject;
  /** Undefined for one that was not read from a file. */
  source?: Source | undefined;
}

/** A fault of a configuration. Never holds a value that may be a secret. */
export interface Fault {
  file: string;
  /** Such as `services[genesys-cloud].read_timeout`. */
  path: string;
  /** The same in the data: keys and indices. */
  at: DataPath;
  message: string;
  /** Where it is in the text, if not at `at`. */
  offset?: number;
  /** The rule of ours that finds it; undefined for what Kong or a plugin refuses. */
  rule?: string;
}

/** An entity, as it was written. */
export interface Entity {
  /** The name of the list that it is in: services, routes, plugins, keyauth_credentials, ... */
  kind: string;
  file: string;
  path: string;
  at: DataPath;
  value: PlainObject;
  /** What it is nested in. */
  outer: Entity | undefined;
}

/** Configuration, and lists of records within it, belong to their plugin. */
const OPAQUE_KINDS = new Set(['plugins', 'consumer_group_plugins']);

/** Lists the entities of all documents, outer ones before those in them. */
export function listEntities(documents: readonly Document[]): Entity[] {
  const shared = sharedConfigs(documents);
  return documents
    .flatMap(({ file, value }) => within(value, file, undefined))
    .map((entity) => withSharedConfig(entity, shared));
}

function within(record: PlainObject, file: string, outer: Entity | undefined): Entity[] {
  const prefix = outer === undefined ? '' : `${outer.path}.`;
  return Object.entries(record).flatMap(([kind, list]) => {
    if (kind.startsWith('_') || !Array.isArray(list)) return [];
    return list.flatMap((value: unknown, index) => {
      if (!isPlainObject(value)) return [];
      const at = [...(outer?.at ?? []), kind, index];
      const entity: Entity = { kind, file, path: `${prefix}${kind}${label(value, index)}`, at, value, outer };
      return OPAQUE_KINDS.has(kind) ? [entity] : [entity, ...within(value, file, entity)];
    });
  });
}

/** The fault of an entity, at a field of it. */
export function faultOf(entity: Entity, field: string, message: string): Fault {
  const path = field === '' ? entity.path : `${entity.path}.${field}`;
  return { file: entity.file, path, at: [...entity.at, ...parsePath(field)], message };
}

/** The name that others refer to an entity by. */
export function nameOf({ value }: Entity): string | undefined {
  const name = value.name ?? value.username;
  return typeof name === 'string' ? name : undefined;
}

/**
 * The entity of a kind that another one belongs to: it is nested in it, or refers to it by name or id.
 * @param field the reference, such as `service`
 */
export function ownerOf(entity: Entity, field: string, kind: string, entities: readonly Entity[]): Entity | undefined {
  if (entity.outer?.kind === kind) return entity.outer;
  const reference = entity.value[field];
  const key = isPlainObject(reference) ? (reference.id ?? reference.name ?? reference.username) : reference;
  if (typeof key !== 'string') return undefined;
  return entities.find((other) => other.kind === kind && (nameOf(other) === key || other.value.id === key));
}

/** decK's `_plugin_configs`: configurations that several plugins name by `_config`. */
function sharedConfigs(documents: readonly Document[]): ReadonlyMap<unknown, PlainObject> {
  const shared = new Map<unknown, PlainObject>();
  for (const { value } of documents) {
    const configs = isPlainObject(value._plugin_configs) ? value._plugin_configs : {};
    for (const [name, config] of Object.entries(configs)) if (isPlainObject(config)) shared.set(name, config);
  }
  return shared;
}

/** Plugins hold no entities, so nothing refers to what is copied here. */
function withSharedConfig(entity: Entity, shared: ReadonlyMap<unknown, PlainObject>): Entity {
  const config = entity.kind === 'plugins' ? shared.get(entity.value._config) : undefined;
  const own = entity.value.config ?? {};
  if (config === undefined || !isPlainObject(own)) return entity;
  return { ...entity, value: { ...entity.value, config: { ...config, ...own } } };
}
