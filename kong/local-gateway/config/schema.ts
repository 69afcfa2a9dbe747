/**
 * Kong's schema language as far as a plugin server's dump can hold it: defaults, types and validators, with Kong's words
 * for what is wrong (kong/db/schema/init.lua of Kong 3.9). An attribute that is not known here is refused rather than
 * left unchecked.
 */
import type { FieldAttributes, SchemaField } from '../../../plugins/shared/plugin.js';
import { checkEntities } from './entity-checks.js';
import { compileLuaPattern, luaMatches } from './lua-pattern.js';
import { isReference } from './references.js';

/** Attributes that Kong's core entities use beyond those of plugin.ts. */
export interface Field extends Omit<FieldAttributes, 'fields' | 'elements' | 'keys' | 'values'> {
  fields?: readonly Record<string, Field>[];
  elements?: Field;
  keys?: Field;
  values?: Field;
  eq?: unknown;
  err?: string;
  len_eq?: number;
  uuid?: boolean;
  not_one_of?: readonly unknown[];
  match_none?: readonly { pattern: string; err: string }[];
}

export type Fields = readonly Record<string, Field>[];
export type PlainObject = Record<string, unknown>;

/** A fault: where, from the checked value down, and what. */
export interface Problem {
  path: string;
  message: string;
}

const KNOWN_ATTRIBUTES = new Set([
  ...['type', 'description', 'required', 'default', 'one_of', 'not_one_of', 'between', 'gt', 'len_min', 'len_max'],
  ...['len_eq', 'match', 'match_none', 'starts_with', 'referenceable', 'encrypted', 'elements', 'keys', 'values'],
  ...['fields', 'entity_checks', 'eq', 'err', 'uuid', 'auto', 'unique', 'reference', 'legacy', 'nilable'],
]);
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'array', 'set', 'map', 'record', 'foreign']);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a value is an object that is no array. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The names and attributes of a list of fields. */
export function eachField(fields: Fields | readonly SchemaField[]): [string, Field][] {
  return (fields as Fields).flatMap((field) => Object.entries(field));
}

/**
 * Refuses a schema that asks for something which is not checked here.
 * @throws Error that names the attribute and the field
 */
export function assertKnownSchema(fields: Fields | readonly SchemaField[], path: string): void {
  for (const [name, field] of eachField(fields)) {
    const here = `${path}.${name}`;
    assertKnownField(field, here);
  }
}

function assertKnownField(field: Field, path: string): void {
  if (!TYPES.has(field.type)) throw new Error(`${path}: the local gateway does not know the type "${field.type}"`);
  for (const attribute of Object.keys(field)) {
    if (!KNOWN_ATTRIBUTES.has(attribute)) {
      throw new Error(`${path}: the local gateway cannot check "${attribute}" of the schema`);
    }
  }
  if (field.match !== undefined) compileLuaPattern(field.match);
  if (field.fields !== undefined) assertKnownSchema(field.fields, path);
  for (const inner of [field.elements, field.keys, field.values]) {
    if (inner !== undefined) assertKnownField(inner, `${path}[]`);
  }
}

/**
 * Fills in the defaults of a record and checks it.
 * @returns the record with defaults, without nulls
 */
export function processRecord(fields: Fields, value: PlainObject, path: string, problems: Problem[]): PlainObject {
  const known = new Map(eachField(fields));
  const result: PlainObject = {};
  for (const key of Object.keys(value)) {
    if (!known.has(key)) problems.push({ path: join(path, key), message: 'unknown field' });
  }
  for (const [name, field] of known) {
    const processed = processField(field, value[name], join(path, name), problems);
    if (processed !== undefined) result[name] = processed;
  }
  return result;
}

/** Fills in the default of one value and checks it; undefined if it has no value. */
export function processField(field: Field, given: unknown, path: string, problems: Problem[]): unknown {
  const value = given === undefined ? missing(field) : given;
  if (value === undefined || value === null) {
    if (isRequired(field)) problems.push({ path, message: 'required field missing' });
    return undefined;
  }
  if ('eq' in field && value !== field.eq) {
    problems.push({ path, message: field.err ?? `value must be ${field.eq}` });
    return undefined;
  }
  const before = problems.length;
  const processed = processType(field, value, path, problems);
  if (problems.length === before && !(field.referenceable && isReference(processed))) {
    const message = validate(field, processed);
    if (message !== undefined) problems.push({ path, message: field.err ?? message });
  }
  return processed;
}

/** Kong takes a record as required unless it says otherwise. */
function isRequired(field: Field): boolean {
  return field.required ?? field.type === 'record';
}

function missing(field: Field): unknown {
  if (field.default !== undefined) return structuredClone(field.default);
  return isRequired(field) && field.type === 'record' ? {} : undefined;
}

function processType(field: Field, value: unknown, path: string, problems: Problem[]): unknown {
  const wrong = (what: string): undefined => {
    problems.push({ path, message: `expected ${what}` });
  };
  switch (field.type) {
    case 'string':
      return typeof value === 'string' ? value : wrong('a string');
    case 'number':
      return typeof value === 'number' ? value : wrong('a number');
    case 'integer':
      return Number.isInteger(value) ? value : wrong('an integer');
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong('a boolean');
    case 'array':
    case 'set': {
      if (!Array.isArray(value)) return wrong(field.type === 'set' ? 'a set' : 'an array');
      const items = field.type === 'set' ? [...new Set(value)] : value;
      const elements = field.elements;
      if (elements === undefined) return items;
      return items.map((item, index) =>
        processField({ ...elements, required: true }, item, `${path}[${index}]`, problems),
      );
    }
    case 'map': {
      if (!isPlainObject(value)) return wrong('a map');
      const result: PlainObject = {};
      for (const [key, item] of Object.entries(value)) {
        if (field.keys) processField(field.keys, key, join(path, key), problems);
        result[key] = field.values
          ? processField({ ...field.values, required: true }, item, join(path, key), problems)
          : item;
      }
      return result;
    }
    case 'record': {
      if (!isPlainObject(value)) return wrong('a record');
      const record = processRecord(field.fields ?? [], value, path, problems);
      checkEntities(field.entity_checks ?? [], record, path, problems);
      return record;
    }
  }
}

/** Applies the validators of a field to a value of the right type; undefined if it passes. */
export function validate(field: Field, value: unknown): string | undefined {
  const text = typeof value === 'string' ? value : undefined;
  const length = lengthOf(value);
  const lenMin = field.len_min ?? (field.type === 'string' ? 1 : undefined);
  if (field.between && typeof value === 'number') {
    const [low, high] = field.between;
    if (value < low || value > high) return `value should be between ${low} and ${high}`;
  }
  if (field.gt !== undefined && typeof value === 'number' && value <= field.gt) {
    return `value must be greater than ${field.gt}`;
  }
  if (length !== undefined) {
    if (field.len_eq !== undefined && length !== field.len_eq) return `length must be ${field.len_eq}`;
    if (lenMin !== undefined && length < lenMin) return `length must be at least ${lenMin}`;
    if (field.len_max !== undefined && length > field.len_max) return `length must be at most ${field.len_max}`;
  }
  if (field.match !== undefined && text !== undefined && !luaMatches(compileLuaPattern(field.match), text)) {
    return `invalid value: ${text}`;
  }
  for (const { pattern, err } of field.match_none ?? []) {
    if (text !== undefined && luaMatches(compileLuaPattern(pattern), text)) return err;
  }
  if (field.starts_with !== undefined && text !== undefined && !text.startsWith(field.starts_with)) {
    return `should start with: ${field.starts_with}`;
  }
  if (field.one_of && !(field.one_of as readonly unknown[]).includes(value)) {
    return `expected one of: ${field.one_of.join(', ')}`;
  }
  if (field.not_one_of?.includes(value)) return `must not be one of: ${field.not_one_of.join(', ')}`;
  if (field.uuid && text !== undefined && !UUID.test(text)) return 'expected a valid UUID';
  return undefined;
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  return isPlainObject(value) ? Object.keys(value).length : undefined;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
