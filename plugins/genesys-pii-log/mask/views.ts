/**
 * What a reader could make of a text: percent escapes, escapes of JSON and HTML, look-alikes of ASCII undone, layer by
 * layer. Detectors look at every layer, and what they find there is masked in the text itself. Pure, linear.
 */

/** A text as a reader may decode it. */
export interface View {
  text: string;
  /** Where each character came from, and at the end the length of the original; undefined: from its own place. */
  origins: Uint32Array | undefined;
}

/** Layers of escapes that are undone; a text with more of them cannot be proven clean. */
const MAX_LAYERS = 4;

const ESCAPE =
  /%[0-9a-f]{2}|(?<!\\)\\+(?:u[0-9a-f]{4}|x[0-9a-f]{2}|[nrt"\\/])|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|commat|period|plus|nbsp|quot|lt|gt|colon|hyphen|lpar|rpar|sol);?/gi;
const MAY_ESCAPE = /%[0-9a-f]{2}|\\|&[#a-z]/i;
/** What `withoutLookAlikes` knows; of what is beyond U+FFFF the first halves. */
const LOOK_ALIKE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: single code units, in whatever company
  /[\u00a0\u00ad\u00b2\u00b3\u00b7\u00b9\u034f\u061c\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u0def\u0e50-\u0e59\u0ed0-\u0ed9\u0f20-\u0f29\u1040-\u1049\u1090-\u1099\u17e0-\u17e9\u180b-\u1819\u1946-\u194f\u19d0-\u19d9\u1a80-\u1a99\u1b50-\u1b59\u1bb0-\u1bb9\u1c40-\u1c59\u2000-\u2089\u20e3\u2212\u2460-\u247c\u24ea\u2776-\u2792\u3000\u3002\u30fb\u30fc\ua620-\ua629\ua8d0-\ua8d9\ua900-\ua909\ua9d0-\ua9f9\uaa50-\uaa59\uabf0-\uabf9\ufe00-\ufe0f\ufe52\ufe63\ufe6b\ufeff\uff01-\uff5e\uff70\ud835\ud83e]/;

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  commat: '@',
  period: '.',
  plus: '+',
  nbsp: ' ',
  quot: '"',
  lt: '<',
  gt: '>',
  colon: ':',
  hyphen: '-',
  lpar: '(',
  rpar: ')',
  sol: '/',
};

/**
 * The layers beneath a text, without the text itself.
 * @returns undefined if there are more than can be looked at
 */
export function viewsBeneath(text: string): View[] | undefined {
  const views: View[] = [];
  let view: View = { text, origins: undefined };
  for (let layer = 0; ; layer++) {
    const plain = LOOK_ALIKE.test(view.text) ? withoutLookAlikes(view) : undefined;
    if (plain !== undefined) views.push(plain);
    const next = MAY_ESCAPE.test(view.text) ? unescaped(plain ?? view) : undefined;
    if (next === undefined) return views;
    if (layer === MAX_LAYERS) return undefined;
    views.push(next);
    view = next;
  }
}

/** Undefined if there is no escape in it. */
function unescaped(view: View): View | undefined {
  const { text } = view;
  const origins = new Uint32Array(text.length + 1);
  const parts: string[] = [];
  let length = 0;
  let from = 0;
  const copy = (to: number): void => {
    if (to <= from) return;
    for (let index = from; index < to; index++) origins[length++] = originOf(view, index);
    parts.push(text.slice(from, to));
  };
  let bytes: number[] = [];
  let bytesStart = 0;
  const flushBytes = (): void => {
    if (bytes.length === 0) return;
    for (let byte = 0; byte < bytes.length; ) {
      const size = sequenceSize(bytes, byte);
      const decoded = Buffer.from(bytes.slice(byte, byte + size)).toString('utf8');
      for (let unit = 0; unit < decoded.length; unit++) origins[length++] = originOf(view, bytesStart + 3 * byte);
      parts.push(decoded);
      byte += size;
    }
    bytes = [];
  };
  for (const { 0: found, index } of text.matchAll(ESCAPE)) {
    if (bytes.length > 0 && index !== from) flushBytes();
    copy(index);
    from = index + found.length;
    if (found[0] === '%') {
      if (bytes.length === 0) bytesStart = index;
      bytes.push(Number.parseInt(found.slice(1), 16));
      continue;
    }
    flushBytes();
    const decoded = decodeEscape(found);
    for (let unit = 0; unit < decoded.length; unit++) origins[length++] = originOf(view, index);
    parts.push(decoded);
  }
  if (from === 0) return undefined;
  flushBytes();
  copy(text.length);
  origins[length] = originOf(view, text.length);
  return { text: parts.join(''), origins: origins.subarray(0, length + 1) };
}

/** How many bytes the character at a place of UTF-8 has; 1 if it is broken. */
function sequenceSize(bytes: readonly number[], index: number): number {
  const lead = bytes[index] as number;
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  for (let next = 1; next < size; next++) if (((bytes[index + next] ?? 0) & 0xc0) !== 0x80) return 1;
  return size;
}

function decodeEscape(found: string): string {
  if (found[0] === '\\') {
    const body = found.replace(/^\\+/, '');
    if (/^[ux]/i.test(body) && body.length > 1) return String.fromCharCode(Number.parseInt(body.slice(1), 16));
    if (/^[nrt]$/.test(body)) return ' ';
    // Of a chain of backslashes one is left, unless a quote or slash ends it.
    return body === '' ? '' : body;
  }
  const name = found.slice(1).replace(/;$/, '');
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  if (name[0] !== '#') return NAMED[name.toLowerCase()] ?? '';
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
}

/** Of each row of digits (Unicode's Nd below U+10000, and what NFKC makes digits of) its first code, and the digit that it is. */
const ROWS: readonly (readonly [code: number, digit: number, count: number])[] = [
  ...[
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50,
    0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0x2080, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
  ].map((zero) => [zero, 0, 10] as const),
  [0xb2, 2, 2],
  [0xb9, 1, 1],
  [0x2070, 0, 1],
  [0x2074, 4, 6],
  [0x24ea, 0, 1],
  ...[0x2460, 0x2474, 0x2776, 0x2780, 0x278a].map((one) => [one, 1, 9] as const),
];
const DIGITS = new Map(
  ROWS.flatMap(([code, digit, count]) =>
    Array.from({ length: count }, (_, i) => [code + i, 0x30 + digit + i] as const),
  ),
);

/** The digit that two halves of a character beyond U+FFFF are: mathematical, or of seven segments; 0 if they are none. */
function astralDigit(high: number, low: number): number {
  if (high === 0xd835 && low >= 0xdfce) return 0x30 + ((low - 0xdfce) % 10);
  return high === 0xd83e && low >= 0xdff0 && low <= 0xdff9 ? 0x30 + low - 0xdff0 : 0;
}

/** Undefined if there is none. */
function withoutLookAlikes(view: View): View | undefined {
  const { text } = view;
  const origins = new Uint32Array(text.length + 1);
  let changed = false;
  let length = 0;
  const units: string[] = [];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const isHigh = code === 0xd835 || code === 0xd83e;
    const digit = isHigh ? astralDigit(code, text.charCodeAt(index + 1)) : 0;
    const plain = digit !== 0 ? digit : code < 0x80 ? code : plainOf(code);
    if (plain !== code) changed = true;
    if (plain === 0) continue;
    origins[length++] = originOf(view, index);
    units.push(String.fromCharCode(plain));
    if (digit !== 0) index++;
  }
  if (!changed) return undefined;
  origins[length] = originOf(view, text.length);
  return { text: units.join(''), origins: origins.subarray(0, length + 1) };
}

/** The ASCII character that a reader takes it for; 0 for one that is not seen; itself if there is none. */
function plainOf(code: number): number {
  if (code === 0xad || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e)) return 0;
  if (code === 0xfeff || (code >= 0x2060 && code <= 0x206f) || (code >= 0xfe00 && code <= 0xfe0f)) return 0;
  if (code === 0x034f || code === 0x061c || code === 0x20e3 || (code >= 0x180b && code <= 0x180f)) return 0;
  if (
    code === 0xa0 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  ) {
    return 0x20;
  }
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212 || code === 0xfe63) return 0x2d;
  // The long vowel, which stands for a hyphen in Japanese numbers.
  if (code === 0x30fc || code === 0xff70) return 0x2d;
  const digit = DIGITS.get(code);
  if (digit !== undefined) return digit;
  if (code >= 0xff01 && code <= 0xff5e) return code - 0xfee0;
  if (code === 0x2024 || code === 0xfe52 || code === 0x3002 || isMiddleDot(code)) return 0x2e;
  if (code === 0xfe6b) return 0x40;
  return code;
}

function isMiddleDot(code: number): boolean {
  return code === 0xb7 || code === 0x2022 || code === 0x2027 || code === 0x30fb;
}

/** Where a character of a view stands in the original. */
export function originOf({ origins }: View, index: number): number {
  return origins === undefined ? index : (origins[index] as number);
}
