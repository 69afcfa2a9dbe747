/**
 * Checks values against Kong's schema language: fills in defaults and finds faults, as Kong 3.9 does
 * (kong/db/schema/init.lua). Plugins, the local gateway and check-config all use it to read configurations.
 */
import { isPlainObject, type PlainObject } from '../plain-object.js';
import { checkEntities } from './entity-checks.js';
import { eachField, type Field, type Fields } from './field.js';
import { join, type Reading, report } from './problem.js';
import { isReference } from './reference.js';
import { faultOf } from './validators.js';

/** Reads a record. @returns the record with defaults; for a plugin, fields without a value are undefined */
export function readRecord(fields: Fields, value: PlainObject, path: string, reading: Reading): PlainObject {
  const known = new Map(eachField(fields));
  if (reading.from === 'operator') {
    for (const key of Object.keys(value)) {
      if (!known.has(key)) reading.problems.push({ path: join(path, key), message: 'unknown field' });
    }
  }
  const members = [...known].map(([name, field]) => [name, readField(field, value[name], join(path, name), reading)]);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined || reading.from === 'kong'));
}

/** Reads one value. @returns undefined if there is none, or if it has another type */
export function readField(field: Field, given: unknown, path: string, reading: Reading): unknown {
  const isLeftOut = given === undefined || (given === null && reading.from === 'kong');
  const value = isLeftOut ? defaultOf(field) : given;
  if (value === undefined || value === null) {
    if (isRequired(field)) report(reading, path, ['required field missing', 'is required']);
    return undefined;
  }
  if ('eq' in field && value !== field.eq) {
    const message = field.err ?? `value must be ${field.eq}`;
    reading.problems.push({ path, message });
    return undefined;
  }
  const before = reading.problems.length;
  const read = readValue(field, value, path, reading);
  if (reading.problems.length > before) return read;
  // Kong does not know the value of a reference yet.
  if (reading.from === 'operator' && field.referenceable && isReference(read)) return read;
  const fault = faultOf(field, read);
  if (fault !== undefined) report(reading, path, [field.err ?? fault[0], fault[1]]);
  return read;
}

/** Returns whether a field is required. A record is, unless its schema says otherwise. */
function isRequired(field: Field): boolean {
  return field.required ?? field.type === 'record';
}

function defaultOf(field: Field): unknown {
  if (field.default !== undefined) return structuredClone(field.default);
  return isRequired(field) && field.type === 'record' ? {} : undefined;
}

function readValue(field: Field, value: unknown, path: string, reading: Reading): unknown {
  const refuse = (kong: string, plugin = kong): undefined => {
    report(reading, path, [`expected ${kong}`, `must be ${plugin}`]);
  };
  switch (field.type) {
    case 'string':
      return typeof value === 'string' ? value : refuse('a string');
    case 'number':
      return Number.isFinite(value) ? value : refuse('a number');
    case 'integer':
      return Number.isInteger(value) ? value : refuse('an integer', Number.isFinite(value) ? 'an integer' : 'a number');
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse('a boolean');
    case 'array':
    case 'set': {
      const list = isEmptyTable(value) ? [] : value;
      if (!Array.isArray(list)) return refuse(field.type === 'set' ? 'a set' : 'an array', 'a list');
      const { elements } = field;
      if (elements === undefined) return list;
      const items: unknown[] = field.type === 'set' ? [...new Set(list)] : list;
      return items.map((item, index) => readField({ ...elements, required: true }, item, `${path}[${index}]`, reading));
    }
    case 'map':
      return isEmptyTable(value) ? {} : isPlainObject(value) ? readMap(field, value, path, reading) : refuse('a map');
    case 'record': {
      const record = isEmptyTable(value) ? {} : value;
      if (!isPlainObject(record)) return refuse('a record');
      const read = readRecord(field.fields ?? [], record, path, reading);
      checkEntities(field.entity_checks ?? [], read, path, reading);
      return read;
    }
  }
}

function readMap({ keys, values }: Field, map: PlainObject, path: string, reading: Reading): PlainObject {
  const read = Object.entries(map).map(([key, value]) => {
    const here = join(path, key);
    if (keys) readField(keys, key, reading.from === 'operator' ? here : `${path} key`, reading);
    return [key, values ? readField({ ...values, required: true }, value, here, reading) : value];
  });
  return Object.fromEntries(read);
}

/** Returns whether a value is Lua's empty table, which JSON writes as `{}` or `[]`. */
function isEmptyTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
