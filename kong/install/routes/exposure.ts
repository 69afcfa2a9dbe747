/**
 * Which operations of the API a configuration lets through, by which of its routes, and what it leaves of their answers. Read
 * from the files, as Kong's router would find a route.
 */

import { compilePathPattern } from '../../../plugins/shared/path-pattern.js';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { type Document, type Entity, listEntities, ownerOf } from '../../config-check/entities.js';
import { type Part, partOf } from '../../config-check/parts.js';
import { sortRoutes } from '../../local-gateway/router.js';
import type { Api, Operation } from './api.js';

/** How an operation is reached. */
export interface Exposure {
  operation: Operation;
  /** Its path as clients write it, with parameters as in the operation's. */
  clientPath: string;
  route: string;
  /** Groups of consumers that may send it; undefined: all. */
  groups: readonly string[] | undefined;
  /** Names of plugins that run for it. */
  plugins: ReadonlyMap<string, PlainObject>;
  /** The rule of the response filter that holds for its answer; `none` if there is no filter, `blocked` if no rule holds. */
  filter: FilterRule | 'none' | 'blocked';
}

/** A rule, and where it begins. */
export interface FilterRule {
  rule: PlainObject;
  collection: string;
}

/**
 * Returns what says whether genesys-token-manager refuses an operation, since it acts on the token that all clients share.
 * @param further operations that its configuration refuses, too
 */
export type Refusals = (further: readonly string[]) => (method: string, path: string) => boolean;

/** A route, with its expressions compiled. */
interface KnownRoute {
  entity: Entity;
  name: string;
  methods: readonly string[] | undefined;
  hasHeaders: boolean;
  stripsPath: boolean;
  paths: readonly KnownPath[];
  /** The service's own path. */
  base: string;
  plugins: ReadonlyMap<string, PlainObject>;
}

interface KnownPath {
  /** What every path that it matches begins with. */
  head: string;
  match(path: string): string | undefined;
}

/** Stands for an id: it is a UUID, a number has its own. */
const EXAMPLES = {
  id: '0b5d6a7e-1000-4000-8000-000000000001',
  number: '7',
  date: '2026-01-05',
} as const;

/**
 * Finds the operations that a configuration lets through: each once for each path by which clients reach it.
 * @param documents its files, as decK merges them
 */
export function exposedBy(api: Api, documents: readonly Document[], refusals: Refusals): Exposure[] {
  const routes = routesOf(listEntities(documents));
  // With a header a request may take another route to the same place; without it is what most clients send.
  const [plain, withHeaders] = [routes.filter((one) => !one.hasHeaders), routes.filter((one) => one.hasHeaders)];
  return api.operations.flatMap((operation) => {
    const example = exampleOf(operation);
    const found = find(plain, operation.method, example);
    return (found.length > 0 ? found : find(withHeaders, operation.method, example))
      .filter(({ route }) => !route.plugins.has('request-termination') && !isRefused(route, operation, refusals))
      .map((one) => exposureOf(operation, one));
  });
}

/** Fills in the parameters of a path. */
function exampleOf({ path, parameters }: Operation): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const { schema = {}, description = '' } = parameters.find((one) => one.in === 'path' && one.name === name) ?? {};
    if (schema.enum !== undefined) return String(schema.enum[0]);
    if (schema.type === 'integer' || schema.type === 'number') return EXAMPLES.number;
    return schema.format === 'date' || /\byyyy-MM-dd\b/.test(description) ? EXAMPLES.date : EXAMPLES.id;
  });
}

interface Found {
  route: KnownRoute;
  clientPath: string;
}

/** Finds the routes whose request to the service is this one, each with the client's path. */
function find(routes: readonly KnownRoute[], method: string, servicePath: string): Found[] {
  const found = new Map<string, Found>();
  for (const clientPath of new Set(routes.flatMap((route) => clientPathsOf(route, servicePath)))) {
    const route = routes.find((one) => matchOf(one, method, clientPath) !== undefined);
    if (route !== undefined && sentBy(route, method, clientPath) === servicePath) {
      found.set(clientPath, { route, clientPath });
    }
  }
  return [...found.values()];
}

/** Paths that may lead to one of the service's: itself, and one with the route's beginning instead of the service's. */
function clientPathsOf({ paths, base, stripsPath }: KnownRoute, servicePath: string): string[] {
  const heads = paths.flatMap(({ head }) => {
    const before = stripsPath ? base : `${base}${head}`;
    if (!servicePath.startsWith(before)) return [];
    const rest = servicePath.slice(before.length);
    // Kong merges slashes.
    return [`${head}${rest}`, `${head}/${rest}`].map((path) => path.replace(/\/{2,}/g, '/'));
  });
  return [servicePath, ...heads];
}

/** Returns what of a path a route's own path takes; undefined if the route does not match. */
function matchOf({ methods, paths }: KnownRoute, method: string, path: string): string | undefined {
  if (methods !== undefined && !methods.includes(method)) return undefined;
  const matches = paths.flatMap((one) => one.match(path) ?? []);
  return matches.sort((a, b) => b.length - a.length)[0];
}

function sentBy(route: KnownRoute, method: string, path: string): string | undefined {
  const matched = matchOf(route, method, path);
  if (matched === undefined) return undefined;
  const rest = route.stripsPath ? path.slice(matched.length) : path;
  return rest === '' ? route.base : `${route.base}/${rest.replace(/^\//, '')}`;
}

function exposureOf(operation: Operation, { route, clientPath }: Found): Exposure {
  const { name, plugins } = route;
  const { allow } = plugins.get('acl') ?? {};
  return {
    operation,
    clientPath: templateOf(operation, clientPath),
    route: name,
    groups: Array.isArray(allow) ? allow.map(String) : undefined,
    plugins,
    filter: filterOf(route, operation),
  };
}

/** Puts the parameters of an operation's path into a client's path: the ends of both are the same. */
function templateOf({ path }: Operation, clientPath: string): string {
  const [template, client] = [path.split('/'), clientPath.split('/')];
  return client
    .map((segment, index) => {
      const own = template[template.length - client.length + index] ?? '';
      return own.includes('{') ? own : segment;
    })
    .join('/');
}

function routesOf(entities: readonly Entity[]): KnownRoute[] {
  const routes = entities.filter(({ kind }) => kind === 'routes');
  const sorted = sortRoutes({ routes: routes.map((entity, index) => toEntity(entity, index)) });
  return sorted.flatMap(({ id }) => {
    const entity = routes[Number(id)];
    return entity === undefined ? [] : [knownRoute(entity, entities)];
  });
}

/** What the order of routes is made of. */
function toEntity({ value }: Entity, index: number) {
  return {
    id: String(index),
    hosts: textsIn(value.hosts),
    methods: textsIn(value.methods),
    paths: textsIn(value.paths),
    headers: isPlainObject(value.headers) ? (value.headers as Record<string, string[]>) : {},
    regex_priority: Number(value.regex_priority ?? 0),
    created_at: index,
  };
}

function knownRoute(entity: Entity, entities: readonly Entity[]): KnownRoute {
  const { value } = entity;
  const service = ownerOf(entity, 'service', 'services', entities);
  const methods = textsIn(value.methods);
  const paths = textsIn(value.paths);
  return {
    entity,
    name: String(value.name ?? entity.path),
    methods: methods.length === 0 ? undefined : methods,
    hasHeaders: isPlainObject(value.headers) && Object.keys(value.headers).length > 0,
    stripsPath: value.strip_path !== false,
    paths: (paths.length === 0 ? ['/'] : paths).map(knownPath),
    base: basePathOf(service?.value ?? {}),
    plugins: pluginsOf(entity, service, entities),
  };
}

function knownPath(text: string): KnownPath {
  if (!text.startsWith('~')) {
    return { head: text, match: (path) => (path.startsWith(text) ? text : undefined) };
  }
  const expression = new RegExp(`^(?:${text.slice(1).replaceAll('(?P<', '(?<')})`);
  const [head = ''] = /^[\w/~%-]*/.exec(text.slice(1)) ?? [];
  // What may be repeated, or left out, does not belong to the beginning.
  const isSure = !/^[*?{]/.test(text.slice(1 + head.length));
  return { head: isSure ? head : head.slice(0, -1), match: (path) => expression.exec(path)?.[0] };
}

function basePathOf({ path, url }: PlainObject): string {
  const text =
    typeof path === 'string' ? path : typeof url === 'string' && URL.canParse(url) ? new URL(url).pathname : '';
  return text.replace(/\/$/, '');
}

/** The plugins that run on a route for all consumers: Kong takes the entry of the route before that of the service. */
function pluginsOf(route: Entity, service: Entity | undefined, entities: readonly Entity[]): Map<string, PlainObject> {
  const entries = entities.filter(({ kind, value }) => kind === 'plugins' && value.enabled !== false);
  const ownOf = (plugin: Entity): [route: Entity | undefined, service: Entity | undefined] => [
    ownerOf(plugin, 'route', 'routes', entities),
    ownerOf(plugin, 'service', 'services', entities),
  ];
  const isForAll = ({ value, outer }: Entity): boolean =>
    value.consumer === undefined &&
    value.consumer_group === undefined &&
    outer?.kind !== 'consumers' &&
    outer?.kind !== 'consumer_groups';
  const at = (place: (own: ReturnType<typeof ownOf>) => boolean): Entity[] =>
    entries.filter((plugin) => isForAll(plugin) && place(ownOf(plugin)));
  const places = [
    at(([onRoute, onService]) => onRoute === undefined && onService === undefined),
    service === undefined ? [] : at(([onRoute, onService]) => onRoute === undefined && onService === service),
    at(([onRoute]) => onRoute === route),
  ];
  return new Map(
    places.flat().map(({ value }) => [String(value.name), isPlainObject(value.config) ? value.config : {}]),
  );
}

function isRefused({ plugins }: KnownRoute, { method, path }: Operation, refusals: Refusals): boolean {
  const settings = settingsOf(plugins, 'token_manager');
  return settings !== undefined && refusals(textsIn(settings.refuse_operations))(method, path);
}

/** Returns the settings of a part, by itself or in genesys-gateway. */
function settingsOf(plugins: KnownRoute['plugins'], part: Part): PlainObject | undefined {
  for (const [name, config] of plugins) {
    const found = partOf(
      { kind: 'plugins', file: '', path: '', at: [], value: { name, config }, outer: undefined },
      part,
    );
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** The first rule that matches method, path and a success, as the filter chooses it. */
function filterOf({ plugins }: KnownRoute, { method, path }: Operation): Exposure['filter'] {
  const settings = settingsOf(plugins, 'response_filter');
  if (settings === undefined || settings.mode === 'report') return 'none';
  const rules = Array.isArray(settings.rules) ? settings.rules.filter(isPlainObject) : [];
  const rule = rules.find(
    ({ methods, paths, statuses }) =>
      (methods === undefined || textsIn(methods).includes(method)) &&
      (paths === undefined || textsIn(paths).some((text) => compilePathPattern(text).matches(path))) &&
      (statuses === undefined || (Array.isArray(statuses) && statuses.some((status) => status < 300))),
  );
  if (rule === undefined) return settings.on_no_match === 'pass' ? 'none' : 'blocked';
  return { rule, collection: typeof settings.collection === 'string' ? settings.collection : 'entities' };
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : [];
}
