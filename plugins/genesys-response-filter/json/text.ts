/**
 * A strict reader of JSON text (RFC 8259) in bytes. It builds nothing. It finds the end of a value, or a fault. The
 * loops here see every byte of every body, so they call no function per byte and create no garbage.
 *
 * UTF-8 is checked elsewhere, once for the whole body (`isUtf8`), which is much faster.
 */
import { BodyFault } from './body-fault.js';

/** Deeper nesting is refused, since a stack needs a limit. Genesys' answers have some ten levels. */
export const MAX_DEPTH = 512;

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

const BACKSLASH = 0x5c;
const SPACE = 0x20;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const LETTER_U = 0x75;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Makes the fault of a text that is not JSON at a place. It contains nothing of the text. */
export function notJson(at: number): BodyFault {
  return new BodyFault(`not JSON at byte ${at}`);
}

/** A text, with a view to read four bytes at a time. */
export interface JsonText {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export function jsonText(bytes: Buffer): JsonText {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** Returns the byte at `at`; 0 after the end, which JSON never has. Loads out of bounds would slow down all loads. */
export function byteAt(bytes: Buffer, at: number): number {
  return at < bytes.length ? (bytes[at] as number) : 0;
}

/** Returns the first place from `at` on that is not white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (i < bytes.length) {
    const byte = bytes[i] as number;
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    i += 1;
  }
  return i;
}

/** @param at after the opening quote @returns the place after the closing one */
export function skipString(text: JsonText, at: number): number {
  const { bytes } = text;
  let i = at;
  for (;;) {
    i = skipPlain(text, i);
    const byte = byteAt(bytes, i);
    if (byte === QUOTE) return i + 1;
    if (byte !== BACKSLASH) throw notJson(i);
    i = skipEscape(bytes, i + 1);
  }
}

/**
 * Skips a key. Most keys need no decoding.
 * @param at after the opening quote
 * @returns the place after the closing one; negative if the key has escapes
 */
export function skipKey(text: JsonText, at: number): number {
  const i = skipPlain(text, at);
  const byte = byteAt(text.bytes, i);
  if (byte === QUOTE) return i + 1;
  if (byte !== BACKSLASH) throw notJson(i);
  return -skipString(text, i);
}

/** Returns the first place from `at` on with a quote, a backslash, a control character or the end. */
function skipPlain({ bytes, view }: JsonText, at: number): number {
  const { length } = bytes;
  let i = at;
  // Four bytes at a time: (x - 0x01...) & ~x has a high bit set if a byte of x is 0. The lowest is that byte's.
  while (i + 4 <= length) {
    const word = view.getInt32(i, true);
    const quotes = word ^ 0x22222222;
    const backslashes = word ^ 0x5c5c5c5c;
    const found =
      (((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes) |
        ((word - 0x20202020) & ~word)) &
      0x80808080;
    if (found !== 0) return i + ((31 - Math.clz32(found & -found)) >> 3);
    i += 4;
  }
  while (i < length) {
    const byte = bytes[i] as number;
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) break;
    i += 1;
  }
  return i;
}

function skipEscape(bytes: Buffer, at: number): number {
  const byte = byteAt(bytes, at);
  if (byte === LETTER_U) {
    for (let i = at + 1; i <= at + 4; i += 1) if (!isHexDigit(byteAt(bytes, i))) throw notJson(i);
    return at + 5;
  }
  // " \ / b f n r t
  if (byte === QUOTE || byte === BACKSLASH || byte === 0x2f || byte === 0x62) return at + 1;
  if (byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74) return at + 1;
  throw notJson(at);
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= ZERO && byte <= NINE) || (letter >= 0x61 && letter <= 0x66);
}

/** Whether the value at each open level is an object. All calls share it, since skipping never yields. */
const isObjectAt = new Uint8Array(MAX_DEPTH + 1);

/**
 * Skips a value.
 * @param at the first byte of the value
 * @param depth the number of arrays and objects around it
 * @returns the place after the value
 */
export function skipValue(text: JsonText, at: number, depth: number): number {
  const { bytes } = text;
  let level = depth;
  let i = at;
  for (;;) {
    const first = byteAt(bytes, i);
    if (first === QUOTE) i = skipString(text, i + 1);
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      const isObject = first === OPEN_OBJECT;
      level += 1;
      if (level > MAX_DEPTH) throw tooDeep();
      isObjectAt[level] = isObject ? 1 : 0;
      i = skipSpaceQuickly(bytes, i + 1);
      if (byteAt(bytes, i) === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        i += 1;
        level -= 1;
      } else {
        if (isObject) i = skipKeyAndColon(text, i);
        continue;
      }
    } else i = skipScalar(bytes, i, first);

    // After a value: reads what follows, in each array and object that ends here.
    for (;;) {
      if (level === depth) return i;
      const isObject = isObjectAt[level] === 1;
      i = skipSpaceQuickly(bytes, i);
      const byte = byteAt(bytes, i);
      if (byte === COMMA) {
        i = skipSpaceQuickly(bytes, i + 1);
        if (isObject) i = skipKeyAndColon(text, i);
        break;
      }
      if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) throw notJson(i);
      i += 1;
      level -= 1;
    }
  }
}

export function tooDeep(): BodyFault {
  return new BodyFault(`nested deeper than ${MAX_DEPTH} levels`);
}

/** Skips white space, which is rare: most bodies are compact. */
function skipSpaceQuickly(bytes: Buffer, at: number): number {
  return at < bytes.length && (bytes[at] as number) <= SPACE ? skipSpace(bytes, at) : at;
}

/** @returns the first byte of the member's value */
function skipKeyAndColon(text: JsonText, at: number): number {
  const { bytes } = text;
  if (byteAt(bytes, at) !== QUOTE) throw notJson(at);
  const i = skipSpaceQuickly(bytes, skipString(text, at + 1));
  if (byteAt(bytes, i) !== COLON) throw notJson(i);
  return skipSpaceQuickly(bytes, i + 1);
}

function skipScalar(bytes: Buffer, at: number, first: number): number {
  if (first === MINUS || (first >= ZERO && first <= NINE)) return skipNumber(bytes, at);
  if (first === LETTER_T) return skipWord(bytes, at, TRUE);
  if (first === LETTER_F) return skipWord(bytes, at, FALSE);
  if (first === LETTER_N) return skipWord(bytes, at, NULL);
  throw notJson(at);
}

function skipWord(bytes: Buffer, at: number, word: Buffer): number {
  for (let i = 1; i < word.length; i += 1) if (byteAt(bytes, at + i) !== word[i]) throw notJson(at + i);
  return at + word.length;
}

function skipNumber(bytes: Buffer, at: number): number {
  let i = byteAt(bytes, at) === MINUS ? at + 1 : at;
  i = byteAt(bytes, i) === ZERO ? i + 1 : skipDigits(bytes, i);
  if (byteAt(bytes, i) === DOT) i = skipDigits(bytes, i + 1);
  if ((byteAt(bytes, i) | 0x20) === 0x65) {
    const sign = byteAt(bytes, i + 1);
    i = skipDigits(bytes, sign === MINUS || sign === 0x2b ? i + 2 : i + 1);
  }
  return i;
}

/** Skips at least one digit. */
function skipDigits(bytes: Buffer, at: number): number {
  let i = at;
  while (i < bytes.length && (bytes[i] as number) >= ZERO && (bytes[i] as number) <= NINE) i += 1;
  if (i === at) throw notJson(i);
  return i;
}
