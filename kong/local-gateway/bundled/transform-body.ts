/** Changes bodies for request-transformer: JSON and forms (kong/plugins/request-transformer/access.lua). */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import type { RequestContext } from '../request-context.js';
import { decodeArgs, encodeArgs } from '../uri.js';
import { encodeJson } from './answers.js';
import { bufferedBody } from './request-values.js';

/** The rendered entries of one kind of transformation. */
export type Entries = readonly [name: string, value: string][];

export interface BodyChanges {
  remove: Entries;
  rename: Entries;
  replace: Entries;
  add: Entries;
  append: Entries;
}

type Kind = 'json' | 'form' | 'multipart';

const MAX_ARGS = 100;

/** Returns the kind of body that a Content-Type names, or undefined if Kong leaves it alone. */
export function bodyKind(contentType: string | undefined): Kind | undefined {
  const type = contentType?.toLowerCase() ?? '';
  if (type.includes('application/json')) return 'json';
  if (type.includes('multipart/form-data')) return 'multipart';
  return type.includes('application/x-www-form-urlencoded') ? 'form' : undefined;
}

/**
 * Changes the body. As in Kong, one too long for nginx's buffer counts as empty, so added values replace it.
 * @throws Error for multipart bodies, which the local gateway does not parse, and where Kong raises one
 */
export async function transformBody(context: RequestContext, changes: BodyChanges): Promise<void> {
  const kind = bodyKind(context.headers.get('content-type'));
  if (kind === undefined || Object.values(changes).every((entries) => entries.length === 0)) return;
  if (kind === 'multipart') throw new Error('the local gateway does not transform multipart bodies');
  const body = (await bufferedBody(context)) ?? Buffer.alloc(0);
  const text = body.toString('utf8');
  const isEmpty = body.length === 0;
  const values = kind === 'json' ? parseJson(text) : flat(decodeArgs(text, MAX_ARGS));
  if (values === undefined) return;
  if (!apply(values, changes, isEmpty, kind)) return;
  context.body = Buffer.from(kind === 'json' ? encodeJson(values) : encodeArgs(values));
  context.headers.set('Content-Length', [String(context.body.length)]);
}

/** Parses JSON. Returns undefined for anything else, which is sent unchanged. */
function parseJson(text: string): PlainObject | undefined {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isPlainObject(value)) throw new Error('the body is no JSON object');
  return value;
}

function flat(args: Record<string, (string | true)[]>): PlainObject {
  return Object.fromEntries(
    Object.entries(args).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

/** Applies the changes. Returns whether there were any, in which case Kong rewrites the body. */
function apply(values: PlainObject, changes: BodyChanges, isEmpty: boolean, kind: Kind): boolean {
  let done = false;
  if (!isEmpty) {
    for (const [name] of changes.remove) {
      delete values[name];
      done = true;
    }
    for (const [from, to] of changes.rename) {
      if (from === to || !isTruthy(values[from])) continue;
      values[to] = values[from];
      delete values[from];
      done = true;
    }
    for (const [name, value] of changes.replace) {
      if (!isTruthy(values[name])) continue;
      values[name] = value;
      done = true;
    }
  }
  for (const [name, value] of changes.add) {
    if (kind === 'json' ? isTruthy(values[name]) : values[name] !== undefined) continue;
    values[name] = value;
    done = true;
  }
  for (const [name, value] of changes.append) {
    const old = values[name];
    if (isPlainObject(old)) throw new Error(`cannot append to the object "${name}"`);
    values[name] = typeof old === 'string' || Array.isArray(old) ? [old, value].flat() : [value];
    done = true;
  }
  return done;
}

/** Follows Lua, where JSON's null is true. */
function isTruthy(value: unknown): boolean {
  return value !== undefined && value !== false;
}
