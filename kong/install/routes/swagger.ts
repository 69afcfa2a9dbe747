/**
 * Reads the API from Genesys' description of it: Swagger 2.0 in JSON, as `GET /api/v2/docs/swagger` answers it, with the
 * permissions of each operation in `x-inin-requires-permissions`.
 */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { type Api, type Operation, type Parameter, type Permissions, type Schema, sortOperations } from './api.js';

const METHODS = new Set(['get', 'head', 'post', 'put', 'patch', 'delete', 'options']);

/** Reads a description. @param file its name, for people @throws Error of one line that names the file */
export function readSwagger(text: string, file: string): Api {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${file}: is no JSON`);
  }
  if (!isPlainObject(value) || value.swagger !== '2.0' || !isPlainObject(value.paths)) {
    throw new Error(`${file}: is no Swagger 2.0 with paths, as GET /api/v2/docs/swagger of Genesys' API answers it`);
  }
  const definitions = Object.entries(recordAt(value, 'definitions'));
  const version = String(recordAt(value, 'info').version ?? 'of no version');
  return {
    source: `Genesys' API description ${version}`,
    version,
    isDescription: true,
    operations: sortOperations(operationsOf(value)),
    models: new Map(definitions.map(([name, schema]) => [name, toSchema(schema)])),
  };
}

function operationsOf(document: PlainObject): Operation[] {
  const base = String(document.basePath ?? '').replace(/\/$/, '');
  const shared = recordAt(document, 'parameters');
  const schemes = recordAt(document, 'securityDefinitions');
  return Object.entries(recordAt(document, 'paths')).flatMap(([path, item]) => {
    if (!isPlainObject(item)) return [];
    return Object.entries(item).flatMap(([method, operation]) => {
      if (!METHODS.has(method) || !isPlainObject(operation)) return [];
      const parameters = [...listAt(item, 'parameters'), ...listAt(operation, 'parameters')].map((parameter) => {
        const [, name] = /^#\/parameters\/(.+)$/.exec(String(parameter.$ref)) ?? [];
        return name === undefined ? parameter : recordAt(shared, name);
      });
      const where = `${base}${path}`;
      return [toOperation(operation, method.toUpperCase(), where, parameters, schemes)];
    });
  });
}

function toOperation(
  operation: PlainObject,
  method: string,
  path: string,
  parameters: readonly PlainObject[],
  schemes: PlainObject,
): Operation {
  const id = operation['x-purecloud-method-name'] ?? operation.operationId ?? `${method} ${path}`;
  const body = parameters.find((parameter) => parameter.in === 'body')?.schema;
  const tags = Array.isArray(operation.tags) ? operation.tags.map(String) : [];
  return {
    id: String(id),
    tags,
    method,
    path,
    summary: String(operation.summary ?? ''),
    parameters: parameters.flatMap(toParameter),
    body: body === undefined ? undefined : toSchema(body),
    answer: answerOf(recordAt(operation, 'responses')),
    permissions: permissionsOf(operation['x-inin-requires-permissions']),
    scopes: scopesOf(operation, schemes),
  };
}

function toParameter(parameter: PlainObject): Parameter[] {
  const { name, in: where, required, description } = parameter;
  if (typeof name !== 'string' || (where !== 'path' && where !== 'query' && where !== 'header')) return [];
  return [
    {
      name,
      in: where,
      required: where === 'path' || required === true,
      description: String(description ?? ''),
      schema: toSchema(parameter),
    },
  ];
}

/** The body of the first answer that is a success; Genesys calls one without a body `default`. */
function answerOf(responses: PlainObject): Operation['answer'] {
  const successes = Object.entries(responses).filter(([status]) => /^2\d\d$/.test(status));
  const found = successes.length > 0 ? successes : Object.entries(responses).filter(([status]) => status === 'default');
  const bodies = found.flatMap(([, response]) =>
    isPlainObject(response) && response.schema !== undefined ? [toSchema(response.schema)] : [],
  );
  const [body] = bodies;
  if (body !== undefined) return Object.keys(body).length === 0 ? undefined : body;
  return found.length > 0 ? 'none' : undefined;
}

function permissionsOf(value: unknown): Permissions | undefined {
  if (!isPlainObject(value)) return { type: 'ALL', names: [] };
  const names = Array.isArray(value.permissions) ? value.permissions.map(String) : [];
  return { type: value.type === 'ANY' ? 'ANY' : 'ALL', names };
}

/** Genesys lists the scopes of which one is enough. Those of other schemes than OAuth are none. */
function scopesOf(operation: PlainObject, schemes: PlainObject): string[] {
  return listAt(operation, 'security').flatMap((alternative) =>
    Object.entries(alternative).flatMap(([scheme, scopes]) => {
      const { type = 'oauth2' } = recordAt(schemes, scheme);
      return type === 'oauth2' && Array.isArray(scopes) ? scopes.map(String) : [];
    }),
  );
}

/** What of a schema is taken over. */
const TEXTS = ['type', 'format', 'description', 'pattern'] as const;

/** Returns a schema of OpenAPI 3 for one of Swagger 2. */
function toSchema(value: unknown): Schema {
  if (!isPlainObject(value)) return {};
  const [, model] = /^#\/definitions\/(.+)$/.exec(String(value.$ref)) ?? [];
  if (model !== undefined) return { $ref: `#/components/schemas/${model}` };
  const schema: Schema = {};
  for (const name of TEXTS) {
    const text = value[name];
    if (typeof text === 'string') schema[name] = text;
  }
  if (Array.isArray(value.enum)) schema.enum = value.enum;
  if (isPlainObject(value.items)) schema.items = toSchema(value.items);
  if (isPlainObject(value.properties)) {
    schema.properties = Object.fromEntries(Object.entries(value.properties).map(([key, one]) => [key, toSchema(one)]));
    if (Array.isArray(value.required)) schema.required = value.required.map(String);
  }
  const { additionalProperties: further } = value;
  if (typeof further === 'boolean') schema.additionalProperties = further;
  else if (isPlainObject(further)) schema.additionalProperties = toSchema(further);
  if (Array.isArray(value.allOf)) schema.allOf = value.allOf.map(toSchema);
  return schema;
}

function recordAt(record: PlainObject, key: string): PlainObject {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  return isPlainObject(value) ? value : {};
}

function listAt(record: PlainObject, key: string): PlainObject[] {
  const value = record[key];
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}
