/**
 * Reads the API from Genesys' SDK (npm purecloud-platform-client-v2): operations from the sources of its API classes, models
 * and types from its type definitions. Permissions and scopes are in neither.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Api, type Operation, type Parameter, referenceTo, type Schema, sortOperations } from './api.js';

/** Where the SDK's API classes are, below its folder. */
const APIS = 'src/purecloud-platform-client-v2/api';

/** Reads the SDK. @param folder of the installed package */
export function readSdk(folder: string): Api {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const types = readFileSync(join(folder, 'index.d.ts'), 'utf8');
  const signatures = readSignatures(types);
  const operations = new Map<string, Operation>();
  for (const file of readdirSync(join(folder, APIS)).sort()) {
    const tag = file.replace(/Api\.js$/, '');
    for (const call of readCalls(readFileSync(join(folder, APIS, file), 'utf8'))) {
      const key = `${call.method} ${call.path}`;
      const known = operations.get(key);
      operations.set(key, known ? { ...known, tags: [...known.tags, tag] } : toOperation(call, tag, signatures));
    }
  }
  return {
    source: `the SDK purecloud-platform-client-v2 ${version}`,
    version,
    isDescription: false,
    operations: sortOperations(operations.values()),
    models: readModels(types),
  };
}

/** A method of an API class. */
interface Call {
  id: string;
  summary: string;
  path: string;
  method: string;
  /** Descriptions and types of JSDoc, by name; those of options without `opts.`. */
  documented: ReadonlyMap<string, { type: string; description: string }>;
  required: ReadonlySet<string>;
  pathNames: readonly string[];
  queryNames: readonly string[];
}

const METHOD = /\t\/\*\*\n((?:\t \*[^\n]*\n)+?)\t \*\/\n\t(\w+)\(([^)]*)\) \{([\s\S]*?)\n\t\}\n/g;
const CALL = /callApi\(\s*'([^']+)',\s*'([A-Z]+)',\s*\{([^}]*)\},\s*\{(.*)\},\s*\{/;
const PARAM = /^@param \{(.*?)\} (?:opts\.)?(\w+) ?(.*)$/;

function readCalls(source: string): Call[] {
  return [...source.matchAll(METHOD)].flatMap(([, comment = '', id = '', names = '', text = '']) => {
    const [, path, method = '', inPath = '', inQuery = ''] = CALL.exec(text) ?? [];
    if (path === undefined) return [];
    const lines = comment.split('\n').map((line) => line.replace(/^\t \* ?/, '').trim());
    const documented = lines.flatMap((line): [string, { type: string; description: string }][] => {
      const [, type = '', name, description = ''] = PARAM.exec(line) ?? [];
      return name === undefined ? [] : [[name, { type, description }]];
    });
    const summary = lines.filter((line) => line !== '' && !line.startsWith('@')).join(' ');
    const required = new Set(names.split(',').map((name) => name.trim()));
    const at = { path, method, pathNames: keysOf(inPath), queryNames: keysOf(inQuery) };
    return [{ id, summary, documented: new Map(documented), required, ...at }];
  });
}

function keysOf(text: string): string[] {
  return [...text.matchAll(/'([^']+)':/g)].map(([, key = '']) => key);
}

function toOperation(call: Call, tag: string, signatures: ReadonlyMap<string, Signature>): Operation {
  const { id, summary, path, method, documented, required } = call;
  const signature = signatures.get(id);
  const parameter = (name: string, where: 'path' | 'query'): Parameter => {
    const { type = 'String', description = '' } = documented.get(name) ?? {};
    return {
      name,
      in: where,
      required: where === 'path' || required.has(name),
      description,
      schema: fromJsDoc(type),
    };
  };
  return {
    id,
    tags: [tag],
    method,
    path,
    summary,
    parameters: [
      ...call.pathNames.map((name) => parameter(name, 'path')),
      ...call.queryNames.map((name) => parameter(name, 'query')),
    ],
    body: signature?.body,
    answer: signature?.answer,
    permissions: undefined,
    scopes: undefined,
  };
}

/** JSDoc calls a text that is one of several an object. */
function fromJsDoc(type: string): Schema {
  const [, element] = /^Array\.<(.*)>$/.exec(type) ?? [];
  if (element !== undefined) return { type: 'array', items: fromJsDoc(element) };
  if (type === 'Number') return { type: 'number' };
  return { type: type === 'Boolean' ? 'boolean' : 'string' };
}

/** What the type definitions say of an operation. */
interface Signature {
  body: Schema | undefined;
  answer: Operation['answer'];
}

const SIGNATURE = /^[ \t]+(\w+)\((.*)\): Promise<(.*)>;[ \t]*$/gm;
const OPTIONS = /export interface (\w+)Options \{[ \t]*\n([\s\S]*?)\n\t\}/g;

function readSignatures(types: string): Map<string, Signature> {
  const optional = new Map(
    [...types.matchAll(OPTIONS)].flatMap(([, id = '', members = '']): [string, Schema][] => {
      const [, type] = /^\t\t"body"\??: (.*);[ \t]*$/m.exec(members) ?? [];
      return type === undefined ? [] : [[id, toSchema(type)]];
    }),
  );
  return new Map(
    [...types.matchAll(SIGNATURE)].map(([, id = '', parameters = '', answer = '']): [string, Signature] => {
      // A body is a model, or a list or map of something; everything else of an operation is a text or a number.
      const [, body] =
        /(?:^|, )(?:body|\w+): ((?:Array<)?Models\.\w+>?|object|\{[^}]*\})(?:,|$)/.exec(parameters) ?? [];
      return [id, { body: body === undefined ? optional.get(id) : toSchema(body), answer: answerOf(answer) }];
    }),
  );
}

function answerOf(type: string): Operation['answer'] {
  if (type === 'void') return 'none';
  return type === 'any' || type === 'object' ? undefined : toSchema(type);
}

const MODEL = /export interface (\w+) \{[ \t]*\n([\s\S]*?)\n\t\}/g;
const FIELD = /^\t\t"([^"]+)"(\??): (.*);[ \t]*$/gm;

function readModels(types: string): Map<string, Schema> {
  const models = types.slice(types.indexOf('declare namespace Models'));
  return new Map(
    [...models.matchAll(MODEL)].map(([, name = '', members = '']): [string, Schema] => {
      const fields = [...members.matchAll(FIELD)];
      const properties = Object.fromEntries(fields.map(([, field = '', , type = '']) => [field, toSchema(type)]));
      const required = fields.flatMap(([, field = '', isOptional]) => (isOptional === '' ? [field] : []));
      return [name, { type: 'object', properties, ...(required.length > 0 && { required }) }];
    }),
  );
}

/** Returns the schema of a type. */
function toSchema(type: string): Schema {
  const [, element] = /^Array<(.*)>$/.exec(type) ?? [];
  if (element !== undefined) return { type: 'array', items: toSchema(element) };
  const [, member] = /^\{ \[key: string\]: (.*); \}$/.exec(type) ?? [];
  if (member !== undefined) return { type: 'object', additionalProperties: toSchema(member) };
  const [, model] = /^Models\.(\w+)$/.exec(type) ?? [];
  if (model !== undefined) return referenceTo(model);
  return ['string', 'number', 'boolean', 'object'].includes(type) ? { type } : {};
}
