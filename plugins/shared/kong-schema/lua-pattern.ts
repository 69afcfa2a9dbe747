/**
 * Translates Lua patterns, as in the `match` of Kong's schemas, into regular expressions. Patterns that have no
 * counterpart (%b, %f, back references) are refused, so that nothing stays unchecked without notice.
 */

const CLASSES: Record<string, string> = {
  a: 'A-Za-z',
  c: '\\x00-\\x1f\\x7f',
  d: '0-9',
  l: 'a-z',
  p: '!-\\/:-@\\[-`{-~',
  s: '\\t-\\r ',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: 'A-Fa-f0-9',
};
/** A parenthesis, the end, or an item (a class, a set or a character) with its repetition. */
const TOKEN = /([()]|\$$)|(%.|\[(?:\^?%.|\^[^%]|[^%^])(?:%.|[^\]%])*\]|[^%[])([*+?-]?)|./gs;
/** A member of a set: a class or an escaped character, a range, or a character. */
const MEMBER = /%(.)|(.)-(.)|(.)/gs;

/**
 * Returns whether a text matches a Lua pattern, byte by byte as in Lua.
 * @throws Error that names the pattern if it cannot be translated
 */
export function luaMatches(pattern: string, text: string): boolean {
  const [, start = '', rest = ''] = /^(\^?)(.*)$/s.exec(toBytes(pattern)) ?? [];
  const source = rest.replace(TOKEN, (token, plain?: string, item?: string, times?: string) => {
    if (plain !== undefined) return plain;
    const translated = item === undefined ? undefined : translate(item);
    if (translated === undefined) throw new Error(`the Lua pattern "${pattern}" cannot be translated at "${token}"`);
    return translated + (times === '-' ? '*?' : times);
  });
  return new RegExp(start + source).test(toBytes(text));
}

function translate(item: string): string | undefined {
  if (item === '.') return '[^]';
  if (item.startsWith('[')) {
    const [, not = '', set = ''] = /^\[(\^?)(.*)\]$/s.exec(item) ?? [];
    const members = [...set.matchAll(MEMBER)].map(([, escaped, from, to, single]) => {
      if (escaped !== undefined) return classOf(escaped);
      return from === undefined || to === undefined ? byte(single ?? '') : `${byte(from)}-${byte(to)}`;
    });
    return members.includes(undefined) ? undefined : `[${not}${members.join('')}]`;
  }
  if (!item.startsWith('%')) return byte(item);
  const letter = item.charAt(1);
  const isNegated = /[A-Z]/.test(letter);
  const members = classOf(isNegated ? letter.toLowerCase() : letter);
  return members && `[${isNegated ? '^' : ''}${members}]`;
}

/** Returns what `%` and a letter mean in a set. Before any other character, `%` escapes it. */
function classOf(letter: string): string | undefined {
  return /[A-Za-z0-9]/.test(letter) ? CLASSES[letter] : byte(letter);
}

function byte(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Returns a text with one character for each byte. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
