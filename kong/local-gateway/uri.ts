/** Paths and queries as Kong and nginx treat them (kong/tools/uri.lua, ngx.decode_args). */

const RESERVED = new Set(Buffer.from("!*'();:@&=+$,/?%#[]"));
/** At most this many arguments are read, as in Kong. */
const MAX_ARGS = 1000;

export type QueryArgs = Record<string, (string | true)[]>;

/**
 * Normalises a path: decodes what RFC 3986 does not reserve, removes dot segments, merges slashes.
 * Text is bytes read as latin1, as Node gives request targets.
 */
export function normalizePath(path: string): string {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (encoded, hex: string) => {
    const byte = Number.parseInt(hex, 16);
    return RESERVED.has(byte) ? encoded.toUpperCase() : String.fromCharCode(byte);
  });
  if (!decoded.includes('.') && !decoded.includes('//')) return decoded;
  const output: string[] = [];
  const segments = decoded.split('/');
  const last = segments.length - 1;
  segments.forEach((segment, position) => {
    if (position === 0) return;
    if (segment === '..') {
      output.pop();
      if (position === last) output.push('');
    } else if (segment === '.' || segment === '') {
      if (position === last) output.push('');
    } else output.push(segment);
  });
  return `/${output.join('/')}`;
}

/** Percent-encodes characters that a request line may not contain. Existing escapes stay. */
export function escapePath(path: string): string {
  return path.replace(/[^!#$&'()*+,/:;=?@[\]A-Za-z\d\-_.~%]/g, (character) =>
    character.charCodeAt(0) > 0xff ? encodeURIComponent(character) : percent(character.charCodeAt(0)),
  );
}

/** Decodes a query string. An argument without `=` has the value `true`. One without a name is left out. */
export function decodeArgs(query: string, max = MAX_ARGS): QueryArgs {
  const args: QueryArgs = Object.create(null);
  let count = 0;
  for (const part of query.split('&')) {
    if (part === '' || count >= max) continue;
    const equals = part.indexOf('=');
    const name = decodeComponent(equals < 0 ? part : part.slice(0, equals));
    if (name === '') continue;
    count += 1;
    const values = args[name] ?? [];
    values.push(equals < 0 ? true : decodeComponent(part.slice(equals + 1)));
    args[name] = values;
  }
  return args;
}

function decodeComponent(text: string): string {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * Encodes a query string as `kong.service.request.set_query` does: sorted, true as a bare name, false left out.
 * @throws Error for a value that is neither string, number, boolean nor a list of them
 */
export function encodeArgs(args: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    const encoded = (Array.isArray(value) ? value : [value]).flatMap((item: unknown) => {
      if (item === false || item === null || item === undefined) return [];
      if (item === true) return [escapeComponent(name)];
      if (typeof item !== 'string' && typeof item !== 'number') {
        throw new Error(`attempt to use ${Array.isArray(item) ? 'table' : typeof item} as query arg value`);
      }
      return [`${escapeComponent(name)}=${escapeComponent(String(item))}`];
    });
    parts.push(encoded.join('&'));
  }
  return parts.filter(Boolean).sort().join('&');
}

/** Removes one argument and leaves the rest as written. */
export function removeArg(query: string, name: string): string {
  return query
    .split('&')
    .filter((part) => part !== '' && decodeComponent(part.split('=')[0] ?? '') !== name)
    .join('&');
}

/** Encodes a component as ngx.escape_uri does: all but unreserved characters. */
function escapeComponent(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => percent(character.charCodeAt(0)));
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
