/**
 * Whether Kong's router takes a pattern. It compiles it twice, as PCRE and as Rust's regex, and refuses what one of them
 * does not know: no lookaround, no backreference, no brace that is no count. Pure.
 */

/** Returns whether a pattern is one for both. */
export function isRouterPattern(pattern: string): boolean {
  const translated = translate(pattern);
  if (translated === undefined) return false;
  try {
    new RegExp(translated, 'u');
    return true;
  } catch {
    return false;
  }
}

/** PCRE's highest count. */
const MAX_COUNT = 65_535;
/** What JavaScript has no word for, and stands for one character or none. */
const OTHER_ESCAPE = /^\\(?:[AzbBa]|x[0-9A-Fa-f]{2}|[xpP]\{[^}]+\}|[pP]\w)/;

/** What one step reads, and its like in JavaScript; undefined if it is refused. */
type Token = readonly [read: number, translation: string | undefined];

/** Returns JavaScript's pattern of the same form; undefined for one that is refused. */
function translate(pattern: string): string | undefined {
  let translated = '';
  let depth = 0;
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    let token: Token;
    if (rest.startsWith('\\')) token = escaped(rest);
    else if (depth > 0) {
      token = inClass(rest, depth);
      depth += rest.startsWith(']') ? -1 : rest.startsWith('[') && !rest.startsWith('[:') ? 1 : 0;
    } else {
      token = outside(rest, translated);
      if (rest.startsWith('[')) depth = 1;
    }
    const [read, translation] = token;
    if (translation === undefined) return undefined;
    translated += translation;
    at += read;
  }
  return depth === 0 ? translated : undefined;
}

function escaped(rest: string): Token {
  const [whole] = OTHER_ESCAPE.exec(rest) ?? [];
  if (whole !== undefined) return [whole.length, /^\\[AzbB]/.test(whole) ? '' : 'a'];
  const next = rest.charAt(1);
  if (/[dDsSwWnrtfv]/.test(next)) return [2, `\\${next}`];
  if (next === '' || /\w/.test(next)) return [2, next === '_' ? '_' : undefined];
  return [2, /[-^$\\.*+?()[\]{}|/]/.test(next) ? (next === '-' ? '\\x2d' : `\\${next}`) : next];
}

/** A class within a class is Rust's; its brackets are left out. */
function inClass(rest: string, depth: number): Token {
  const [named] = /^\[:\^?[a-z]+:\]/.exec(rest) ?? [];
  if (named !== undefined) return [named.length, 'a'];
  if (rest.startsWith('[')) return [1, ''];
  if (rest.startsWith(']')) return [1, depth === 1 ? ']' : ''];
  return [1, rest.charAt(0)];
}

function outside(rest: string, before: string): Token {
  const [first = ''] = rest;
  switch (first) {
    case '[': {
      // A bracket in the first place is one of the characters.
      const [opening = '['] = /^\[\^?\]?/.exec(rest) ?? [];
      return [opening.length, opening.replace(']', '\\]')];
    }
    case ']':
    case '}':
      return [1, `\\${first}`];
    case '{': {
      const [count, ...numbers] = /^\{(\d+)(?:,(\d*))?\}/.exec(rest) ?? [];
      return count === undefined || numbers.some((number) => Number(number ?? 0) > MAX_COUNT)
        ? [1, undefined]
        : [count.length, count];
    }
    case '+':
      // A second quantifier: possessive, or repeated.
      return [1, /[*+?]$|\{\d+,?\d*\}$/.test(before) && !/\\.$/.test(before) ? '' : '+'];
    case '(':
      return group(rest);
    default:
      return [1, first];
  }
}

function group(rest: string): Token {
  if (!rest.startsWith('(?')) return [1, '('];
  const [named, name] = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest) ?? [];
  if (named !== undefined) return [named.length, `(?<${name}>`];
  const [flags] = /^\(\?[imsxUu-]*(?=[:)])/.exec(rest) ?? [];
  if (flags === undefined) return [1, undefined];
  return [flags.length + 1, rest.charAt(flags.length) === ':' ? '(?:' : ''];
}
