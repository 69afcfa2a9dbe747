/**
 * What report mode has seen: for each route, how many answers would have been changed or blocked, which fields they had,
 * and which of these would have been removed, by their names and never by a value. Bounded: routes and fields beyond are
 * counted together.
 */
import { forwardedMethod } from '../shared/forwarded-method.js';
import { servicePath } from '../shared/path-pattern.js';
import type { Operation } from '../shared/plugin.js';
import { createFieldBudget, createSeenFields, OTHER, type SeenField, type SeenFields } from './seen-fields.js';
import { type Head, MAX_LOOKED_AT_BYTES, type Verdict } from './verdict.js';

const MAX_ROUTES = 200;
/** Genesys' longest path has 13 segments (npm purecloud-platform-client-v2 262). */
const MAX_SEGMENTS = 14;
const ROUTE_SEGMENT = /^[a-z][a-z_-]{0,63}$/;

/** A route, as `GET /removed` tells it. */
export interface RouteReport {
  /** Method and path, with `*` for what may be an id or a name; or `*` for what is beyond the bounds. */
  route: string;
  /** Answers by what would have become of them. */
  answers: Partial<Record<Verdict['kind'], number>>;
  /** How often each field would have been removed. */
  removed: Record<string, number>;
  /** The fields of answers below 400. */
  fields: SeenField[];
}

export interface Reports {
  /** Notes the verdict on an answer that goes out as it is. */
  note(head: Pick<Head, 'method' | 'uri' | 'status'>, verdict: Verdict): void;
  readonly operation: Operation;
}

/** Makes the reports of a process. */
export function createReports(): Reports {
  const routes = new Map<string, { answers: Map<Verdict['kind'], number>; seen: SeenFields }>();
  const budget = createFieldBudget();

  function reportOf(name: string) {
    const key = routes.has(name) || routes.size < MAX_ROUTES ? name : OTHER;
    const report = routes.get(key) ?? { answers: new Map(), seen: createSeenFields(budget) };
    routes.set(key, report);
    return report;
  }

  return {
    note({ method, uri, status }, verdict) {
      const { answers, seen } = reportOf(routeName(forwardedMethod(method), uri));
      answers.set(verdict.kind, (answers.get(verdict.kind) ?? 0) + 1);
      const { plain } = verdict;
      if (plain === undefined || plain.length > MAX_LOOKED_AT_BYTES) return;
      const before = parsed(plain);
      if (before === undefined) return;
      const leaves = { block: () => undefined, pass: () => before, replace: parsedBody };
      seen.note(before, leaves[verdict.kind](verdict), status < 400);
    },
    operation: {
      method: 'GET',
      path: '/removed',
      run: async () => ({
        status: 200,
        body: {
          routes: [...routes].map(
            ([route, { answers, seen }]): RouteReport => ({
              route,
              answers: Object.fromEntries(answers),
              removed: seen.removed(),
              fields: seen.fields(),
            }),
          ),
        },
      }),
    },
  };
}

function parsedBody(verdict: Verdict): unknown {
  return verdict.kind === 'replace' ? parsed(verdict.body) : undefined;
}

/** Parses a body; undefined if it is not JSON. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** Returns a method and a path with `*` for what may be an id or a name. */
function routeName(method: string, uri: string): string {
  const segments = servicePath(uri).split('/').slice(1);
  if (segments.length > MAX_SEGMENTS) return OTHER;
  const names = segments.map((segment) =>
    ROUTE_SEGMENT.test(segment) || segment === 'v2' || segment === '' ? segment : OTHER,
  );
  return `${method} /${names.join('/')}`;
}
