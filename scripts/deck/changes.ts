/**
 * What decK would change, or has, from its JSON: kinds, names and fields, and never a value. decK's own texts hold the
 * values before and after, secrets among them. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';

export interface Change {
  action: 'create' | 'update' | 'delete';
  kind: string;
  /** What it is, and whose. */
  name: string;
  /** Of an update. */
  fields: string[];
}

export interface DeckResult {
  changes: Change[];
  /** decK's words; they may hold secrets. */
  errors: string[];
}

const ACTIONS = { creating: 'create', updating: 'update', deleting: 'delete' } as const;
/** Kinds whose own names are, or lead to, what opens the gateway. */
const CREDENTIALS = new Set(['key-auth', 'basic-auth', 'hmac-auth', 'jwt-auth', 'oauth2-cred', 'mtls-auth']);
const MAX_FIELDS = 12;

/** @throws Error of one line, if this is not what decK prints with `--json-output` */
export function readDeckJson(text: string): DeckResult {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (!isPlainObject(parsed) || !isPlainObject(parsed.changes)) throw new Error('decK printed no JSON');
  const { changes: lists, errors } = parsed;
  const changes = Object.entries(ACTIONS).flatMap(([list, action]) => {
    const items: unknown = (lists as PlainObject)[list];
    return (Array.isArray(items) ? items : []).filter(isPlainObject).map((item) => readChange(action, item));
  });
  changes.sort((a, b) => compare(`${a.kind} ${a.name}`, `${b.kind} ${b.name}`));
  return { changes, errors: (Array.isArray(errors) ? errors : []).map(String) };
}

/** How many changes of each kind there are. */
export function countChanges(changes: readonly Change[]): Record<Change['action'], number> {
  const count = (action: Change['action']): number => changes.filter((change) => change.action === action).length;
  return { create: count('create'), update: count('update'), delete: count('delete') };
}

function readChange(action: Change['action'], item: PlainObject): Change {
  const kind = String(item.kind);
  const body = isPlainObject(item.body) ? item.body : {};
  const before = isPlainObject(body.old) ? body.old : {};
  const after = isPlainObject(body.new) ? body.new : {};
  const fields = action === 'update' ? changedFields(before, after, '') : [];
  return {
    action,
    kind,
    name: nameOf(kind, action === 'delete' ? { ...after, ...before } : { ...before, ...after }),
    fields: fields.length > MAX_FIELDS ? [...fields.slice(0, MAX_FIELDS), '...'] : fields,
  };
}

function nameOf(kind: string, entity: PlainObject): string {
  const own = CREDENTIALS.has(kind) ? [] : [entity.name ?? entity.username ?? entity.target ?? entity.group];
  const owners = (['service', 'route', 'upstream', 'consumer', 'consumer_group'] as const).flatMap((owner) => {
    const reference = entity[owner];
    if (!isPlainObject(reference)) return [];
    return [`of ${owner.replace('_', ' ')} ${reference.name ?? reference.username ?? reference.id ?? ''}`.trim()];
  });
  const name = [...own, ...owners].filter((part) => typeof part === 'string').join(' ');
  return name === '' ? String(entity.id ?? '') : name;
}

function changedFields(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isPlainObject(before) && isPlainObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(compare);
    return keys
      .filter((key) => path !== '' || (key !== 'created_at' && key !== 'updated_at'))
      .flatMap((key) => changedFields(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  return [path];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
