/** What Genesys asks of an OAuth client for a number of operations: no more than they need. Pure. */
import { compare, type Operation } from './api.js';

/** What a client needs. */
export interface Needs {
  /** All of these. */
  permissions: string[];
  /** One of each of these, which none of `permissions` is in. */
  oneOf: string[][];
  scopes: string[];
  /** Operations of which it is not known. */
  unknown: number;
}

/** Sums up what operations need. */
export function needsOf(operations: readonly Operation[]): Needs {
  const known = operations.flatMap(({ permissions }) => (permissions === undefined ? [] : [permissions]));
  const isOne = ({ type, names }: { type: string; names: readonly string[] }): boolean =>
    type === 'ANY' && names.length > 1;
  const permissions = new Set(known.filter((one) => !isOne(one)).flatMap(({ names }) => names));
  const choices = known
    .filter(isOne)
    .map(({ names }) => [...new Set(names)].sort(compare))
    .filter((names) => !names.some((name) => permissions.has(name)));
  // A choice that is within another one decides that too.
  const oneOf = choices
    .filter((names, index) => choices.findIndex((other) => isWithin(other, names) && isWithin(names, other)) === index)
    .filter((names, _, all) => !all.some((other) => other.length < names.length && isWithin(other, names)))
    .sort((a, b) => compare(a.join(), b.join()));
  return {
    permissions: [...permissions].sort(compare),
    oneOf,
    scopes: scopesOf(operations),
    unknown: operations.length - known.length,
  };
}

function isWithin(names: readonly string[], others: readonly string[]): boolean {
  return names.every((name) => others.includes(name));
}

const READ_ONLY = ':readonly';

/** Of the scopes of which one is enough, the narrowest; a scope has its read-only one in it. */
function scopesOf(operations: readonly Operation[]): string[] {
  const chosen = operations.flatMap(({ scopes = [] }) => {
    const [first] = [...scopes].sort(
      (a, b) => Number(b.endsWith(READ_ONLY)) - Number(a.endsWith(READ_ONLY)) || compare(a, b),
    );
    return first ?? [];
  });
  const all = new Set(chosen);
  return [...all].filter((scope) => !all.has(scope.replace(READ_ONLY, '')) || !scope.endsWith(READ_ONLY)).sort(compare);
}

/**
 * Returns whether permissions are enough for an operation. One that asks for none is not chosen by them.
 * @param granted such as `routing:queue:view`, `routing:queue:*` or `routing:*`
 */
export function isGranted({ permissions }: Operation, granted: readonly string[]): boolean {
  if (permissions === undefined || permissions.names.length === 0) return false;
  const isThere = (name: string): boolean => granted.some((pattern) => covers(pattern, name));
  return permissions.type === 'ANY' ? permissions.names.some(isThere) : permissions.names.every(isThere);
}

export function covers(pattern: string, permission: string): boolean {
  return pattern.endsWith('*') ? permission.startsWith(pattern.slice(0, -1)) : permission === pattern;
}
