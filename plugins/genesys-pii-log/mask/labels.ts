/**
 * Masks a text that is no valid JSON but may be nearly so, or XML: what a field's name stands before is masked as that
 * field is, since a body that was broken on its way is as personal as a whole one. Pure, linear.
 */
import type { FieldNames } from './fields.js';
import type { Masking } from './rules.js';
import { findHits, type Hit, merged } from './text.js';

/**
 * A name in quotes, which may be escaped as in a string, and a colon; an XML element; an attribute or parameter; a name
 * and a colon, as in YAML, GraphQL and headers. Names are bounded, so a search is linear.
 */
const LABEL =
  /["']([^"'\\\n]{1,64})\\{0,16}["']\s{0,8}:\s{0,8}|<([\w.:-]{1,64})(?=[\s>])[^<>]{0,512}>|\b([A-Za-z][\w.-]{0,63})(?:\]?\s?=\s?|\s{0,8}(:)(?!\/\/)[ \t]{0,8})/g;

/** What is masked in a text, in order, without overlaps. */
export function findTextHits(text: string, { rules }: Masking): Hit[] {
  return merged([...labelledValues(text, rules.fields), ...findHits(text, rules)]);
}

function labelledValues(text: string, fields: FieldNames): Hit[] {
  const hits: Hit[] = [];
  LABEL.lastIndex = 0;
  for (let match = LABEL.exec(text); match !== null; match = LABEL.exec(text)) {
    const [label, quoted, element, assigned, colon] = match;
    const rule = fields.ruleOf(quoted ?? element?.replace(/^.*:/, '') ?? '') ?? fields.ruleOfPath(assigned ?? '');
    const start = match.index + label.length;
    if (rule === undefined) continue;
    const end =
      element === undefined ? endOfValue(text, start, colon !== undefined) : endOfElement(text, start, element);
    if (end > start) {
      const value = text.slice(start, end);
      hits.push({ start, end, value, ...rule });
      LABEL.lastIndex = end;
    }
  }
  return hits;
}

/**
 * A string to its quote, a scalar to the next separator; where a list or an object ends cannot be known.
 * @param isLine whether spaces belong to the value, as in YAML and headers
 */
function endOfValue(text: string, start: number, isLine: boolean): number {
  const first = text[start];
  if (first === '{' || first === '[') return text.length;
  if (first === '"' || first === "'") return endOfString(text, start, first);
  if (first === '\\') return endOfEscapedString(text, start);
  const separator = isLine ? /[\r\n,;&<>}\]"']/g : /[\s,;&<>}\]"']/g;
  separator.lastIndex = start;
  return separator.exec(text)?.index ?? text.length;
}

function endOfString(text: string, start: number, quote: string): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === quote) return index + 1;
  }
  return text.length;
}

/** To the quote that is escaped as the first one is: those within are escaped more often. */
function endOfEscapedString(text: string, start: number): number {
  let quote = start;
  while (text[quote] === '\\') quote++;
  const depth = quote - start;
  if (text[quote] !== '"' && text[quote] !== "'") return quote;
  let backslashes = 0;
  for (let index = quote + 1; index < text.length; index++) {
    if (text[index] === '\\') backslashes++;
    else {
      if (text[index] === text[quote] && backslashes <= depth) return index + 1;
      backslashes = 0;
    }
  }
  return text.length;
}

/** To its end tag, whatever stands between. */
function endOfElement(text: string, start: number, name: string): number {
  if (text[start - 2] === '/') return start;
  const end = text.indexOf(`</${name}`, start);
  return end === -1 ? text.length : end;
}
