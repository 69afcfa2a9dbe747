/** Kong's `entity_checks`: conditions over several fields of one record (kong/db/schema/init.lua). */
import { isPlainObject, type PlainObject } from '../plain-object.js';
import { join, type Reading } from './problem.js';
import { isReference } from './reference.js';

/** Why a record fails a check. */
interface Fault {
  /** Kong's message, about the record. */
  message: string;
  /** The field that a plugin names. Its problem is next to it. */
  field: string;
  problem: string;
  /** Kong also names the field if it is missing. */
  isMissing?: boolean;
}

/** Reports the checks that a record fails. @throws Error for an unknown check */
export function checkEntities(checks: readonly unknown[], record: PlainObject, path: string, reading: Reading): void {
  for (const check of checks) {
    if (!isPlainObject(check)) throw new Error(`${path}: an entity check is no table`);
    for (const [name, argument] of Object.entries(check)) {
      // Kong skips a check if one of its fields is a vault reference, because it does not know the value yet.
      if (reading.from === 'operator' && fieldsOf(argument).some((field) => isReference(at(record, field)))) continue;
      const fault = faultOfCheck(name, argument, record);
      if (fault === undefined) continue;
      const field = join(path, fault.field);
      if (reading.from === 'kong') {
        reading.problems.push({ path: field, message: fault.problem });
        continue;
      }
      reading.problems.push({ path, message: fault.message });
      if (fault.isMissing) reading.problems.push({ path: field, message: 'required field missing' });
    }
  }
}

function fieldsOf(argument: unknown): string[] {
  const names = isPlainObject(argument)
    ? [argument.if_field, argument.then_field, argument.then_at_least_one_of]
    : [argument];
  return names.flat().map(String);
}

function faultOfCheck(name: string, argument: unknown, record: PlainObject): Fault | undefined {
  if (isPlainObject(argument)) return conditional(name, argument, record);
  const names = [argument].flat().map(String);
  const [first = '', ...others] = names;
  const present = names.filter((field) => isPresent(at(record, field)));
  const list = names.map((field) => `'${field}'`).join(', ');
  const missing = { field: first, problem: `is required, or ${others.join(' or ')}` };
  const surplus = ([field = '', ...rest]: string[]) => ({
    field,
    problem: `cannot stand beside ${rest.join(' and ')}`,
  });
  switch (name) {
    case 'at_least_one_of':
      if (present.length > 0) return undefined;
      return { message: `at least one of these fields must be non-empty: ${list}`, ...missing };
    case 'only_one_of': {
      if (present.length === 1) return undefined;
      const fault = present.length === 0 ? missing : surplus(present.toReversed());
      return { message: `exactly one of these fields must be non-empty: ${list}`, ...fault };
    }
    case 'mutually_exclusive':
      if (present.length < 2) return undefined;
      return { message: `only one or none of these fields must be set: ${list}`, ...surplus(present) };
  }
  throw unknown(name);
}

function conditional(name: string, check: PlainObject, record: PlainObject): Fault | undefined {
  const { if_field, if_match, then_field, then_match, then_at_least_one_of } = check;
  if (!isPlainObject(if_match) || !('eq' in if_match)) throw unknown(`${name} without eq`);
  if (at(record, String(if_field)) !== if_match.eq) return undefined;
  if (name === 'conditional_at_least_one_of') return faultOfCheck('at_least_one_of', then_at_least_one_of, record);
  if (name !== 'conditional' || !isPlainObject(then_match) || then_match.required !== true) throw unknown(name);
  const field = String(then_field);
  const value = at(record, field);
  if (isPlainObject(value)) {
    // Measured on Kong 3.9.3: "An unexpected error occurred", whatever the record contains.
    return {
      message: 'Kong fails on a then_field that is a record',
      field,
      problem: 'is a record, on which Kong fails',
    };
  }
  if (value !== undefined) return undefined;
  const message = `failed conditional validation given value of field '${if_field}'`;
  return { message, field, problem: `is required if ${if_field} is ${if_match.eq}`, isMissing: true };
}

function unknown(check: string): Error {
  return new Error(`the entity check ${check} is not known here`);
}

function isPresent(value: unknown): boolean {
  if (value === undefined || value === '') return false;
  return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
}

/** Returns the value of a field, also of a nested one such as `config.path`. */
function at(record: PlainObject, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isPlainObject(value) ? value[key] : undefined), record);
}
