/** Makes few expressions for Kong's router of many paths: one for each resource, in which common beginnings are one. Pure. */
import { compare, parameterOf, segmentsOf } from './api.js';
import { alternatives, escapeExpression } from './shape.js';

/** A path as expressions, one for each segment. */
export type PathPattern = readonly string[];

/** A segment after others: what may follow, and whether a path may end. */
interface Branch {
  ends: boolean;
  next: Map<string, Branch>;
}

/**
 * Returns the expressions of a path's segments.
 * @param patternOf returns that of a parameter
 */
export function patternOfPath(path: string, patternOf: (name: string) => string): PathPattern {
  return segmentsOf(path).map((segment) =>
    segment
      .split(/(\{[^}]+\})/)
      .map((part) => {
        const name = parameterOf(part);
        return name === undefined ? escapeExpression(part) : patternOf(name);
      })
      .join(''),
  );
}

/** What a resource is: so many segments of a path. */
const RESOURCE_SEGMENTS = 3;
/** Kong compiles an expression as PCRE, too, which has a limit of 64 KB; this leaves room for it. */
const MAX_LENGTH = 12_000;

/** Returns paths for a route of Kong's, `~` in front: each is anchored at both ends. */
export function routePaths(patterns: readonly PathPattern[]): string[] {
  const byResource = new Map<string, PathPattern[]>();
  for (const pattern of patterns) {
    const resource = pattern.slice(0, RESOURCE_SEGMENTS).join('/');
    byResource.set(resource, [...(byResource.get(resource) ?? []), pattern]);
  }
  return [...byResource.entries()]
    .sort(([a], [b]) => compare(a, b))
    .flatMap(([, list]) => split(list))
    .map((list) => `~${expressionOf(list)}$`);
}

/** Halves what is too long for one expression. */
function split(patterns: readonly PathPattern[]): (readonly PathPattern[])[] {
  if (patterns.length < 2 || expressionOf(patterns).length <= MAX_LENGTH) return [patterns];
  const half = Math.ceil(patterns.length / 2);
  return [...split(patterns.slice(0, half)), ...split(patterns.slice(half))];
}

function expressionOf(patterns: readonly PathPattern[]): string {
  const root: Branch = { ends: false, next: new Map() };
  for (const pattern of patterns) {
    let branch = root;
    for (const segment of pattern) {
      const next = branch.next.get(segment) ?? { ends: false, next: new Map() };
      branch.next.set(segment, next);
      branch = next;
    }
    branch.ends = true;
  }
  return write(root);
}

function write({ ends, next }: Branch): string {
  if (next.size === 0) return '';
  const ways = [...next]
    .sort(([a], [b]) => compare(a, b))
    .map(([segment, branch]): [string, string] => [segment, write(branch)]);
  // What ends here is written in one class of its own, so that the rest is short.
  const grouped = new Map<string, string[]>();
  for (const [segment, rest] of ways) grouped.set(rest, [...(grouped.get(rest) ?? []), segment]);
  const parts = [...grouped].map(([rest, segments]) => `${alternatives(segments)}${rest}`);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return ends ? `(?:/${only})?` : `/${only}`;
  const all = `/(?:${parts.join('|')})`;
  return ends ? `(?:${all})?` : all;
}
