/**
 * Path patterns of rules and limits, and the one form of a path that they match: the path as it goes to the service,
 * normalised, so that no encoding, double slash or dot segment leads around a rule.
 */

export interface PathPattern {
  /** As configured. */
  readonly text: string;
  /** @param path in the form of `servicePath` */
  matches(path: string): boolean;
}

/**
 * Compiles a pattern: exact segments, `{name}` for any one segment, `*` at the end for the rest, the empty rest too.
 * A slash at the end does not count.
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
 * The path of a request as it goes to the service, in the form that patterns match: query cut, percent-decoded once,
 * parameters of segments cut (RFC 3986 3.3: `users;a=b`), double slashes merged, dot segments resolved (5.2.4), no slash
 * at the end.
 *
 * Wherever services differ, it is what the most lenient takes a path for: an encoded slash is one, `..;` is two dots, as
 * servlet containers read it, and bytes that are no UTF-8 become U+FFFD. What is no escape stays as it is.
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
