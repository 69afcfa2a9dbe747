/** The schema of what genesys-response-filter leaves of an answer, by its rule and the answer's model. Pure. */
import type { PlainObject } from '../../../plugins/shared/plain-object.js';
import { type Api, resolve, type Schema } from './api.js';
import type { FilterRule } from './exposure.js';
import { fieldsOf } from './keep.js';

/** A step of a path: a name, an index, or any of them. */
export type Step = { kind: 'name'; name: string } | { kind: 'index'; index: number } | { kind: 'any' };

/** A path as the filter reads it. One of another kind than `simple` is code of JSONPath, which no schema can follow. */
export type ReadPath = (text: string) => { kind: 'simple'; segments: readonly Step[] } | { kind: 'json-path' };

export interface Shaped {
  /** Undefined if nothing is left. */
  schema: Schema | undefined;
  /** What the schema does not say, for people. */
  remarks: string[];
}

/** What is done to a value and to what is in it. Paths begin at the value. */
interface Uses {
  isKept: boolean;
  keep: readonly (readonly Step[])[];
  remove: readonly (readonly Step[])[];
  rename: readonly { path: readonly Step[]; to: string }[];
}

/**
 * Returns what a rule leaves of an answer.
 * @param pagingFields what leaves next to a collection
 */
export function shapeAnswer(
  answer: Schema,
  { rule, collection }: FilterRule,
  models: Api['models'],
  readPath: ReadPath,
  pagingFields: ReadonlySet<string>,
): Shaped {
  const remarks: string[] = [];
  const read = (field: string): (readonly Step[])[] =>
    textsIn(rule[field]).flatMap((text) => {
      const path = readPath(text);
      if (path.kind === 'simple') return [path.segments];
      remarks.push(`The filter has ${field}: ${text}, which this schema does not follow.`);
      return field === 'keep' ? [[]] : [];
    });
  const isWhole = rule.keep === undefined;
  const uses: Uses = {
    isKept: isWhole,
    keep: read('keep'),
    remove: read('remove'),
    rename: renamesOf(rule, readPath),
  };
  const shapeElement = (schema: Schema): Schema | undefined => {
    const shaped = shape(schema, uses, models);
    return typeof rule.template === 'string' ? fromTemplate(rule.template, shaped ?? {}, models, readPath) : shaped;
  };
  const body = resolve(answer, models);
  if (body.items !== undefined) return { schema: arrayOf(shapeElement(body.items)), remarks };
  const fields = fieldsOf(body, models);
  const items = Object.hasOwn(fields, collection) ? resolve(fields[collection] ?? {}, models).items : undefined;
  if (items === undefined) return { schema: shapeElement(answer), remarks };
  const isOpen = isWhole && rule.template === undefined;
  const around = Object.entries(fields).flatMap(([name, field]): [string, Schema][] => {
    if (name === collection) return [];
    if (isOpen || pagingFields.has(name)) return [[name, field]];
    const cursors = name === 'cursors' ? shape(field, CURSORS, models) : undefined;
    return cursors === undefined ? [] : [[name, cursors]];
  });
  const properties = { [collection]: arrayOf(shapeElement(items)), ...Object.fromEntries(around) };
  return { schema: { type: 'object', properties }, remarks };
}

/** What of a page's cursors leaves. */
const CURSORS: Uses = {
  isKept: false,
  keep: ['before', 'after'].map((name): Step[] => [{ kind: 'name', name }]),
  remove: [],
  rename: [],
};

function arrayOf(items: Schema | undefined): Schema {
  return { type: 'array', items: items ?? {} };
}

function renamesOf(rule: PlainObject, readPath: ReadPath): Uses['rename'] {
  const list = Array.isArray(rule.rename) ? (rule.rename as { from?: unknown; to?: unknown }[]) : [];
  return list.flatMap(({ from, to }) => {
    const path = readPath(String(from));
    return path.kind === 'simple' ? [{ path: path.segments, to: String(to) }] : [];
  });
}

/** Returns the schema of what is left of a value; undefined if it does not leave. */
function shape(schema: Schema, uses: Uses, models: Api['models']): Schema | undefined {
  const { keep, remove, rename } = uses;
  if (remove.some((path) => path.length === 0)) return undefined;
  const isKept = uses.isKept || keep.some((path) => path.length === 0);
  if (isKept && remove.length === 0 && rename.length === 0) return schema;
  if (!isKept && keep.length === 0) return undefined;
  const value = resolve(schema, models);
  const below = (matches: (step: Step) => boolean): Uses => {
    const after = (paths: Uses['keep']): (readonly Step[])[] =>
      paths.flatMap(([first, ...rest]) => (first !== undefined && matches(first) ? [rest] : []));
    return {
      isKept,
      keep: after(keep),
      remove: after(remove),
      rename: rename.flatMap(({ path: [first, ...rest], to }) =>
        first !== undefined && matches(first) && rest.length > 0 ? [{ path: rest, to }] : [],
      ),
    };
  };
  if (value.items !== undefined) {
    const inList = below(({ kind }) => kind !== 'name');
    // Of a list of which no element is meant, an empty one is left.
    return isKept || inList.keep.length > 0 ? arrayOf(shape(value.items, inList, models)) : undefined;
  }
  const fields = fieldsOf(value, models);
  const { additionalProperties: further } = value;
  if (Object.keys(fields).length === 0 && typeof further !== 'object') return isKept ? schema : undefined;
  const named = Object.entries(fields).flatMap(([name, field]): [string, Schema][] => {
    const left = shape(
      field,
      below((step) => step.kind === 'any' || (step.kind === 'name' && step.name === name)),
      models,
    );
    return left === undefined ? [] : [[newName(name, rename), left]];
  });
  const rest =
    typeof further === 'object'
      ? shape(
          further,
          below(({ kind }) => kind === 'any'),
          models,
        )
      : undefined;
  const chosen = typeof further === 'object' && rest === undefined ? membersOf(further, keep) : [];
  return {
    type: 'object',
    ...(named.length + chosen.length > 0 && { properties: Object.fromEntries([...named, ...chosen]) }),
    ...(rest !== undefined && { additionalProperties: rest }),
  };
}

/** Of a map, members that a path names. */
function membersOf(member: Schema, keep: Uses['keep']): [string, Schema][] {
  return keep.flatMap(([first]): [string, Schema][] => (first?.kind === 'name' ? [[first.name, member]] : []));
}

function newName(name: string, rename: Uses['rename']): string {
  const found = rename.find(
    ({ path: [first, ...rest] }) => rest.length === 0 && first?.kind === 'name' && first.name === name,
  );
  return found?.to ?? name;
}

const REFERENCE = /\{\{([^{}]*)\}\}/;

/** Returns the schema of a template that is filled in. */
function fromTemplate(text: string, element: Schema, models: Api['models'], readPath: ReadPath): Schema {
  const schemaOf = (value: unknown): Schema => {
    if (Array.isArray(value)) return { type: 'array', items: value.length === 1 ? schemaOf(value[0]) : {} };
    if (typeof value === 'object' && value !== null) {
      const properties = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, schemaOf(member)]));
      return { type: 'object', properties };
    }
    if (typeof value !== 'string') return value === null ? {} : { type: typeof value };
    const [whole, path = ''] = REFERENCE.exec(value) ?? [];
    return whole === value ? lookUp(readPath(path.trim()), element, models) : { type: 'string' };
  };
  return schemaOf(JSON.parse(text));
}

function lookUp(path: ReturnType<ReadPath>, element: Schema, models: Api['models']): Schema {
  if (path.kind !== 'simple') return { type: 'array', items: {} };
  const isMany = path.segments.some(({ kind }) => kind === 'any');
  const found = path.segments.reduce<Schema>((schema, step) => {
    const value = resolve(schema, models);
    if (step.kind !== 'name') return value.items ?? {};
    return fieldsOf(value, models)[step.name] ?? {};
  }, element);
  return isMany ? { type: 'array', items: found } : found;
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
