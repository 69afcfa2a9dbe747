/**
 * Path patterns of routes, stubs, faults and filters: literal segments, `{name}` for one segment, `*` at the end for
 * the rest. A trailing slash counts for nothing. Pure.
 */

/** A compiled pattern: answers the named segments (still percent-encoded), or undefined if the path does not match. */
export type PathMatcher = (path: string) => Record<string, string> | undefined;

const NO_PARAMETERS: Record<string, string> = Object.freeze({});

function segmentsOf(path: string): string[] {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  return trimmed.split('/').slice(1);
}

/** Compiles a pattern such as `/api/v2/users/{userId}` or `/api/v2/analytics/*`. */
export function compilePathPattern(pattern: string): PathMatcher {
  if (!pattern.includes('{') && !pattern.endsWith('*')) {
    const literal = pattern.length > 1 && pattern.endsWith('/') ? pattern.slice(0, -1) : pattern;
    return (path) => (path === literal || path === `${literal}/` ? NO_PARAMETERS : undefined);
  }
  const wanted = segmentsOf(pattern);
  const open = wanted.at(-1) === '*';
  if (open) wanted.pop();
  return (path) => {
    const found = segmentsOf(path);
    if (open ? found.length < wanted.length : found.length !== wanted.length) return undefined;
    const parameters: Record<string, string> = {};
    for (const [index, segment] of wanted.entries()) {
      const actual = found[index] ?? '';
      if (segment.startsWith('{') && segment.endsWith('}')) {
        if (actual === '') return undefined;
        parameters[segment.slice(1, -1)] = actual;
      } else if (segment !== actual) return undefined;
    }
    return parameters;
  };
}
