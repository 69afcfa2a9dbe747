/**
 * Reads the configuration that Kong hands to a plugin, by the plugin's own schema: the schema is the one source of field
 * names, defaults, limits and, through `ConfigOf`, of the TypeScript type. Kong has validated already when it is the
 * caller; kong-pdk's server and the offline check have not. Pure.
 */
import type { FieldAttributes, SchemaField } from './plugin.js';

type KeysOfUnion<T> = T extends unknown ? keyof T : never;

type FieldNamed<S extends readonly SchemaField[], N extends PropertyKey> = Extract<
  S[number],
  { readonly [K in N]: unknown }
>[N];

type Simplify<T> = { [K in keyof T]: T[K] };

/** The value of one field, once it is there. */
type ValueOf<F> = F extends { readonly one_of: readonly (infer O)[] }
  ? O
  : F extends { readonly type: 'string' }
    ? string
    : F extends { readonly type: 'number' | 'integer' }
      ? number
      : F extends { readonly type: 'boolean' }
        ? boolean
        : F extends { readonly type: 'array' | 'set'; readonly elements: infer E }
          ? ValueOf<E>[]
          : F extends { readonly type: 'map'; readonly values: infer V }
            ? Record<string, ValueOf<V>>
            : F extends { readonly type: 'record'; readonly fields: infer R extends readonly SchemaField[] }
              ? ConfigOf<R>
              : unknown;

/** A field without a default that need not be there is undefined if it is not. A record is there unless it need not be. */
type FieldValue<F> = F extends { readonly required: true } | { readonly default: unknown }
  ? ValueOf<F>
  : F extends { readonly type: 'record'; readonly required?: never }
    ? ValueOf<F>
    : ValueOf<F> | undefined;

/** The type of a parsed configuration, from a schema written `as const satisfies readonly SchemaField[]`. */
export type ConfigOf<S extends readonly SchemaField[]> = Simplify<{
  -readonly [N in KeysOfUnion<S[number]> & string]: FieldValue<FieldNamed<S, N>>;
}>;

/** An operator needs no more of a path or a key than that. */
const MAX_MESSAGE_LENGTH = 1000;

/**
 * Refuses a configuration, naming the field by its path and never its value, which may be a secret. One line, whatever a
 * key of a map or the name of a file holds.
 */
export function configError(path: string, problem: string): Error {
  return new Error(`config.${path} ${problem}`.slice(0, MAX_MESSAGE_LENGTH).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' '));
}

/**
 * Parses a configuration: defaults filled in, types and limits checked.
 *
 * Keys that the schema does not name are ignored, since Kong adds its own (`__seq__`, `__plugin_id`, `$refs`,
 * `service_id`, ...). `match` (a Lua pattern) and `entity_checks` are left to Kong.
 * @param raw the configuration as decoded from JSON; Kong writes an absent value as null, and Lua's empty table as `{}`
 *   whether it means a list or a map
 * @throws Error of one line that names the field and holds no value
 */
export function parseConfig<const S extends readonly SchemaField[]>(schema: S, raw: unknown): ConfigOf<S> {
  if (!isObject(raw)) throw new Error('config must be an object');
  return parseRecord(schema, raw, '') as ConfigOf<S>;
}

function parseRecord(fields: readonly SchemaField[], raw: Record<string, unknown>, prefix: string): unknown {
  const parsed: Record<string, unknown> = {};
  for (const entry of fields) {
    for (const [name, field] of Object.entries(entry)) {
      const path = prefix + name;
      // Kong takes a record as required unless it says otherwise, and fills in the defaults of its fields (measured).
      const fallback = field.default ?? (field.type === 'record' && field.required !== false ? {} : undefined);
      const value = raw[name] ?? fallback;
      if (value !== undefined) parsed[name] = parseValue(field, value, path);
      else if (field.required === true) throw configError(path, 'is required');
      else parsed[name] = undefined;
    }
  }
  return parsed;
}

function parseValue(field: FieldAttributes, value: unknown, path: string): unknown {
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw configError(path, 'must be a string');
      checkLength(field, value.length, path);
      if (field.starts_with !== undefined && !value.startsWith(field.starts_with)) {
        throw configError(path, `must start with ${field.starts_with}`);
      }
      break;
    case 'number':
    case 'integer':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw configError(path, 'must be a number');
      if (field.type === 'integer' && !Number.isInteger(value)) throw configError(path, 'must be an integer');
      if (field.between && (value < field.between[0] || value > field.between[1])) {
        throw configError(path, `must be between ${field.between[0]} and ${field.between[1]}`);
      }
      if (field.gt !== undefined && value <= field.gt) throw configError(path, `must be greater than ${field.gt}`);
      break;
    case 'boolean':
      if (typeof value !== 'boolean') throw configError(path, 'must be a boolean');
      break;
    case 'array':
    case 'set':
      return parseList(field, value, path);
    case 'map':
      return parseMap(field, value, path);
    case 'record':
      if (!isObject(value)) throw configError(path, 'must be a record');
      return parseRecord(field.fields ?? [], value, `${path}.`);
  }
  if (field.one_of && !field.one_of.some((allowed) => allowed === value)) {
    throw configError(path, `must be one of ${field.one_of.join(', ')}`);
  }
  return value;
}

function parseList(field: FieldAttributes, value: unknown, path: string): unknown[] {
  const list = isObject(value) && Object.keys(value).length === 0 ? [] : value;
  if (!Array.isArray(list)) throw configError(path, 'must be a list');
  checkLength(field, list.length, path);
  const { elements } = field;
  return elements ? list.map((element, index) => parseValue(elements, element, `${path}[${index}]`)) : list;
}

function parseMap(field: FieldAttributes, value: unknown, path: string): Record<string, unknown> {
  const map = Array.isArray(value) && value.length === 0 ? {} : value;
  if (!isObject(map)) throw configError(path, 'must be a map');
  checkLength(field, Object.keys(map).length, path);
  const { keys, values } = field;
  const parsed: [string, unknown][] = Object.entries(map).map(([key, member]) => {
    if (keys) parseValue(keys, key, `${path} key`);
    return [key, values ? parseValue(values, member, `${path}.${key}`) : member];
  });
  return Object.fromEntries(parsed);
}

function checkLength(field: FieldAttributes, length: number, path: string): void {
  if (field.len_min !== undefined && length < field.len_min) {
    throw configError(path, length === 0 ? 'must not be empty' : `must have a length of at least ${field.len_min}`);
  }
  if (field.len_max !== undefined && length > field.len_max) {
    throw configError(path, `must have a length of at most ${field.len_max}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
