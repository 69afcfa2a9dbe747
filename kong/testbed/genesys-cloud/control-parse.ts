/**
 * Parses what arrives at the control API into the types of the controls. Everything wrong is a `ControlError`, whose
 * message names the field. Pure.
 */
import type { Fault, FaultTarget } from './faults.js';
import type { RouteLimit } from './rate-limit.js';
import type { RequestFilter } from './requests.js';
import type { Encoding, Stub } from './stubs.js';

/** What the caller of the control API did wrong; answered with 400. */
export class ControlError extends Error {}

export type Fields = Readonly<Record<string, unknown>>;

/** Parses a body as a JSON object with no fields but the named ones. An empty body is an empty object. */
export function parseFields(body: Buffer, allowed: readonly string[]): Fields {
  let value: unknown = {};
  try {
    if (body.length > 0) value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ControlError('The body is no valid JSON.');
  }
  return asFields(value, 'The body', allowed);
}

function asFields(value: unknown, name: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlError(`${name} must be a JSON object.`);
  }
  const unknownField = Object.keys(value).find((field) => !allowed.includes(field));
  if (unknownField !== undefined) {
    throw new ControlError(`${name} has no field ${unknownField}; it has ${allowed.join(', ')}.`);
  }
  return value as Fields;
}

/** A number within limits; undefined if the field is absent. */
export function optionalNumber(
  fields: Fields,
  name: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new ControlError(`${name} must be a number of at least ${min} and at most ${max}.`);
  }
  return value;
}

export function requiredNumber(fields: Fields, name: string, min = 0): number {
  const value = optionalNumber(fields, name, min);
  if (value === undefined) throw new ControlError(`${name} is required.`);
  return value;
}

export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new ControlError(`${name} must be text.`);
}

export function requiredText(fields: Fields, name: string): string {
  const value = optionalText(fields, name);
  if (value === undefined || value === '') throw new ControlError(`${name} is required.`);
  return value;
}

export function optionalFlag(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new ControlError(`${name} must be true or false.`);
}

/** The field with its name, if it has a value: for building objects whose optional fields may not be undefined. */
function present<Name extends string, Value>(name: Name, value: Value | undefined): { [_ in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [_ in Name]?: Value });
}

/** `login` or `api`: the target of a fault, the kind of a request. */
export function parseHost(value: string, name: string): FaultTarget {
  if (value === 'login' || value === 'api') return value;
  throw new ControlError(`${name} must be login or api.`);
}

const FAULT_FIELDS = [
  'latencyMs',
  'status',
  'retryAfterSeconds',
  'body',
  'drop',
  'dropMidBody',
  'slowBody',
  'hang',
  'throttle',
  'noToken',
  'invalidClient',
  'times',
  'probability',
  'path',
] as const;

/** The fields of a fault, together with those of the request that sets it. */
export function parseFault(value: unknown): Fault {
  const fields = asFields(value, 'fault', FAULT_FIELDS);
  return {
    ...present('latencyMs', parseLatency(fields)),
    ...present('status', optionalNumber(fields, 'status', 200, 599)),
    ...present('retryAfterSeconds', optionalNumber(fields, 'retryAfterSeconds')),
    ...present('body', fields.body),
    ...present('drop', optionalFlag(fields, 'drop')),
    ...present('dropMidBody', optionalFlag(fields, 'dropMidBody')),
    ...present('slowBody', parsePace(fields.slowBody)),
    ...present('hang', optionalFlag(fields, 'hang')),
    ...present('throttle', optionalFlag(fields, 'throttle')),
    ...present('noToken', optionalFlag(fields, 'noToken')),
    ...present('invalidClient', optionalFlag(fields, 'invalidClient')),
    ...present('times', optionalNumber(fields, 'times', 1)),
    ...present('probability', optionalNumber(fields, 'probability', 0, 1)),
    ...present('path', optionalText(fields, 'path')),
  };
}

function parseLatency(fields: Fields): Fault['latencyMs'] {
  if (typeof fields.latencyMs !== 'object') return optionalNumber(fields, 'latencyMs');
  const range = asFields(fields.latencyMs, 'latencyMs', ['min', 'max']);
  return { min: requiredNumber(range, 'min'), max: requiredNumber(range, 'max') };
}

function parsePace(value: unknown): Fault['slowBody'] {
  if (value === undefined) return undefined;
  const fields = asFields(value, 'slowBody', ['bytesPerSecond', 'chunkBytes', 'chunkDelayMs']);
  const bytesPerSecond = optionalNumber(fields, 'bytesPerSecond', 1);
  if (bytesPerSecond !== undefined) return { bytesPerSecond };
  return { chunkBytes: requiredNumber(fields, 'chunkBytes', 1), chunkDelayMs: requiredNumber(fields, 'chunkDelayMs') };
}

/** The limits of routes: `{"limits": [{"path", "perMinute", "per", "method", "key", "namespace"}]}`. */
export function parseRouteLimits({ limits }: Fields): RouteLimit[] {
  if (!Array.isArray(limits)) throw new ControlError('limits must be a list.');
  return limits.map((value: unknown) => {
    const fields = asFields(value, 'limits[]', ['method', 'path', 'perMinute', 'per', 'key', 'namespace']);
    const per = requiredText(fields, 'per');
    if (per !== 'token' && per !== 'organization') throw new ControlError('per must be token or organization.');
    return {
      path: requiredText(fields, 'path'),
      perMinute: requiredNumber(fields, 'perMinute'),
      per,
      ...present('method', optionalText(fields, 'method')),
      ...present('key', optionalText(fields, 'key')),
      ...present('namespace', optionalText(fields, 'namespace')),
    };
  });
}

const STUB_FIELDS = [
  'method',
  'path',
  'status',
  'headers',
  'body',
  'bodyBytes',
  'encoding',
  'ignoreAcceptEncoding',
  'delayMs',
  'anonymous',
  'times',
] as const;

/** More than this is refused, so that a slip of a zero does not take the machine's memory. */
const MAX_STUB_BYTES = 200_000_000;

export function parseStub(body: Buffer): Stub {
  const fields = parseFields(body, STUB_FIELDS);
  return {
    path: requiredText(fields, 'path'),
    ...present('method', optionalText(fields, 'method')),
    ...present('status', optionalNumber(fields, 'status', 200, 599)),
    ...present('headers', parseHeaders(fields.headers)),
    ...present('body', fields.body),
    ...present('bodyBytes', optionalNumber(fields, 'bodyBytes', 0, MAX_STUB_BYTES)),
    ...present('encoding', parseEncoding(optionalText(fields, 'encoding'))),
    ...present('ignoreAcceptEncoding', optionalFlag(fields, 'ignoreAcceptEncoding')),
    ...present('delayMs', optionalNumber(fields, 'delayMs')),
    ...present('anonymous', optionalFlag(fields, 'anonymous')),
    ...present('times', optionalNumber(fields, 'times', 1)),
  };
}

function parseEncoding(value: string | undefined): Encoding | undefined {
  if (value === undefined || value === 'gzip' || value === 'br' || value === 'deflate') return value;
  throw new ControlError('encoding must be gzip, br or deflate.');
}

function parseHeaders(value: unknown): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlError('headers must be a JSON object.');
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, text]: [string, unknown]) => {
      if (typeof text !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(text)) {
        throw new ControlError('headers must map header names to text.');
      }
      return [name, text];
    }),
  );
}

/** The filter of a query string: kind, method, path, status, authorized, clientId, tokenIndex, afterId, limit. */
export function parseRequestFilter(query: URLSearchParams): RequestFilter {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw new ControlError(`${name} must be a whole number.`);
    return Number(text);
  };
  const kind = query.get('kind');
  const authorized = query.get('authorized');
  if (authorized !== null && authorized !== 'true' && authorized !== 'false') {
    throw new ControlError('authorized must be true or false.');
  }
  return {
    ...present('kind', kind === null ? undefined : parseHost(kind, 'kind')),
    ...present('method', query.get('method') ?? undefined),
    ...present('path', query.get('path') ?? undefined),
    ...present('status', number('status')),
    ...present('authorized', authorized === null ? undefined : authorized === 'true'),
    ...present('clientId', query.get('clientId') ?? undefined),
    ...present('tokenIndex', number('tokenIndex')),
    ...present('afterId', number('afterId')),
    ...present('limit', number('limit')),
  };
}
