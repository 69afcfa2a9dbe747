/**
 * Whether groups of digits are a telephone number, in the international form (E.164, with + or 00) or in the forms in
 * which people of many countries write their own. Where a form is also that of something else, the shapes of Genesys
 * Cloud's ids, times, durations and versions are not numbers, and the rest is taken for one: a masked order number is a
 * nuisance, a phone number in the log a breach. Pure.
 */

/** Digits as they stand together in a text. */
export interface NumberShape {
  /** The digits of each group; at least one group. */
  groups: readonly string[];
  /** What stands between the groups, so one fewer than groups. */
  separators: readonly string[];
  /** A + stands before. */
  plus: boolean;
  /** The first group stands in parentheses. */
  parenthesis: boolean;
  /** A letter stands right before. */
  gluedLeft: boolean;
}

export const SHORTEST_PHONE = 7;
export const LONGEST_PHONE = 17;

/** North America: area code and exchange begin with 2 to 9. */
const NANP = /^[2-9]\d{2}[2-9]\d{6}$/;
/** The largest numbers of 32 bits, which look like numbers of Dallas and of nowhere. */
const LIMITS = new Set(['2147483647', '2147483648', '4294967295', '4294967296']);
const YEAR = /^(?:19|20)\d\d$/;
/** Group lengths with dots, which versions do not have. */
const DOTTED = new Set(['3.3.4', '3.3.3', '2.2.2.2.2', '3.2.2.2', '1.3.3.4', '4.3.3', '3.4.4', '2.4.4']);
/** Calling codes of E.164 by their first two digits; all others are not in use as such. */
const UNUSED_CODES = /^(?:2[89]|7[89]|8[0379]|97[8]|99[79])/;

/** Whether it is one as it stands. */
export function isPhone(shape: NumberShape): boolean {
  const digits = shape.groups.join('');
  const { length } = digits;
  if (length < SHORTEST_PHONE || length > LONGEST_PHONE) return false;
  if (shape.plus) return digits[0] !== '0' && length <= 15;
  if (shape.groups.length === 1) return !shape.gluedLeft && isBareNumber(digits);
  if (digits.startsWith('00')) return digits[2] !== '0' && length >= 9;
  if (length > 15 || shape.gluedLeft) return false;
  return isGrouped(shape, digits);
}

/** Digits without any separator. */
function isBareNumber(digits: string): boolean {
  const { length } = digits;
  if (digits.startsWith('00')) return digits[2] !== '0' && length >= 11 && length <= 17;
  if (digits.startsWith('0')) return length >= 9 && length <= 12;
  if (length === 10) return NANP.test(digits) && !LIMITS.has(digits);
  if (digits.startsWith('1')) return length === 11 && NANP.test(digits.slice(1));
  return length >= 11 && length <= 13 && !UNUSED_CODES.test(digits);
}

function isGrouped({ groups, separators, parenthesis }: NumberShape, digits: string): boolean {
  const [first = ''] = groups;
  // (030) 1234567, (212) 555-0100
  if (parenthesis) return true;
  if (isDate(groups, separators)) return false;
  if (separators.some((separator) => separator.includes('/') || separator.includes('_'))) {
    return first.startsWith('0') && first.length >= 2 && digits.length >= 8;
  }
  if (separators.every((separator) => separator === '.')) {
    return DOTTED.has(lengthsOf(groups)) || (first.startsWith('0') && first.length >= 3 && groups.length === 2);
  }
  // 030 1234567, 01 23 45 67 89
  if (first.startsWith('0') && first.length >= 2 && first.length <= 6) return digits.length >= 8;
  // 1 212 555 0100
  if (first === '1' && NANP.test(digits.slice(1))) return true;
  // 555-0100
  if (groups.length === 2 && first.length === 3 && groups[1]?.length === 4 && separators[0] === '-')
    return /^[2-9]/.test(first);
  if (digits.length < 8 || digits.length > 12) return false;
  if (groups.every((group) => YEAR.test(group))) return false;
  return groups.every(({ length }, index) => length >= 2 && (length <= 5 || index === groups.length - 1));
}

function lengthsOf(groups: readonly string[]): string {
  return groups.map(({ length }) => length).join('.');
}

/** 2026-01-12, 12.01.2026, 1/12/2026. */
function isDate(groups: readonly string[], separators: readonly string[]): boolean {
  if (groups.length !== 3 || separators[0] !== separators[1]) return false;
  const [a = '', b = '', c = ''] = groups;
  const small = (group: string): boolean => group.length <= 2 && Number(group) >= 1 && Number(group) <= 31;
  return small(b) && ((YEAR.test(a) && small(c)) || (small(a) && YEAR.test(c)));
}
