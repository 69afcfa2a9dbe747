/** Kong's `entity_checks`: conditions over several fields of one record (kong/db/schema/init.lua). */
import { isReference } from './references.js';
import type { Field, PlainObject, Problem } from './schema.js';
import { isPlainObject, validate } from './schema.js';

/** Reports the checks that a record fails. @throws Error for a check that is not known here */
export function checkEntities(
  checks: readonly unknown[],
  record: PlainObject,
  path: string,
  problems: Problem[],
): void {
  for (const check of checks) {
    if (!isPlainObject(check)) throw new Error(`${path}: an entity check is no table`);
    for (const [name, argument] of Object.entries(check)) {
      const message = runCheck(name, argument, record, path);
      if (message === undefined) continue;
      problems.push({ path, message });
      // Kong names the field that is missing too.
      const { then_field: field, then_match: match } = argument as { then_field?: unknown; then_match?: Field };
      if (name === 'conditional' && match?.required === true && !isPresent(read(record, String(field)))) {
        problems.push({ path: [path, String(field)].filter(Boolean).join('.'), message: 'required field missing' });
      }
    }
  }
}

function runCheck(name: string, argument: unknown, record: PlainObject, path: string): string | undefined {
  if (readsReference(argument, record)) return undefined;
  if (name === 'conditional' && isPlainObject(argument)) return conditional(argument, record);
  if (name === 'conditional_at_least_one_of' && isPlainObject(argument)) return conditionalAtLeastOne(argument, record);
  if (!Array.isArray(argument)) throw new Error(`${path}: the local gateway cannot check "${name}" of the schema`);
  const names = argument.map(String);
  const present = names.filter((field) => isPresent(read(record, field)));
  const list = names.map((field) => `'${field}'`).join(', ');
  switch (name) {
    case 'at_least_one_of':
      return present.length > 0 ? undefined : `at least one of these fields must be non-empty: ${list}`;
    case 'only_one_of':
      return present.length === 1 ? undefined : `exactly one of these fields must be non-empty: ${list}`;
    case 'mutually_exclusive':
      return present.length <= 1 ? undefined : `only one or none of these fields must be set: ${list}`;
    case 'mutually_required':
      return present.length === 0 || present.length === names.length
        ? undefined
        : `all or none of these fields must be set: ${list}`;
    case 'distinct': {
      const values = present.map((field) => JSON.stringify(read(record, field)));
      return new Set(values).size === values.length ? undefined : `values of these fields must be distinct: ${list}`;
    }
    default:
      throw new Error(`${path}: the local gateway cannot check "${name}" of the schema`);
  }
}

/** Kong leaves out a check one of whose fields is a vault reference: it does not know the value yet. */
function readsReference(argument: unknown, record: PlainObject): boolean {
  const fields = isPlainObject(argument)
    ? [argument.if_field, argument.then_field, argument.then_at_least_one_of].flat()
    : [argument].flat();
  return fields.some((field) => isReference(read(record, String(field))));
}

function conditionalAtLeastOne(check: PlainObject, record: PlainObject): string | undefined {
  if (!holds(check.if_match as Field, read(record, String(check.if_field)))) return undefined;
  const names = (check.then_at_least_one_of as unknown[]).map(String);
  if (names.some((field) => isPresent(read(record, field)))) return undefined;
  return `at least one of these fields must be non-empty: ${names.map((field) => `'${field}'`).join(', ')}`;
}

function conditional(check: PlainObject, record: PlainObject): string | undefined {
  const ifField = String(check.if_field);
  const condition = check.if_match as Field;
  if (!holds(condition, read(record, ifField))) return undefined;
  // Measured on Kong 3.9.3: "An unexpected error occurred", whatever is in the record.
  if (isPlainObject(read(record, String(check.then_field)))) return 'Kong fails on a then_field that is a record';
  if (holds(check.then_match as Field, read(record, String(check.then_field)))) return undefined;
  return typeof check.then_err === 'string'
    ? check.then_err
    : `failed conditional validation given value of field '${ifField}'`;
}

function holds(match: Field & { contains?: unknown }, value: unknown): boolean {
  if ('eq' in match) return match.eq === null ? !isPresent(value) : value === match.eq;
  if (value === undefined)
    return (
      match.required !== true &&
      match.contains === undefined &&
      match.gt === undefined &&
      match.one_of === undefined &&
      match.match === undefined
    );
  if (match.contains !== undefined) return Array.isArray(value) && value.includes(match.contains);
  return validate(match, value) === undefined;
}

function isPresent(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !(Array.isArray(value) && value.length === 0);
}

function read(record: PlainObject, path: string): unknown {
  let value: unknown = record;
  for (const key of path.split('.')) {
    if (!isPlainObject(value)) return undefined;
    value = value[key];
  }
  return value;
}
