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
/** What `plainOf` knows. */
const LOOK_ALIKE =
  /[\u00a0\u00ad\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59\u2000-\u206f\u2212\u3000\u3002\ufe52\ufe63\ufe6b\ufeff\uff01-\uff5e]/;

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

/** Decimal digits of other scripts, by the code of their zero. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10];

/** Undefined if there is none. */
function withoutLookAlikes(view: View): View | undefined {
  const { text } = view;
  const origins = new Uint32Array(text.length + 1);
  let changed = false;
  let length = 0;
  const units: string[] = [];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const plain = code < 0x80 ? code : plainOf(code);
    if (plain !== code) changed = true;
    if (plain === 0) continue;
    origins[length++] = originOf(view, index);
    units.push(String.fromCharCode(plain));
  }
  if (!changed) return undefined;
  origins[length] = originOf(view, text.length);
  return { text: units.join(''), origins: origins.subarray(0, length + 1) };
}

/** The ASCII character that a reader takes it for; 0 for one that is not seen; itself if there is none. */
function plainOf(code: number): number {
  if (code === 0xad || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e)) return 0;
  if (code === 0xfeff || (code >= 0x2060 && code <= 0x2064)) return 0;
  if (code === 0xa0 || (code >= 0x2000 && code <= 0x200a) || code === 0x202f || code === 0x205f || code === 0x3000) {
    return 0x20;
  }
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212 || code === 0xfe63) return 0x2d;
  if (code >= 0xff01 && code <= 0xff5e) return code - 0xfee0;
  if (code === 0x2024 || code === 0xfe52 || code === 0x3002) return 0x2e;
  if (code === 0xfe6b) return 0x40;
  const zero = ZEROS.find((first) => code >= first && code <= first + 9);
  return zero === undefined ? code : 0x30 + code - zero;
}

/** Where a character of a view stands in the original. */
export function originOf({ origins }: View, index: number): number {
  return origins === undefined ? index : (origins[index] as number);
}
