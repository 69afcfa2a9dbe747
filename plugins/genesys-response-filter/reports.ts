/**
 * What report mode has seen: for each route, how many answers would have been changed or blocked, and which fields would
 * have been removed, by their names and never by a value. Bounded: routes and fields beyond are counted together.
 */

import { servicePath } from '../shared/path-pattern.js';
import type { Operation } from '../shared/plugin.js';
import type { Verdict } from './verdict.js';

const MAX_ROUTES = 200;
const MAX_FIELDS = 2000;
/** Longer bodies are counted, but not looked through: nothing else would go on meanwhile. */
const MAX_BYTES = 1024 * 1024;
/** What stands for routes and fields beyond the bounds, and for names that may be a value. */
const OTHER = '*';
/** A name that somebody programmed. Maps may have addresses or customers' words as keys. */
const FIELD_NAME = /^[A-Za-z_$][\w$]{0,63}$/;
const ROUTE_SEGMENT = /^[a-z][a-z_-]{0,63}$/;

interface RouteReport {
  /** Answers by what would have become of them. */
  answers: Map<Verdict['kind'], number>;
  /** How often each field would have been removed. */
  fields: Map<string, number>;
}

export interface Reports {
  /** Notes the verdict on an answer that goes out as it is. */
  note(method: string, uri: string, verdict: Verdict): void;
  readonly operation: Operation;
}

/** Makes the reports of a process. */
export function createReports(): Reports {
  const routes = new Map<string, RouteReport>();

  function reportOf(name: string): RouteReport {
    const key = routes.has(name) || routes.size < MAX_ROUTES ? name : OTHER;
    const report = routes.get(key) ?? { answers: new Map(), fields: new Map() };
    routes.set(key, report);
    return report;
  }

  return {
    note(method, uri, verdict) {
      const { answers, fields } = reportOf(`${method} ${routeName(uri)}`);
      count(answers, verdict.kind);
      if (verdict.kind !== 'replace' || verdict.plain.length > MAX_BYTES) return;
      for (const field of removedFields(verdict.plain, verdict.body)) {
        count(fields, fields.has(field) || fields.size < MAX_FIELDS ? field : OTHER);
      }
    },
    operation: {
      method: 'GET',
      path: '/removed',
      run: async () => ({
        status: 200,
        body: {
          routes: [...routes].map(([route, { answers, fields }]) => ({
            route,
            answers: Object.fromEntries(answers),
            removed: Object.fromEntries([...fields].sort(([, a], [, b]) => b - a)),
          })),
        },
      }),
    },
  };
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Returns a path with `*` for what may be an id or a name. */
function routeName(uri: string): string {
  const segments = servicePath(uri).split('/').slice(1, 12);
  return `/${segments.map((segment) => (ROUTE_SEGMENT.test(segment) || segment === 'v2' ? segment : OTHER)).join('/')}`;
}

/**
 * Returns the fields that a filtered body lacks, such as `entities[].email`; of one that is gone whole, the outermost.
 * @param plain as the service sent it, without compression
 */
function removedFields(plain: Buffer, filtered: Buffer): Set<string> {
  const removed = new Set<string>();
  const walk = (before: unknown, after: unknown, path: string): void => {
    if (Array.isArray(before)) {
      for (const [index, item] of before.entries())
        walk(item, Array.isArray(after) ? after[index] : undefined, `${path}[]`);
      return;
    }
    if (typeof before !== 'object' || before === null) return;
    for (const [key, value] of Object.entries(before)) {
      const name = FIELD_NAME.test(key) ? key : OTHER;
      const here = path === '' ? name : `${path}.${name}`;
      const isThere = typeof after === 'object' && after !== null && Object.hasOwn(after, key);
      if (isThere) walk(value, Reflect.get(after, key), here);
      else removed.add(here);
    }
  };
  walk(JSON.parse(plain.toString()), JSON.parse(filtered.toString()), '');
  return removed;
}
