/**
 * Lua patterns, as Kong's schemas use them in `match`, translated into regular expressions.
 * What has no counterpart (%b, %f, back references) is refused, so that nothing is silently left unchecked.
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

/**
 * Compiles a Lua pattern. It matches bytes, so the text to test has to be UTF-8 bytes read as latin1 (see `luaMatches`).
 * @throws Error that names the pattern if it cannot be translated
 */
export function compileLuaPattern(pattern: string): RegExp {
  const bytes = Buffer.from(pattern, 'utf8').toString('latin1');
  let source = '';
  let position = 0;
  if (bytes.startsWith('^')) {
    source = '^';
    position = 1;
  }
  while (position < bytes.length) {
    const character = bytes.charAt(position);
    if (character === '$' && position === bytes.length - 1) {
      source += '$';
      position += 1;
    } else if (character === '(' || character === ')') {
      if (character === '(' && bytes[position + 1] === ')') throw untranslatable(pattern);
      source += character;
      position += 1;
    } else {
      const [item, end] = readItem(bytes, position, pattern);
      const quantifier = bytes[end];
      source += item;
      position = end;
      if (quantifier === '-') source += '*?';
      else if (quantifier === '*' || quantifier === '+' || quantifier === '?') source += quantifier;
      else continue;
      position += 1;
    }
  }
  try {
    return new RegExp(source);
  } catch {
    throw untranslatable(pattern);
  }
}

/** Whether a text matches, byte by byte as in Lua. */
export function luaMatches(pattern: RegExp, text: string): boolean {
  return pattern.test(Buffer.from(text, 'utf8').toString('latin1'));
}

function readItem(pattern: string, start: number, whole: string): [string, number] {
  const character = pattern.charAt(start);
  if (character === '.') return ['[^]', start + 1];
  if (character === '%') return [escapeItem(pattern[start + 1], whole, false), start + 2];
  if (character === '[') return readSet(pattern, start, whole);
  return [literal(character), start + 1];
}

function readSet(pattern: string, start: number, whole: string): [string, number] {
  let position = start + 1;
  let source = '[';
  if (pattern[position] === '^') {
    source += '^';
    position += 1;
  }
  let first = true;
  for (;;) {
    const character = pattern[position];
    if (character === undefined) throw untranslatable(whole);
    if (character === ']' && !first) return [`${source}]`, position + 1];
    first = false;
    if (character === '%') {
      source += escapeItem(pattern[position + 1], whole, true);
      position += 2;
    } else if (pattern[position + 1] === '-' && pattern[position + 2] !== ']' && pattern[position + 2] !== undefined) {
      source += `${setLiteral(character)}-${setLiteral(pattern.charAt(position + 2))}`;
      position += 3;
    } else {
      source += setLiteral(character);
      position += 1;
    }
  }
}

function escapeItem(character: string | undefined, whole: string, inSet: boolean): string {
  if (character === undefined || /[bf0-9]/.test(character)) throw untranslatable(whole);
  if (!/[A-Za-z]/.test(character)) return inSet ? setLiteral(character) : literal(character);
  const members = CLASSES[character.toLowerCase()];
  const negated = character !== character.toLowerCase();
  if (members === undefined || (negated && inSet)) throw untranslatable(whole);
  if (inSet) return members;
  return negated ? `[^${members}]` : `[${members}]`;
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

function setLiteral(character: string): string {
  return character.replace(/[\\\]^-]/, '\\$&');
}

function untranslatable(pattern: string): Error {
  return new Error(`the Lua pattern "${pattern}" cannot be checked by the local gateway`);
}
