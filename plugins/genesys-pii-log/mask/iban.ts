/** International bank account numbers (ISO 13616): country, length, and the check of ISO 7064 mod 97-10. Pure, linear. */
import type { Finding } from './finding.js';

/** Length by country, of the SWIFT registry. */
const LENGTHS: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BI: 27,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DJ: 27,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FK: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HN: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MN: 20,
  MR: 27,
  MT: 31,
  MU: 30,
  NI: 28,
  NL: 18,
  NO: 15,
  OM: 23,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  RU: 33,
  SA: 24,
  SC: 31,
  SD: 18,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  SO: 23,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
  YE: 30,
};

/** Two letters and two digits at the beginning of a word, or behind the word IBAN. */
const BEGIN = /(?:(?<![0-9a-z])|(?<=iban))[a-z]{2}[ .-]?\d[ .-]?\d/gi;

/** Finds those that are right, with or without spaces. */
export function findIbans(text: string): Finding[] {
  const findings: Finding[] = [];
  BEGIN.lastIndex = 0;
  for (let match = BEGIN.exec(text); match !== null; match = BEGIN.exec(text)) {
    const end = endOfIban(text, match.index);
    // A wrong beginning may cover a right one: "NO DE89 ..."
    if (end === undefined) BEGIN.lastIndex = match.index + 1;
    else {
      findings.push({ start: match.index, end, kind: 'iban' });
      BEGIN.lastIndex = end;
    }
  }
  return findings;
}

/** @returns where it ends; undefined if it is none */
function endOfIban(text: string, start: number): number | undefined {
  const country = text.slice(start, start + 2).toUpperCase();
  const wanted = LENGTHS[country];
  if (wanted === undefined) return undefined;
  let found = '';
  let gap = 0;
  let index = start;
  for (; index < text.length && found.length < wanted; index++) {
    const code = text.charCodeAt(index);
    if (isAlphanumeric(code)) {
      found += text[index];
      gap = 0;
    } else if ((code === 0x20 || code === 0x2d || code === 0x2e || code === 0x2b || code === 0x5f) && gap < 2) gap++;
    else return undefined;
  }
  return found.length === wanted && isChecked(found.toUpperCase()) ? index : undefined;
}

function isChecked(iban: string): boolean {
  let remainder = 0;
  for (let index = 0; index < iban.length; index++) {
    const code = iban.charCodeAt((index + 4) % iban.length);
    remainder = code <= 0x39 ? (remainder * 10 + code - 0x30) % 97 : (remainder * 100 + code - 0x37) % 97;
  }
  return remainder === 1;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
