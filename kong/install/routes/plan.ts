/**
 * Groups operations into few routes. Whatever a route's expressions would match besides, though it is an operation of
 * Genesys' that was not chosen, gets a route of its own in front, which answers 404. Pure.
 */
import { type Api, type Operation, segmentsOf } from './api.js';
import { type Kind, kindOf } from './kind.js';
import { type PathPattern, patternOfPath, routePaths } from './pattern.js';
import { SHAPES, type Shape, shapeOf } from './shape.js';

/** A route, without its plugins. */
export interface PlannedRoute {
  /** The end of its name: `reads`, `posts`, `closed-gets`. */
  name: string;
  /** Undefined for a route that only refuses. */
  kind: Kind | undefined;
  methods: readonly string[];
  paths: readonly string[];
  /** Routes with a higher one are tried first. */
  priority: number;
  operations: readonly Operation[];
}

/** An operation with what its path looks like. */
interface Placed {
  operation: Operation;
  segments: readonly Segment[];
  pattern: PathPattern;
  /** What operations must have in common to share a route. */
  group: string;
  kind: Kind | undefined;
}

/** A word, or the shape of an id. */
type Segment = string | RegExp;

/** A filter has no more rules than this, and a route no more operations. */
const MAX_OPERATIONS = 500;

/**
 * Plans the routes.
 * @param chosen operations of the API
 * @param shapes what somebody has said of parameters, by their names
 */
export function planRoutes(
  api: Api,
  chosen: readonly Operation[],
  shapes: ReadonlyMap<string, Shape> = new Map(),
): PlannedRoute[] {
  const expressions = new Map<string, RegExp>();
  const place = (operation: Operation, kind: Kind | undefined): Placed => placed(operation, kind, shapes, expressions);
  const open = chosen.map((operation) => place(operation, kindOf(operation)));
  const isChosen = new Set(chosen);
  const others = api.operations.filter((operation) => !isChosen.has(operation)).map((one) => place(one, undefined));
  const nearby = indexed(others);
  const closed = new Set(open.flatMap((one) => near(nearby, one).filter((other) => isHidden(other, one))));
  const all = [...open, ...closed];
  const priorities = prioritiesOf(all);
  const routes = new Map<string, Placed[]>();
  for (const one of all) {
    const key = JSON.stringify([one.group, priorities.get(one)]);
    routes.set(key, [...(routes.get(key) ?? []), one]);
  }
  return [...routes.values()]
    .flatMap((list) => toRoutes(list, priorities.get(list[0] as Placed) ?? 0))
    .sort((a, b) => ORDER.indexOf(groupOf(a)) - ORDER.indexOf(groupOf(b)) || a.priority - b.priority);
}

function placed(
  operation: Operation,
  kind: Kind | undefined,
  shapes: ReadonlyMap<string, Shape>,
  expressions: Map<string, RegExp>,
): Placed {
  const known = new Map(
    operation.parameters
      .filter((parameter) => parameter.in === 'path')
      .map((parameter) => [parameter.name, shapeOf(parameter, shapes)]),
  );
  const patternOf = (name: string): string => (shapes.get(name) ?? known.get(name) ?? SHAPES.text).pattern;
  const pattern = patternOfPath(operation.path, patternOf);
  const segments = segmentsOf(operation.path).map((segment, index): Segment => {
    if (!segment.includes('{')) return segment;
    const text = pattern[index] ?? '';
    const expression = expressions.get(text) ?? new RegExp(`^${text}$`);
    expressions.set(text, expression);
    return expression;
  });
  const methods = methodsOf(operation);
  return { operation, segments, pattern, kind, group: `${kind === undefined ? 'closed' : kind} ${methods.join()}` };
}

/** What answers GET answers HEAD. */
function methodsOf({ method }: Pick<Operation, 'method'>): string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

/** Only paths of one length and one resource can be the same path. */
function bucketOf({ operation, segments }: Placed): string {
  const method = operation.method === 'HEAD' ? 'GET' : operation.method;
  return JSON.stringify([method, segments.length, String(segments[2])]);
}

function indexed(list: readonly Placed[]): Map<string, Placed[]> {
  const buckets = new Map<string, Placed[]>();
  for (const one of list) buckets.set(bucketOf(one), [...(buckets.get(bucketOf(one)) ?? []), one]);
  return buckets;
}

function near(buckets: ReadonlyMap<string, Placed[]>, one: Placed): Placed[] {
  return buckets.get(bucketOf(one)) ?? [];
}

/**
 * Returns whether another operation's expression takes requests for this one. Genesys sends a request to the operation
 * whose path has a word where the other one has an id.
 */
function isHidden(one: Placed, other: Placed): boolean {
  let isNarrower = false;
  for (const [index, segment] of one.segments.entries()) {
    const wide = other.segments[index];
    if (wide === undefined) return false;
    if (typeof segment === 'string') {
      if (typeof wide === 'string' ? wide !== segment : !wide.test(segment)) return false;
      if (typeof wide !== 'string') isNarrower = true;
    } else if (typeof wide === 'string') {
      // Here the other one is narrower, so it goes first, unless it has lost that already.
      if (!isNarrower || !segment.test(wide)) return false;
    }
  }
  return isNarrower;
}

/** Returns how many routes must be tried after the one of an operation, so that it gets its own requests. */
function prioritiesOf(all: readonly Placed[]): Map<Placed, number> {
  const priorities = new Map<Placed, number>();
  const buckets = indexed(all);
  const priorityOf = (one: Placed): number => {
    const known = priorities.get(one);
    if (known !== undefined) return known;
    const after = near(buckets, one)
      .filter((other) => other !== one && isHidden(one, other))
      .map((other) => priorityOf(other) + (other.group === one.group ? 0 : 1));
    const priority = Math.max(0, ...after);
    priorities.set(one, priority);
    return priority;
  };
  for (const one of all) priorityOf(one);
  return priorities;
}

const NAMES: Readonly<Record<string, string>> = {
  'read GET,HEAD': 'reads',
  'read HEAD': 'heads',
  'bulk GET,HEAD': 'bulk',
  'bulk HEAD': 'bulk-heads',
  'query POST': 'queries',
  'bulk POST': 'bulk-queries',
  'write POST': 'posts',
  'write PUT': 'puts',
  'write PATCH': 'patches',
  'write DELETE': 'deletes',
  'write OPTIONS': 'options',
  'closed GET,HEAD': 'closed-gets',
  'closed HEAD': 'closed-heads',
  'closed POST': 'closed-posts',
  'closed PUT': 'closed-puts',
  'closed PATCH': 'closed-patches',
  'closed DELETE': 'closed-deletes',
  'closed OPTIONS': 'closed-options',
};
const ORDER = Object.keys(NAMES);

function groupOf({ kind, methods }: Pick<PlannedRoute, 'kind' | 'methods'>): string {
  return `${kind ?? 'closed'} ${methods.join()}`;
}

function toRoutes(list: readonly Placed[], priority: number): PlannedRoute[] {
  const [first] = list;
  if (first === undefined) return [];
  const methods = methodsOf(first.operation);
  const name = NAMES[first.group] ?? first.group;
  const count = Math.ceil(list.length / MAX_OPERATIONS);
  return Array.from({ length: count }, (_, index) => {
    const part = list.slice(index * MAX_OPERATIONS, (index + 1) * MAX_OPERATIONS);
    const suffix = [priority > 0 ? `-${priority}` : '', count > 1 ? `-part-${index + 1}` : ''].join('');
    return {
      name: `${name}${suffix}`,
      kind: first.kind,
      methods,
      paths: routePaths(part.map(({ pattern }) => pattern)),
      priority,
      operations: part.map(({ operation }) => operation),
    };
  });
}
