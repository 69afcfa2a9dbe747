/** Words that are text in base64, so that what they hold can be looked at. Pure, linear. */
import type { Span } from './finding.js';

/** A word in base64, and what it says. */
export interface Encoded extends Span {
  decoded: string;
}

/** `john@x.de` in base64 has twelve characters. */
const WORD = /[A-Za-z0-9+/_-]{12,}={0,2}/g;
const SAMPLE = 12;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what texts do not hold
const NO_TEXT = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]/g;

const VALUES = new Uint8Array(128).fill(255);
for (const [index, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  VALUES[character.charCodeAt(0)] = index;
}
VALUES[0x2d] = 62;
VALUES[0x5f] = 63;

/** Finds them. What does not begin like text is something else: a digest, an id, an ordinary word. */
export function findEncoded(text: string): Encoded[] {
  if (text.length < SAMPLE) return [];
  const found: Encoded[] = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (!beginsAsText(word)) continue;
    const decoded = Buffer.from(word, 'base64').toString('utf8');
    if (isText(decoded)) found.push({ start: index, end: index + word.length, decoded });
  }
  return found;
}

/** Nearly all of it; a word may be cut, or in another character set. */
function isText(decoded: string): boolean {
  const broken = decoded.match(NO_TEXT)?.length ?? 0;
  return broken <= 1 + decoded.length / 10;
}

/** Whether the first nine bytes hold no control character. */
function beginsAsText(word: string): boolean {
  for (let index = 0; index < SAMPLE; index += 4) {
    const bits =
      (valueAt(word, index) << 18) |
      (valueAt(word, index + 1) << 12) |
      (valueAt(word, index + 2) << 6) |
      valueAt(word, index + 3);
    if (isControl(bits >> 16) || isControl((bits >> 8) & 0xff) || isControl(bits & 0xff)) return false;
  }
  return true;
}

function valueAt(word: string, index: number): number {
  return VALUES[word.charCodeAt(index)] as number;
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte === 0x7f;
}
