/** What of the URLs in a text is not to be seen: values of query parameters, user names and passwords. Pure, linear. */
import type { Span } from './finding.js';

/** A part of a URL that is masked. */
export interface UrlPart extends Span {
  kind: 'query' | 'credential';
}

const QUERY_END = /[\s"'<>\\]/g;
/** What a ? or # must be followed by to begin parameters; those before the first = may have no value. */
const FIRST_NAME = /[^=\s"'<>#?\\]{1,128}=/y;
const USER_INFO = /:\/\/([^\s/?#@"'<>\\]{1,256})@/g;

/**
 * Finds them.
 * @param kept names of parameters that may be seen, in lower case
 */
export function findUrlParts(text: string, kept: ReadonlySet<string>): UrlPart[] {
  const parts: UrlPart[] = [];
  if (text.includes('@')) {
    for (const { 1: userInfo = '', index } of text.matchAll(USER_INFO)) {
      parts.push({ start: index + 3, end: index + 3 + userInfo.length, kind: 'credential' });
    }
  }
  for (let from = 0; ; ) {
    const mark = nextMark(text, from);
    if (mark === -1) return parts;
    FIRST_NAME.lastIndex = mark + 1;
    if (FIRST_NAME.test(text)) {
      QUERY_END.lastIndex = mark + 1;
      const end = QUERY_END.exec(text)?.index ?? text.length;
      findValues(text, mark + 1, end, kept, parts);
      from = end;
    } else from = mark + 1;
  }
}

function nextMark(text: string, from: number): number {
  const question = text.indexOf('?', from);
  const hash = text.indexOf('#', from);
  return question === -1 ? hash : hash === -1 ? question : Math.min(question, hash);
}

function findValues(text: string, start: number, end: number, kept: ReadonlySet<string>, parts: UrlPart[]): void {
  for (let from = start; from < end; ) {
    const to = endOfPair(text, from, end);
    const equals = text.indexOf('=', from);
    if (equals !== -1 && equals < to && equals + 1 < to && !kept.has(nameOf(text.slice(from, equals)))) {
      parts.push({ start: equals + 1, end: to, kind: 'query' });
    }
    from = to + 1;
  }
}

function endOfPair(text: string, from: number, end: number): number {
  for (let index = from; index < end; index++) {
    const code = text.charCodeAt(index);
    // & ; # ? — a second ? begins the parameters of a URL within a URL.
    if (code === 0x26 || code === 0x3b || code === 0x23 || code === 0x3f) return index;
  }
  return end;
}

/** `amp;` is left over of an `&amp;`. */
function nameOf(text: string): string {
  return decodePercent(text).replace(/^amp;/, '').toLowerCase();
}

/** Undoes percent escapes; what is broken stays as it is. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return Buffer.from(
      text.replace(/%[0-9a-f]{2}/gi, (found) => `\0${found}`),
      'utf8',
    )
      .toString('utf8')
      .replace(/(?:\0%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replace(/\0%/g, ''), 'hex').toString('utf8'));
  }
}
