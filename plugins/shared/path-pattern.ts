/**
 * Path patterns of rules and limits, and the form of a path that they match: the path as the service receives it, but
 * normalised, so that no escape, double slash or dot segment bypasses a rule.
 */

export interface PathPattern {
  /** The pattern as configured. */
  readonly text: string;
  /** Returns whether a path matches. @param path a path in the form of `servicePath` */
  matches(path: string): boolean;
}

/**
 * Compiles a pattern. `/users/{id}/routing` matches any one segment in place of `{id}`. `/users/*` matches `/users` and
 * everything below it. A trailing slash is ignored.
 * @throws Error with what is wrong, as the end of a sentence
 */
export function compilePathPattern(text: string): PathPattern {
  if (!text.startsWith('/')) throw new Error('must begin with a slash');
  if (/[?#]/.test(text)) throw new Error('must hold no query');
  const segments = text.slice(1).replace(/\/$/, '').split('/');
  const isPrefix = segments.at(-1) === '*';
  if (isPrefix) segments.pop();
  const matchers = segments.filter((segment, index) => segment !== '' || index > 0).map(compileSegment);
  return {
    text,
    matches(path) {
      const parts = path === '/' ? [] : path.slice(1).split('/');
      if (isPrefix ? parts.length < matchers.length : parts.length !== matchers.length) return false;
      return matchers.every((matches, index) => matches(parts[index] ?? ''));
    },
  };
}

function compileSegment(segment: string): (part: string) => boolean {
  if (segment === '') throw new Error('must hold no empty segment');
  if (/^\{[^{}]+\}$/.test(segment)) return () => true;
  if (/[{}*]/.test(segment)) throw new Error('may hold {name} as a whole segment, and * at its end, only');
  return (part) => part === segment;
}

/**
 * Returns the path of a request as the service receives it, in the form that patterns match. The query is cut, escapes
 * are decoded once, parameters of segments are cut (RFC 3986 3.3: `users;a=b`), double slashes are merged, dot segments
 * are resolved (5.2.4), and a trailing slash is removed.
 *
 * Where services differ, this follows the most lenient one. An encoded slash is a slash. `..;` is `..`, as in servlet
 * containers. Bytes that are not UTF-8 become U+FFFD. An invalid escape stays as it is.
 * @param upstreamUri from `nginx.getVar('upstream_uri')`, with or without query
 */
export function servicePath(upstreamUri: string): string {
  const path = upstreamUri.replace(/[?#].*$/s, '');
  const decoded = path.includes('%') ? decodePercent(path) : path;
  const plain = decoded.includes(';') ? decoded.replace(/;[^/]*/g, '') : decoded;
  const segments: string[] = [];
  for (const segment of plain.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

function decodePercent(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
