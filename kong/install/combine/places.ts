/**
 * Where plugins are configured in a declarative configuration, and which of a plugin's entries Kong runs for a request.
 * Pure.
 */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';

/** The way to an entry in a document: keys and indices. */
export type Path = readonly (string | number)[];

/** What an entry is configured for. Left out: any. All left out: a global entry. */
export interface Scope {
  consumer?: string;
  consumer_group?: string;
  route?: string;
  service?: string;
}

/** An entry of a list `plugins`. */
export interface Entry {
  path: Path;
  /** Such as `services[crm].routes[0].plugins[genesys-quota]`. */
  label: string;
  name: string;
  value: PlainObject;
  scope: Scope;
}

/** A kind of request: what Kong's router and its authentication plugins find. */
export type Context = Scope;

const SCOPE_FIELDS = ['consumer', 'consumer_group', 'route', 'service'] as const;
type ScopeField = (typeof SCOPE_FIELDS)[number];

/** The list of each kind of entity, and the field by which others refer to one. */
const FIELD_OF: Readonly<Record<string, ScopeField>> = {
  consumer_groups: 'consumer_group',
  consumers: 'consumer',
  routes: 'route',
  services: 'service',
};

export interface Places {
  entries: Entry[];
  /** All kinds of requests that the entries tell apart. */
  contexts: Context[];
}

/** Lists the plugin entries of a document, and the requests that they can be for. */
export function listPlaces(document: PlainObject): Places {
  const names = new Map<string, string>();
  const entries: Entry[] = [];
  const routes: Scope[] = [];
  collectNames(document, names);
  walk(document, [], '', {});

  function walk(record: PlainObject, path: Path, label: string, scope: Scope): void {
    for (const [kind, list] of Object.entries(record)) {
      if (!Array.isArray(list) || kind.startsWith('_')) continue;
      const field = FIELD_OF[kind];
      if (kind !== 'plugins' && field === undefined) continue;
      list.forEach((value: unknown, index) => {
        if (!isPlainObject(value)) return;
        const here = [...path, kind, index];
        const hereLabel = `${label}${kind}[${nameOf(value) ?? index}]`;
        const own = { ...scope, ...referencesOf(value, names) };
        if (field === undefined) {
          entries.push({ path: here, label: hereLabel, name: String(value.name), value, scope: own });
          return;
        }
        const inner = { ...own, [field]: identityOf(field, value, names) ?? hereLabel };
        if (field === 'route') routes.push(inner);
        walk(value, here, `${hereLabel}.`, inner);
      });
    }
  }

  const of = (field: ScopeField): (string | undefined)[] => [
    undefined,
    ...new Set(entries.flatMap(({ scope }) => scope[field] ?? [])),
  ];
  // What is referred to may be in another file. So a route without a service here is tried with each.
  const unlisted = of('route').map((route): Scope => (route === undefined ? {} : { route }));
  const routed = [...routes, ...unlisted].flatMap((route): Scope[] =>
    route.service === undefined ? of('service').map((service) => ({ ...route, ...(service && { service }) })) : [route],
  );
  const contexts = routed.flatMap(({ route, service }) =>
    of('consumer').flatMap((consumer) =>
      of('consumer_group').map((consumer_group) => ({
        ...(route && { route }),
        ...(service && { service }),
        ...(consumer && { consumer }),
        ...(consumer_group && { consumer_group }),
      })),
    ),
  );
  const unique = new Map(contexts.map((context) => [keyOf(context), context]));
  return { entries, contexts: [...unique.values()] };
}

/** Returns whether an entry can be for such a request. */
export function isFor({ scope }: Entry, context: Context): boolean {
  return SCOPE_FIELDS.every((field) => scope[field] === undefined || scope[field] === context[field]);
}

/** Returns the most specific entry, which is the only one that Kong runs. @param entries of one plugin */
export function mostSpecific<T extends Entry>(entries: readonly T[], context: Context): T | undefined {
  return entries.filter((entry) => isFor(entry, context)).sort((a, b) => rankOf(a.scope) - rankOf(b.scope))[0];
}

/** Returns a key that is the same for the same place. */
export function keyOf(scope: Scope): string {
  return JSON.stringify(SCOPE_FIELDS.map((field) => scope[field]));
}

/** Kong's order, the most specific first (kong/runloop/plugins_iterator.lua; groups are documented). */
const PRECEDENCE: readonly (readonly ScopeField[])[] = [
  ['consumer', 'route', 'service'],
  ['consumer_group', 'route', 'service'],
  ['consumer', 'route'],
  ['consumer', 'service'],
  ['consumer_group', 'route'],
  ['consumer_group', 'service'],
  ['route', 'service'],
  ['consumer'],
  ['consumer_group'],
  ['route'],
  ['service'],
];

function rankOf(scope: Scope): number {
  const fields = SCOPE_FIELDS.filter((field) => scope[field] !== undefined);
  const index = PRECEDENCE.findIndex(
    (one) => one.length === fields.length && one.every((field) => fields.includes(field)),
  );
  return index === -1 ? PRECEDENCE.length : index;
}

function nameOf(value: PlainObject): string | undefined {
  const name = value.name ?? value.username;
  return typeof name === 'string' ? name : undefined;
}

/** Notes each id and name of an entity, so that every reference to it is the same text. */
function collectNames(record: PlainObject, names: Map<string, string>): void {
  for (const [kind, list] of Object.entries(record)) {
    const field = FIELD_OF[kind];
    if (field === undefined || !Array.isArray(list)) continue;
    for (const value of list.filter(isPlainObject)) {
      const { id } = value;
      const name = nameOf(value);
      if (typeof id === 'string' && name !== undefined) names.set(`${field} ${id}`, name);
      collectNames(value, names);
    }
  }
}

function identityOf(field: ScopeField, value: PlainObject, names: ReadonlyMap<string, string>): string | undefined {
  const key = nameOf(value) ?? value.id;
  return typeof key === 'string' ? (names.get(`${field} ${key}`) ?? key) : undefined;
}

/** Reads `service: crm`, and the records `service: { name: crm }` and `{ id: ... }`. */
function referencesOf(value: PlainObject, names: ReadonlyMap<string, string>): Scope {
  const scope: Scope = {};
  for (const field of SCOPE_FIELDS) {
    const reference = value[field];
    const key = isPlainObject(reference) ? identityOf(field, reference, names) : reference;
    if (typeof key === 'string') scope[field] = names.get(`${field} ${key}`) ?? key;
  }
  return scope;
}
