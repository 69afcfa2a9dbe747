/**
 * Finds cards, social security numbers and phone numbers: all are digits in groups, so one pass collects the groups that
 * stand together and looks for the strictest kind first. Pure; linear, since what stands together is cut at a bound.
 */
import { isCard, LONGEST_CARD, SHORTEST_CARD } from './card.js';
import type { Finding, Kind, Span } from './finding.js';
import { isPhone, LONGEST_PHONE, SHORTEST_PHONE } from './phone.js';

interface Group {
  start: number;
  end: number;
  digits: string;
  /** What stands before it: a + or ( that belongs to it. */
  plus: boolean;
  parenthesis: boolean;
  /** Between the group before and this one. */
  separator: string;
}

/** Between two groups there are at most so many characters, such as `) ` or ` - `. */
const MAX_SEPARATOR = 3;

/**
 * Finds them.
 * @param taken stretches that are something else, in order
 */
export function findNumbers(text: string, taken: readonly Span[], kinds: ReadonlySet<Kind>): Finding[] {
  const findings: Finding[] = [];
  let nextTaken = 0;
  let index = 0;
  let groups: Group[] = [];
  let previousEnd = -1;
  const { length } = text;
  while (index < length) {
    const skipped = taken[nextTaken];
    if (skipped !== undefined && index >= skipped.start) {
      index = Math.max(index, skipped.end);
      nextTaken++;
      judge(text, groups, kinds, findings);
      groups = [];
      continue;
    }
    if (!isDigit(text.charCodeAt(index))) {
      index++;
      continue;
    }
    const limit = skipped?.start ?? length;
    const start = index;
    while (index < limit && isDigit(text.charCodeAt(index))) index++;
    const separator = groups.length === 0 ? undefined : separatorBetween(text, previousEnd, start);
    if (separator === undefined) {
      judge(text, groups, kinds, findings);
      groups = [];
    }
    const { plus, parenthesis } = prefixOf(text, start, groups.length === 0 ? 0 : previousEnd);
    const digits = index - start <= LONGEST_CARD + 1 ? text.slice(start, index) : '';
    groups.push({ start, end: index, digits, plus, parenthesis, separator: separator ?? '' });
    previousEnd = index;
  }
  judge(text, groups, kinds, findings);
  return findings;
}

/** Undefined if what stands between two groups keeps them apart. */
function separatorBetween(text: string, from: number, to: number): string | undefined {
  if (to - from > MAX_SEPARATOR) return undefined;
  for (let index = from; index < to; index++) {
    switch (text.charCodeAt(index)) {
      case 0x20: // space
      case 0x09:
      case 0x28: // ( ) + - . / _
      case 0x29:
      case 0x2b:
      case 0x2d:
      case 0x2e:
      case 0x2f:
      case 0x5f:
        break;
      default:
        return undefined;
    }
  }
  return text.slice(from, to);
}

function prefixOf(text: string, start: number, floor: number): { plus: boolean; parenthesis: boolean } {
  let plus = false;
  let parenthesis = false;
  for (let index = start - 1; index >= floor && index >= start - 3; index--) {
    const code = text.charCodeAt(index);
    if (code === 0x2b) plus = true;
    else if (code === 0x28) parenthesis = true;
    else if (code !== 0x20) break;
  }
  return { plus, parenthesis };
}

function judge(text: string, groups: readonly Group[], kinds: ReadonlySet<Kind>, findings: Finding[]): void {
  for (let first = 0; first < groups.length; ) {
    const end = judgeFrom(text, groups, first, kinds, findings);
    first = end > first ? end : first + 1;
  }
}

/** @returns the group after the finding that begins with `first`; `first` if there is none */
function judgeFrom(
  text: string,
  groups: readonly Group[],
  first: number,
  kinds: ReadonlySet<Kind>,
  findings: Finding[],
): number {
  const add = (last: number, kind: Kind): number => {
    const start = (groups[first] as Group).start;
    findings.push({ start: withPrefix(text, start, kind), end: (groups[last] as Group).end, kind });
    return last + 1;
  };
  if (kinds.has('card')) {
    const last = lastOfCard(groups, first);
    if (last !== undefined) return add(last, 'card');
  }
  if (kinds.has('ssn') && isSsn(groups, first)) return add(first + 2, 'ssn');
  if (!kinds.has('phone')) return first;
  const last = lastOfPhone(text, groups, first, groups.length);
  if (last === undefined) return first;
  if (!kinds.has('card')) return add(last, 'phone');
  // A card that begins further right must not lose its first digits to a phone number.
  for (let later = first + 1; later <= last; later++) {
    const lastOfLater = lastOfCard(groups, later);
    if (lastOfLater === undefined || lastOfLater <= last) continue;
    const lastBefore = lastOfPhone(text, groups, first, later);
    return lastBefore === undefined ? add(lastOfLater, 'card') : add(lastBefore, 'phone');
  }
  return add(last, 'phone');
}

/** The last group of a card that begins with a group. */
function lastOfCard(groups: readonly Group[], first: number): number | undefined {
  const before = groups[first];
  if (before === undefined || !CARD_BEGIN.test(before.digits) || isFraction(groups, first)) return undefined;
  let digits = '';
  let found: number | undefined;
  for (let last = first; last < groups.length; last++) {
    const group = groups[last] as Group;
    if (group.digits === '') break;
    digits += group.digits;
    if (digits.length > LONGEST_CARD) break;
    if (digits.length >= SHORTEST_CARD && isCard(digits)) found = last;
  }
  return found;
}

/** First digits of networks. */
const CARD_BEGIN = /^[2-689]/;

/** The digits behind `0.` */
function isFraction(groups: readonly Group[], index: number): boolean {
  return index === 1 && groups[1]?.separator === '.' && /^0*$/.test(groups[0]?.digits ?? '');
}

/** Three, two and four digits; those that were never given out are left to the phone numbers. */
function isSsn(groups: readonly Group[], first: number): boolean {
  const [area, middle, serial] = groups.slice(first, first + 3);
  if (area?.digits.length !== 3 || middle?.digits.length !== 2 || serial?.digits.length !== 4) return false;
  if (!/^[- .]$/.test(middle.separator) || !/^[- .]$/.test(serial.separator)) return false;
  return area.digits !== '000' && area.digits !== '666' && middle.digits !== '00' && serial.digits !== '0000';
}

/** The last group of the longest phone number that begins with a group and ends before another. */
function lastOfPhone(text: string, groups: readonly Group[], first: number, before: number): number | undefined {
  const head = groups[first] as Group;
  const isAreaCode = head.digits.startsWith('0') && head.digits.length >= 3;
  const isDecimal = groups.length === 2 && groups[1]?.separator === '.' && !head.plus && !isAreaCode;
  // Of a number with a fraction only what stands before the point may be one.
  if (isDecimal && first === 1) return undefined;
  const end = isDecimal ? Math.min(before, 1) : before;
  const inParentheses = head.parenthesis && groups[first + 1]?.separator.includes(')') === true;
  const isLoose =
    head.plus ||
    inParentheses ||
    (head.digits.startsWith('0') && head.digits.length >= 2) ||
    (head.digits === '1' && groups[first + 1]?.digits.length === 3);
  if (!isLoose && head.digits.length < 2) return undefined;
  const members: string[] = [];
  const separators: string[] = [];
  let count = 0;
  let found: number | undefined;
  for (let last = first; last < end; last++) {
    const group = groups[last] as Group;
    const size = group.digits.length;
    count += size;
    if (size === 0 || count > LONGEST_PHONE || (last > first && group.plus)) break;
    // Most forms have no group of one digit.
    if (size === 1 && !isLoose) break;
    members.push(group.digits);
    if (last > first) separators.push(group.separator);
    if (count < SHORTEST_PHONE) continue;
    const shape = {
      groups: members,
      separators,
      plus: head.plus,
      parenthesis: inParentheses,
      gluedLeft: isLetter(text.charCodeAt(head.start - 1)),
    };
    if (isPhone(shape)) found = last;
  }
  return found;
}

/** Takes the + and the ( of a phone number along. */
function withPrefix(text: string, start: number, kind: Kind): number {
  if (kind !== 'phone') return start;
  let from = start;
  for (let index = start - 1; index >= start - 3 && index >= 0; index--) {
    const code = text.charCodeAt(index);
    if (code === 0x2b || code === 0x28) from = index;
    else if (code !== 0x20) break;
  }
  return from;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
