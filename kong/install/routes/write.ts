/**
 * Writes the routes as configuration: what kong/config/gateway.yml has for all routes stays, and its services are replaced
 * by those of the plan. Pure.
 */
import {
  Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { withSpacesOf } from '../combine/yaml.js';
import { type Api, compare, type Operation } from './api.js';
import { type KeepSettings, skeletonOf } from './keep.js';
import type { PlannedRoute } from './plan.js';

export interface RouteSettings {
  /** Begins the names of services and routes. */
  name: string;
  /** The only hosts that the routes are for; empty: any. */
  hosts: readonly string[];
  keep: KeepSettings;
  /** Whether Genesys' tools may log in at the gateway, and use its tokens. */
  login: boolean;
  /** Lines for the beginning of the file. */
  remarks: readonly string[];
}

/** A service, its timeouts by what is asked of it. */
const SERVICES = [
  { end: 'reads', kinds: ['read'], like: { retries: 3 } },
  { end: 'writes', kinds: ['write'], like: { retries: 0 } },
  // Queries and bulk data.
  { end: 'slow', kinds: ['query', 'bulk'], like: { write_timeout: 30_000, read_timeout: 30_000, retries: 0 } },
] as const;

/** What a request asks for costs once for each so many. */
const PAGE = 25;
/** Query parameters that say how much one answer has. */
const PAGE_SIZES = ['pageSize', 'limit', 'count', 'size', 'maxResults'];

/**
 * Returns the text of gateway.yml with the services of a plan.
 * @param gateway the text of the file that ships
 * @param routes of the plan
 */
export function withRoutes(
  gateway: string,
  api: Api,
  routes: readonly PlannedRoute[],
  settings: RouteSettings,
): string {
  const document = parseDocument(gateway, { merge: true });
  const shipped = anchored(document);
  const shared = new SharedNodes();
  const operations = routes.flatMap((route) => (route.kind === undefined ? [] : route.operations));
  const quota = quotaFor(shipped('quota'), operations);
  const use = (name: string): Node => shared.use(name, () => document.createNode(shipped(name), VALUES));
  const quotaNode = (): Node => shared.use('quota', () => document.createNode(quota, VALUES));
  const filterOf = (route: PlannedRoute): Node[] => {
    const hasFilter = route.kind !== 'bulk' && settings.keep.mode !== 'none';
    const node = hasFilter ? filterFor(document, route, api, settings.keep) : undefined;
    return node === undefined ? [] : [shared.use(`${route.name}-filter`, () => node)];
  };
  const pluginsOf = (route: PlannedRoute, caller: Caller): Node[] => {
    if (route.kind === undefined) return [shared.use('closed', () => document.createNode(CLOSED, VALUES))];
    const names = [
      caller.authentication,
      route.kind === 'write' ? 'writers' : 'readers',
      'correlation-id',
      route.kind === 'bulk' ? 'audit-unbuffered' : 'audit',
    ];
    return [...names.map(use), quotaNode(), use('token-manager'), ...filterOf(route)];
  };
  const callers = settings.login ? [BY_KEY, BY_TOKEN] : [BY_KEY];
  const toNode = (route: PlannedRoute, caller: Caller): YAMLMap => {
    const node = toRoute(document, route, caller, settings);
    const paths = shared.use(`${route.name}-paths`, () => document.createNode(route.paths));
    node.set('paths', paths);
    if (caller.headers !== undefined) node.set('headers', use(caller.headers));
    if (route.priority > 0) node.set('regex_priority', route.priority);
    node.set('strip_path', false);
    node.set('plugins', document.createNode(pluginsOf(route, caller)));
    return node;
  };
  const host = shipped('genesys');
  const services = SERVICES.flatMap(({ end, kinds, like }) => {
    const own = routes.filter(
      ({ kind }) => kinds.some((one) => one === kind) || (kind === undefined && end === 'reads'),
    );
    if (own.length === 0) return [];
    const service: YAMLMap = document.createNode({ name: `${settings.name}-${end}`, ...host, ...like });
    const nodes = own.flatMap((route) => callers.map((caller) => toNode(route, caller)));
    service.set('routes', document.createNode(nodes));
    return [service];
  });
  // In the order of the file: an anchor comes before its aliases.
  const last = services.at(-1);
  if (settings.login && last !== undefined) {
    const plugins = ['jwt', 'correlation-id', 'audit-unbuffered'].map(use);
    last.addIn(['routes'], logout(document, settings, use('bearer'), [...plugins, quotaNode(), use('token-manager')]));
  }
  const login = settings.login ? [loginService(document, use)] : [];
  if (!isMap(document.contents)) throw new Error('gateway.yml: expected a mapping');
  document.set('services', document.createNode([...services, ...login]));
  if (!settings.login) withoutLogin(document);
  shared.removeUnused();
  document.commentBefore = settings.remarks.map(wrapped).join('\n');
  const [version] = document.contents.items;
  document.contents.commentBefore = null;
  if (isScalar(version?.key)) version.key.commentBefore = null;
  return withSpacesOf(gateway, document.toString({ lineWidth: 0 })).replace(
    /^( *(?:- )?(?:[a-z_]+:|- \{) .*)$/gm,
    tight,
  );
}

/** Refuses before anything else: an operation that was not chosen, and looks like one that was. */
const CLOSED = {
  name: 'request-termination',
  config: {
    status_code: 404,
    content_type: 'application/json; charset=utf-8',
    body: '{"message":"no Route matched with those values"}',
  },
};

/** Returns what the anchors of a document stand for. */
function anchored(document: Document): (anchor: string) => PlainObject {
  const values = new Map<string, PlainObject>();
  visit(document, {
    Map(_, map) {
      if (map.anchor !== undefined) values.set(map.anchor, map.toJS(document) as PlainObject);
    },
  });
  return (anchor) => {
    const value = values.get(anchor);
    if (value === undefined) throw new Error(`gateway.yml: has no anchor ${anchor}`);
    return value;
  };
}

/** How a client says who it is. */
interface Caller {
  /** The end of the route's name. */
  end: string;
  authentication: string;
  /** The anchor of headers that the route asks for. */
  headers?: string;
}

const BY_KEY: Caller = { end: '', authentication: 'key-auth' };
const BY_TOKEN: Caller = { end: '-bearer', authentication: 'jwt', headers: 'bearer' };

/** Values that mean the same are still written twice, unless they have an anchor. */
const VALUES = { aliasDuplicateObjects: false };

/** Nodes that are written once, with an anchor, and referred to afterwards. */
class SharedNodes {
  readonly #nodes = new Map<string, Node>();
  readonly #used = new Set<string>();

  /** Returns a node, made the first time, and an alias of it later. */
  use(anchor: string, make: () => Node): Node {
    if (this.#nodes.has(anchor)) {
      this.#used.add(anchor);
      return new Alias(anchor);
    }
    const node = make();
    (node as YAMLMap).anchor = anchor;
    this.#nodes.set(anchor, node);
    return node;
  }

  /** Removes the anchors that nothing refers to. */
  removeUnused(): void {
    for (const [anchor, node] of this.#nodes) if (!this.#used.has(anchor)) delete (node as YAMLMap).anchor;
  }
}

function toRoute(document: Document, route: PlannedRoute, caller: Caller, settings: RouteSettings): YAMLMap {
  const node: YAMLMap = document.createNode({
    name: `${settings.name}-${route.name}${caller.end}`,
    protocols: ['http', 'https'],
    ...(settings.hosts.length > 0 && { hosts: settings.hosts }),
    methods: route.methods,
  });
  inOneLine(node);
  node.commentBefore = caller === BY_KEY ? namesOf(route.operations) : ' The same with a token of the gateway.';
  return node;
}

function inOneLine(route: YAMLMap): void {
  for (const name of ['protocols', 'hosts', 'methods', 'paths']) {
    const list = route.get(name, true) as unknown;
    if (isSeq(list)) list.flow = true;
  }
}

/** The shipped service at which Genesys' tools log in. */
function loginService(document: Document, use: (anchor: string) => Node): Node {
  const services = document.get('services');
  const found = isSeq<Node>(services)
    ? services.items.find((item) => isMap(item) && item.get('name') === LOGIN)
    : undefined;
  if (found === undefined) throw new Error(`gateway.yml: has no service ${LOGIN}`);
  visit(found, {
    Alias(_, { source }) {
      const node = use(source);
      return isAlias(node) ? undefined : node;
    },
  });
  return found;
}

const LOGIN = 'genesys-login';

/** The logout of a tool, whoever it is: genesys-token-manager answers it, and it concerns that tool's token alone. */
function logout(document: Document, settings: RouteSettings, headers: Node, plugins: readonly Node[]): Node {
  const node: YAMLMap = document.createNode({
    name: `${settings.name}-logout-bearer`,
    protocols: ['http', 'https'],
    ...(settings.hosts.length > 0 && { hosts: settings.hosts }),
    methods: ['DELETE'],
    paths: ['~/api/v2/tokens/me$'],
  });
  inOneLine(node);
  node.set('headers', headers);
  node.set('strip_path', false);
  const acl = { name: 'acl', config: { allow: ['readers', 'writers'], hide_groups_header: true } };
  const [authentication, ...others] = plugins;
  node.set('plugins', document.createNode([authentication, document.createNode(acl), ...others]));
  return node;
}

/** What was chosen is for people to read; of a long list its length is. */
const MOST_NAMED = 40;

function namesOf(operations: readonly Operation[]): string {
  const ids = operations.map(({ id }) => id);
  return ids.length > MOST_NAMED ? ` ${ids.length} operations, ${ids[0]} to ${ids.at(-1)}` : wrapped(ids.join(', '));
}

/** Breaks a comment into lines. */
function wrapped(text: string): string {
  return text.replace(/(?! )(.{1,110})(?: +|$)/gm, ' $1\n').trimEnd();
}

/** One rule for each operation; words come before ids. What has no rule does not leave. */
function filterFor(document: Document, route: PlannedRoute, api: Api, keep: KeepSettings): Node | undefined {
  if (route.operations.every(({ answer }) => answer === 'none')) return undefined;
  const rules = [...route.operations]
    .sort((a, b) => compare(a.path, b.path))
    .flatMap((operation) => {
      const skeleton = skeletonOf(operation, api.models, keep);
      if (skeleton === undefined) return [];
      const rule = document.createNode({ paths: [operation.path], keep: skeleton.keep });
      rule.flow = true;
      if (skeleton.others.length > 0) rule.commentBefore = wrapped(`Left out: ${skeleton.others.join(', ')}`);
      return [rule];
    });
  // A filter has one rule at least. This one is for no request of the route.
  const none = document.createNode({ methods: ['OPTIONS'], keep: ['id'] });
  none.commentBefore = ' Nothing is known of these answers: they are blocked until a rule says what may leave.';
  const filter: YAMLMap = document.createNode({ name: 'genesys-response-filter', config: {} });
  filter.setIn(['config', 'rules'], document.createNode(rules.length > 0 ? rules : [none]));
  return filter;
}

/** The shipped limits that concern the operations, and one for pages. */
function quotaFor(entry: PlainObject, operations: readonly Operation[]): PlainObject {
  const config = isPlainObject(entry.config) ? entry.config : {};
  const limits = Array.isArray(config.limits) ? config.limits.filter(isPlainObject) : [];
  const concerned = limits.flatMap((limit): PlainObject[] => {
    if (!Array.isArray(limit.paths)) return [limit];
    const paths = limit.paths
      .map(String)
      .filter((path) => operations.some((one) => one.path.startsWith(path.replace(/\*$/, ''))));
    return paths.length === 0 ? [] : [{ ...limit, paths }];
  });
  const consumer = Number(limits.find(({ name }) => name === 'consumer')?.limit);
  const sizes = PAGE_SIZES.filter((name) =>
    operations.some(
      ({ method, parameters }) => method === 'GET' && parameters.some((one) => one.in === 'query' && one.name === name),
    ),
  );
  const pages = sizes.map((name) => ({
    name: name === PAGE_SIZES[0] ? 'pages' : `pages-${name}`,
    // Every request of the consumer may ask for four of Genesys' pages.
    limit: 4 * consumer,
    window: 'minute',
    by: 'consumer',
    methods: ['GET'],
    cost_by_query: { name, per: PAGE },
  }));
  return { ...entry, config: { ...config, limits: [...concerned, ...pages] } };
}

/** The consumer as whom a login is refused is for a route that is not there. */
function withoutLogin(document: Document): void {
  const consumers = document.get('consumers');
  if (!isSeq<Node>(consumers)) return;
  consumers.items = consumers.items.filter((item) => !(isMap(item) && item.get('username') === 'login-refused'));
  if (consumers.items.length === 0 && isNode(document.contents)) document.delete('consumers');
}

/** Writes `[a]` for the library's `[ a ]`. */
function tight(line: string): string {
  return line.replace(/(?<=[:,] )\[ (.*?) \](?=,| \}|$)/g, '[$1]');
}
