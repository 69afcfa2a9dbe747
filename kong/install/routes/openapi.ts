/** The OpenAPI document of what a configuration lets through, for the developers of its consumers. Pure. */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { type ReadPath, shapeAnswer } from './answer.js';
import { type Api, compare, modelOf, type Parameter, type Schema } from './api.js';
import type { Exposure } from './exposure.js';

export interface DocumentSettings {
  readPath: ReadPath;
  /** What leaves next to the elements of a page. */
  pagingFields: ReadonlySet<string>;
}

/** Returns the document. */
export function toOpenApi(api: Api, exposures: readonly Exposure[], settings: DocumentSettings): PlainObject {
  const paths: Record<string, PlainObject> = {};
  const ids = new Map<string, number>();
  const schemes = new Map<string, PlainObject>();
  for (const exposure of exposures) {
    const own = schemesOf(exposure);
    for (const [name, scheme] of own) schemes.set(name, scheme);
    const item = paths[exposure.clientPath] ?? {};
    const { id, method } = exposure.operation;
    const count = (ids.get(id) ?? 0) + 1;
    ids.set(id, count);
    item[method.toLowerCase()] = {
      // An operation that clients reach by several paths is several operations of this document.
      operationId: count === 1 ? id : `${id}${count}`,
      ...operationOf(api, exposure, [...own.keys()], settings),
    };
    paths[exposure.clientPath] = item;
  }
  const securitySchemes = Object.fromEntries([...schemes].sort(([a], [b]) => compare(a, b)));
  return {
    openapi: '3.0.3',
    info: {
      title: 'Genesys Cloud, as the gateway lets it through',
      description: `Made from ${api.source} and the gateway's configuration. What is not in it is refused or 404.`,
      version: api.version,
    },
    paths,
    components: {
      ...(schemes.size > 0 && { securitySchemes }),
      responses: { Error: ERROR_RESPONSE },
      schemas: modelsFor({ paths, ERROR }, api),
    },
  };
}

/** Genesys' error body, which the gateway answers with too. */
const ERROR: Schema = {
  type: 'object',
  properties: {
    message: { type: 'string' },
    code: { type: 'string' },
    status: { type: 'integer' },
    contextId: { type: 'string' },
    details: { type: 'array', items: {} },
    errors: { type: 'array', items: {} },
  },
};
const ERROR_RESPONSE = {
  description: 'An error of Genesys Cloud, or of the gateway (its codes begin with `gateway.`)',
  content: { 'application/json': { schema: ERROR } },
};

function operationOf(
  api: Api,
  exposure: Exposure,
  schemes: readonly string[],
  settings: DocumentSettings,
): PlainObject {
  const { operation, groups, filter } = exposure;
  const { tags, summary, parameters, body } = operation;
  const { answer, remarks } = answerOf(api, exposure, settings);
  const whole = [
    ...(groups === undefined
      ? []
      : [`For consumers of the group${groups.length === 1 ? '' : 's'} ${groups.join(', ')}.`]),
    ...(filter === 'blocked' && operation.answer !== 'none' ? ["The gateway blocks this answer's body."] : []),
    ...remarks,
  ];
  return {
    tags,
    ...(summary !== '' && { summary }),
    ...(whole.length > 0 && { description: whole.join('\n') }),
    ...(parameters.length > 0 && { parameters: parameters.map(toParameter) }),
    ...(body !== undefined && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      '200': {
        description: answer === undefined ? 'Success, without a body' : 'Success',
        ...(answer !== undefined && { content: { 'application/json': { schema: answer } } }),
      },
      default: { $ref: '#/components/responses/Error' },
    },
    ...(schemes.length > 0 && { security: schemes.map((name) => ({ [name]: [] })) }),
  };
}

function answerOf(
  api: Api,
  { operation, filter }: Exposure,
  { readPath, pagingFields }: DocumentSettings,
): { answer: Schema | undefined; remarks: string[] } {
  const { answer } = operation;
  if (answer === 'none' || filter === 'blocked') return { answer: undefined, remarks: [] };
  if (filter === 'none') return { answer: answer ?? {}, remarks: [] };
  const { schema, remarks } = shapeAnswer(answer ?? {}, filter, api.models, readPath, pagingFields);
  return { answer: schema ?? {}, remarks };
}

function toParameter({ name, in: where, required, description, schema }: Parameter): PlainObject {
  const { description: _, ...own } = schema;
  return {
    name,
    in: where,
    ...(required && { required }),
    ...(description !== '' && { description }),
    schema: own,
  };
}

/** What a client sends to be known. Of several, each is enough on its own route. */
function schemesOf({ plugins }: Exposure): Map<string, PlainObject> {
  const schemes = new Map<string, PlainObject>();
  const key = plugins.get('key-auth');
  if (key !== undefined) {
    const [name = 'apikey'] = Array.isArray(key.key_names) ? key.key_names.map(String) : [];
    schemes.set('key', { type: 'apiKey', in: 'header', name });
  }
  if (plugins.has('jwt')) schemes.set('token', { type: 'http', scheme: 'bearer' });
  if (plugins.has('basic-auth')) schemes.set('basic', { type: 'http', scheme: 'basic' });
  return schemes;
}

/** Returns the models that are referred to, and those that they refer to. */
function modelsFor(root: unknown, api: Api): Record<string, Schema> {
  const found = new Map<string, Schema>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (!isPlainObject(value)) return;
    const name = typeof value.$ref === 'string' ? modelOf({ $ref: value.$ref }) : undefined;
    if (name !== undefined && !found.has(name)) {
      const model = api.models.get(name) ?? {};
      found.set(name, model);
      visit(model);
    }
    for (const member of Object.values(value)) visit(member);
  };
  visit(root);
  return Object.fromEntries([...found].sort(([a], [b]) => compare(a, b)));
}
