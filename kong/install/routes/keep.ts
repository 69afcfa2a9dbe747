/** What genesys-response-filter may leave of an operation's answer, to begin with: by the model of the answer. Pure. */
import { type Api, type Operation, resolve, type Schema } from './api.js';

/**
 * `safe`: states, types, ids, times, counts and booleans, as the audit log shows them. `model`: every field that the model
 * has. `none`: no filter.
 */
export type KeepMode = 'safe' | 'model' | 'none';

/** How skeletons are made. */
export interface KeepSettings {
  mode: KeepMode;
  /** Names of fields that may leave with `safe`. */
  safeFields: ReadonlySet<string>;
}

/** A rule's `keep`, and the fields of the model that it leaves out. */
export interface Skeleton {
  keep: string[];
  others: string[];
}

/** Where the filter looks for a page's elements. */
const COLLECTION = 'entities';
const PLAIN_NAME = /^[A-Za-z_$][\w$-]*$/;

/**
 * Returns what to keep of an operation's answer. Paths begin at the elements of a page.
 * @returns undefined if the answer has no body, or nothing is known of it that may be kept
 */
export function skeletonOf(
  { answer }: Operation,
  models: Api['models'],
  { mode, safeFields }: KeepSettings,
): Skeleton | undefined {
  if (answer === undefined || answer === 'none') return undefined;
  const element = fieldsOf(elementOf(answer, models), models);
  const fields = Object.entries(element);
  if (fields.length === 0) return mode === 'model' ? { keep: ['$'], others: [] } : undefined;
  if (mode === 'model') return { keep: fields.map(([name]) => step(name)), others: [] };
  const keep = fields.flatMap(([name, schema]) =>
    safePaths(name, schema, { models, safeFields }, element.id === undefined),
  );
  const whole = new Set(keep);
  const others = fields.map(([name]) => step(name)).filter((name) => !whole.has(name));
  return keep.length === 0 ? undefined : { keep, others };
}

/** Returns the schema of what a rule's paths begin at: an element of a page or a list, otherwise the body. */
export function elementOf(answer: Schema, models: Api['models']): Schema {
  const body = resolve(answer, models);
  if (body.items !== undefined) return body.items;
  const collection = fieldsOf(body, models)[COLLECTION];
  const items = collection && resolve(collection, models).items;
  return items ?? body;
}

/** Returns the fields of a model, those of what it is made of too. */
export function fieldsOf(schema: Schema, models: Api['models']): Record<string, Schema> {
  const { properties = {}, allOf = [] } = resolve(schema, models);
  return Object.assign({}, ...allOf.map((part) => fieldsOf(part, models)), properties) as Record<string, Schema>;
}

interface Known extends Pick<Api, 'models'> {
  safeFields: KeepSettings['safeFields'];
}

/**
 * Of a field that is a record, or a list of them, its id. What has no id itself is there for the lists in it, so of these
 * each harmless field.
 */
function safePaths(name: string, schema: Schema, known: Known, isContainer: boolean): string[] {
  const { value, isList, fields } = lookInto(schema, known);
  if (fields.length === 0) return isSafe(name, value, known) ? [step(name)] : [];
  return fields
    .filter(([field]) => field === 'id' || (isContainer && isList))
    .filter(([field, one]) => {
      const inner = lookInto(one, known);
      return inner.fields.length === 0 && isSafe(field, inner.value, known);
    })
    .map(([field]) => `${step(name)}${isList ? '[*]' : ''}${afterStep(step(field))}`);
}

/** Returns what a field holds: of a list, its elements. */
function lookInto(schema: Schema, { models }: Known) {
  const { items, ...own } = resolve(schema, models);
  const value = items === undefined ? own : resolve(items, models);
  return { value, isList: items !== undefined, fields: Object.entries(fieldsOf(value, models)) };
}

function isSafe(name: string, { type }: Schema, { safeFields }: Known): boolean {
  return type === 'boolean' || (type !== 'object' && type !== 'array' && type !== undefined && safeFields.has(name));
}

/** A name in a path, quoted if need be. */
function step(name: string): string {
  return PLAIN_NAME.test(name) ? name : `[${JSON.stringify(name)}]`;
}

function afterStep(name: string): string {
  return name.startsWith('[') ? name : `.${name}`;
}
