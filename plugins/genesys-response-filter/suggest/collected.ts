/**
 * What genesys-response-filter's report mode has collected, of one node or of several: the answer of `GET /removed`,
 * asked for or read from files, checked, and added up by route.
 */

import { isPlainObject } from '../../shared/plain-object.js';
import type { RouteReport } from '../reports.js';
import type { FieldKind, SeenField } from '../seen-fields.js';

const KINDS: readonly FieldKind[] = ['value', 'null', 'object', 'array', 'deep'];
/** Names and elements, as the plugin writes them: what it does not write has no place in a configuration. */
const PATH = /^(?:(?:\[\]|[\w$]+|\*)(?:\[\]|\.[\w$]+|\.\*)*)?$/;
const ROUTE = /^(?:\*|[A-Z]+ (?:\/[\w*-]*)+)$/;

/**
 * Reads the answer of one node.
 * @throws Error that says what is wrong, as the end of a sentence
 */
export function parseCollected(text: string): RouteReport[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error('is not JSON');
  }
  if (!isPlainObject(answer) || !Array.isArray(answer.routes)) {
    throw new Error('is no answer of GET /removed of genesys-response-filter');
  }
  return answer.routes.map(parseRoute);
}

function parseRoute(raw: unknown, index: number): RouteReport {
  const at = `routes[${index}]`;
  if (!isPlainObject(raw) || typeof raw.route !== 'string' || !ROUTE.test(raw.route)) {
    throw new Error(`has no route at ${at}`);
  }
  const { route, answers, removed, fields } = raw;
  if (!Array.isArray(fields)) throw new Error(`has no fields at ${at}: it is of an older version`);
  return {
    route,
    answers: parseCounts(answers, `${at}.answers`),
    removed: parseCounts(removed, `${at}.removed`),
    fields: fields.map((field, i) => parseField(field, `${at}.fields[${i}]`)),
  };
}

function parseField(raw: unknown, at: string): SeenField {
  if (isPlainObject(raw)) {
    const { path, seen, kept } = raw;
    const kind = KINDS.find((one) => one === raw.kind);
    if (typeof path === 'string' && PATH.test(path) && kind && isCount(seen) && isCount(kept)) {
      return { path, kind, seen, kept };
    }
  }
  throw new Error(`has no field at ${at}`);
}

function parseCounts(raw: unknown, at: string): Record<string, number> {
  if (!isPlainObject(raw)) throw new Error(`has no counts at ${at}`);
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      if (!isCount(value)) throw new Error(`has no count at ${at}.${key}`);
      return [key, value];
    }),
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Adds up what nodes have collected, in one order whatever the order of the nodes. */
export function merge(nodes: readonly (readonly RouteReport[])[]): RouteReport[] {
  const routes = new Map<string, RouteReport>();
  for (const report of nodes.flat()) {
    const known = routes.get(report.route);
    routes.set(report.route, known === undefined ? report : added(known, report));
  }
  return [...routes.values()].sort((a, b) => (sortKey(a.route) < sortKey(b.route) ? -1 : 1));
}

/** Of rules, the first that matches applies: `/users/me` before `/users/*`. */
function sortKey(route: string): string {
  const [method = '', path = ''] = route.split(' ');
  return `${path.replaceAll('*', '\uffff')} ${method}`;
}

function added(a: RouteReport, b: RouteReport): RouteReport {
  const fields = new Map<string, SeenField>();
  for (const field of [...a.fields, ...b.fields]) {
    const key = `${field.path} ${field.kind}`;
    const { seen = 0, kept = 0 } = fields.get(key) ?? {};
    fields.set(key, { ...field, seen: seen + field.seen, kept: kept + field.kept });
  }
  return {
    route: a.route,
    answers: addedCounts(a.answers, b.answers),
    removed: addedCounts(a.removed, b.removed),
    fields: [...fields.values()],
  };
}

function addedCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sums = { ...a };
  for (const [key, count] of Object.entries(b)) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}
