/** Patterns of the configuration: a regular expression, and what its matches are replaced by. Pure. */
import { checkPattern, WINDOW } from './safe-regex.js';

export interface PatternRule {
  name: string;
  /** Replaces every match, and tells of each. */
  replace(text: string, onMatch: () => void): string;
  matches(text: string): boolean;
  /** Tells whether the search of a text is sure to take no more than about a millisecond. */
  isShort(text: string): boolean;
}

/**
 * A search takes at worst time in the square of the text's length (safe-regex.ts sees to it), so longer texts are searched
 * in windows. They overlap, so that a match of up to the overlap's length is found wherever it stands.
 */
const OVERLAP = 256;

/**
 * Compiles a pattern.
 * @param regex JavaScript's syntax, matched with the flags g and u
 * @param replacement may refer to groups by $1 and $<name>
 * @throws Error with what is wrong, as the end of a sentence
 */
export function compilePattern(name: string, regex: string, replacement: string): PatternRule {
  const isShort = checkPattern(regex);
  let compiled: RegExp;
  try {
    compiled = new RegExp(regex, 'gu');
  } catch {
    throw new Error('is not a regular expression of JavaScript');
  }
  /** Without the flag g it has no `lastIndex`: where one search ended says nothing to the next. */
  const single = new RegExp(regex, 'u');
  if (single.test('')) throw new Error('matches the empty text');
  return {
    name,
    isShort,
    replace(text, onMatch) {
      compiled.lastIndex = 0;
      if (text.length > WINDOW) return replaceInWindows(text, compiled, replacement, onMatch);
      return single.test(text) ? replaceAll(text, compiled, replacement, onMatch) : text;
    },
    matches(text) {
      for (let start = 0; ; start += WINDOW - OVERLAP) {
        if (single.test(text.slice(start, start + WINDOW))) return true;
        if (start + WINDOW >= text.length) return false;
      }
    },
  };
}

function replaceAll(text: string, regex: RegExp, replacement: string, onMatch: () => void): string {
  for (const _ of text.matchAll(regex)) onMatch();
  return text.replace(regex, replacement);
}

function replaceInWindows(text: string, regex: RegExp, replacement: string, onMatch: () => void): string {
  const parts: string[] = [];
  let done = 0;
  for (let start = 0; start < text.length; start += WINDOW - OVERLAP) {
    const window = text.slice(start, start + WINDOW);
    for (const match of window.matchAll(regex)) {
      const from = start + match.index;
      const to = from + match[0].length;
      if (to <= done) continue;
      // What an earlier window has replaced already, in part, is not shown in the rest.
      onMatch();
      if (from > done) parts.push(text.slice(done, from));
      parts.push(expand(replacement, match));
      done = to;
    }
    if (start + WINDOW >= text.length) break;
  }
  parts.push(text.slice(done));
  return parts.join('');
}

/** The replacement, with what it refers to: as String.prototype.replace has it. */
function expand(replacement: string, match: RegExpMatchArray): string {
  return replacement.replace(/\$(?:\$|&|(\d{1,2})|<([^>]*)>)/g, (reference, digits?: string, name?: string) => {
    if (reference === '$$') return '$';
    if (reference === '$&') return match[0];
    if (digits !== undefined) return match[Number(digits)] ?? '';
    return match.groups?.[name ?? ''] ?? '';
  });
}
