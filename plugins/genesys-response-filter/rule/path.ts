/**
 * The paths of a configuration: dotted names with `[*]`, `[n]` and quoted keys, and JSONPath after a `$`. A JSONPath
 * that needs no more than that becomes the same thing. Only the rest (`..`, slices, lists) is left to jsonpath-plus.
 * Pure.
 */

/** One step from a value to a value in it: a member by key, an element by index, or all of them. */
export type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'any' };

export type Path =
  | { readonly kind: 'simple'; readonly segments: readonly Segment[] }
  | { readonly kind: 'json-path'; readonly expression: string };

/** Large enough for any body, and small enough that every index is a small integer. */
const INDEX = /\d{1,9}/y;
/** A name without quotes. */
const BARE_NAME = /[^.[\]"'\s*]+/y;
/** A name without quotes in a JSONPath, where other characters may be operators. */
const BARE_JSON_PATH_NAME = /[\p{L}\p{N}_-]+/uy;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/suy;
const SLICE = /(?:-?\d{1,9})?:(?:-?\d{1,9})?(?::(?:-?\d{1,9})?)?/y;
/** The place before an expression that would have to be evaluated. */
const CODE = /(?=[?(])/y;
const COMMA = /\s*,\s*/y;
/**
 * The names that jsonpath-plus gets. Its parser replaces text in the expression, so it would find operators in other
 * names (with quotes, brackets, `^`, `~`, `@`, ...). Simple paths do not use it and have no such limit.
 */
const PLAIN_NAME = /^[\p{L}\p{N}_ -]+$/u;

/** Why a path is refused, as the end of a sentence about it. */
class PathError extends Error {}

/**
 * Parses a path.
 * @throws Error with what is wrong and where, as the end of a sentence
 */
export function parsePath(text: string): Path {
  const reader = new Reader(text);
  return text.startsWith('$') && !/^\$[^.[]/.test(text) ? parseJsonPath(reader) : parseSimple(reader);
}

/** Returns whether a path may select several values. */
export function selectsMany(path: Path): boolean {
  return path.kind === 'json-path' || path.segments.some(({ kind }) => kind === 'any');
}

function parseSimple(reader: Reader): Path {
  const segments: Segment[] = [];
  do {
    if (reader.take('[')) {
      const [segment] = parseBrackets(reader, false);
      if (segment !== undefined) segments.push(segment);
    } else {
      if (segments.length > 0) reader.expect('.');
      segments.push({ kind: 'name', name: reader.bareName(BARE_NAME) });
    }
  } while (!reader.atEnd);
  return { kind: 'simple', segments };
}

function parseJsonPath(reader: Reader): Path {
  reader.expect('$');
  const segments: Segment[] = [];
  const names: string[] = [];
  let isSimple = true;
  let descended = false;
  while (!reader.atEnd) {
    const descends = reader.take('..');
    if (descends) {
      // With two of them, a body of 200 levels and 1 KB blocks the process for 16 s (measured).
      if (descended) throw reader.error('has more than one .., which takes too long');
      descended = true;
      isSimple = false;
    }
    let step: (Segment | undefined)[];
    if (reader.take('[')) step = parseBrackets(reader, true);
    else {
      if (!descends) reader.expect('.');
      step = [reader.take('*') ? { kind: 'any' } : { kind: 'name', name: reader.bareName(BARE_JSON_PATH_NAME) }];
    }
    const [only] = step;
    if (step.length > 1 || only === undefined) isSimple = false;
    else segments.push(only);
    for (const segment of step) if (segment?.kind === 'name') names.push(segment.name);
  }
  if (isSimple) return { kind: 'simple', segments };
  if (!names.every((name) => PLAIN_NAME.test(name))) {
    throw new PathError('may name only keys of letters, digits, spaces, _ and - beside .., slices and lists');
  }
  // The library would read spaces between the indexes of a list as part of them.
  return { kind: 'json-path', expression: reader.text.replace(/\s*,\s*/g, ',') };
}

/**
 * Parses the brackets after the opening one: one segment, or, with `extended`, also a list of keys or indexes, or a
 * slice, which is returned as undefined.
 */
function parseBrackets(reader: Reader, extended: boolean): (Segment | undefined)[] {
  if (reader.take('*')) {
    reader.expect(']');
    return [{ kind: 'any' }];
  }
  if (extended && reader.match(SLICE) !== undefined) {
    reader.expect(']');
    return [undefined];
  }
  const list = [parseKey(reader, extended)];
  while (extended && reader.match(COMMA) !== undefined) {
    list.push(parseKey(reader, extended));
    if (list[0]?.kind !== list.at(-1)?.kind) throw reader.error('has a list of keys and indexes mixed');
  }
  reader.expect(']');
  return list;
}

function parseKey(reader: Reader, extended: boolean): Segment {
  const quoted = reader.match(QUOTED);
  if (quoted !== undefined) return { kind: 'name', name: unquote(quoted, reader) };
  const index = reader.match(INDEX);
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (extended && reader.match(CODE) !== undefined) {
    throw reader.error('has a filter or script expression, which would be code');
  }
  throw reader.error('has brackets that hold neither an index, nor * nor a quoted key');
}

function unquote(quoted: string, reader: Reader): string {
  return quoted.slice(1, -1).replace(/\\(.)/gsu, (_, escaped: string) => {
    if (!/["'\\]/.test(escaped)) throw reader.error('has a quoted key with an unknown escape');
    return escaped;
  });
}

class Reader {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.#at === this.text.length;
  }

  take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  /** @param pattern a sticky expression */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  expect(expected: string): void {
    if (!this.take(expected)) throw this.error(`lacks "${expected}"`);
  }

  bareName(pattern: RegExp): string {
    const name = this.match(pattern);
    if (name === undefined) throw this.error('lacks a name');
    return name;
  }

  error(problem: string): PathError {
    return new PathError(`${problem} (at character ${this.#at + 1})`);
  }
}
