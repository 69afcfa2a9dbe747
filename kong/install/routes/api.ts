/** Genesys' API as routes and documents are made from it, whatever it was read from: its description, or its SDK. */

/** An operation. */
export interface Operation {
  /** As the SDK calls it: `getUsers`. */
  id: string;
  /** Such as `Users`; the same operation may have several. */
  tags: readonly string[];
  method: string;
  /** Such as `/api/v2/users/{userId}`. */
  path: string;
  summary: string;
  parameters: readonly Parameter[];
  /** The request's body. */
  body: Schema | undefined;
  /** The body of the answer, if it has one: undefined where nothing is known of it. */
  answer: Schema | 'none' | undefined;
  /** Undefined if it is not known. */
  permissions: Permissions | undefined;
  /** OAuth scopes, of which one is enough. Undefined if they are not known. */
  scopes: readonly string[] | undefined;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  schema: Schema;
}

/** What the caller must be allowed. */
export interface Permissions {
  /** Whether all of them are needed, or one of them. */
  type: 'ALL' | 'ANY';
  names: readonly string[];
}

/** A schema, as in OpenAPI 3. References are `#/components/schemas/Name`. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  enum?: readonly unknown[];
  pattern?: string;
  items?: Schema;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: Schema | boolean;
  allOf?: readonly Schema[];
}

export interface Api {
  /** What it was read from, as it is told to people. */
  source: string;
  version: string;
  /** Whether permissions, scopes and formats are known. */
  isDescription: boolean;
  /** In the order of their paths, methods one after the other. */
  operations: readonly Operation[];
  models: ReadonlyMap<string, Schema>;
}

const REFERENCE = '#/components/schemas/';

/** Returns the reference to a model. */
export function referenceTo(model: string): Schema {
  return { $ref: `${REFERENCE}${model}` };
}

/** Returns the model that a schema refers to; undefined if it is no reference. */
export function modelOf({ $ref }: Schema): string | undefined {
  return $ref?.startsWith(REFERENCE) ? $ref.slice(REFERENCE.length) : undefined;
}

/** Returns what a schema refers to, and the schema itself if it is no reference. An unknown model has no fields. */
export function resolve(schema: Schema, models: Api['models']): Schema {
  const model = modelOf(schema);
  return model === undefined ? schema : (models.get(model) ?? {});
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Orders operations by path, then by method. What comes of them is the same, in whatever order they were read. */
export function sortOperations(operations: Iterable<Operation>): Operation[] {
  return [...operations].sort(
    (a, b) => compare(a.path, b.path) || METHODS.indexOf(a.method) - METHODS.indexOf(b.method) || compare(a.id, b.id),
  );
}

/** Compares texts by their code units, as no locale does it. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Splits a path into its segments. */
export function segmentsOf(path: string): string[] {
  return path.split('/').slice(1);
}

/** Returns the name of a parameter of a path; undefined for a word. */
export function parameterOf(segment: string): string | undefined {
  return /^\{(.+)\}$/.exec(segment)?.[1];
}
