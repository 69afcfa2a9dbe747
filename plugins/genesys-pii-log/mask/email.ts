/** E-mail addresses, and the SIP addresses that look alike. Pure, linear. */
import type { Finding } from './finding.js';

/** The longest path of RFC 5321 4.5.3.1.3. */
const MAX_PART = 255;
const AT = 0x40;

/** Finds them, each with as much around the @ as can belong to it. */
export function findEmails(text: string): Finding[] {
  const findings: Finding[] = [];
  let floor = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const start = startOfLocalPart(text, at, floor);
    const end = endOfDomain(text, at);
    if (start < at && isDomain(text.slice(at + 1, end))) {
      findings.push({ start, end, kind: 'email' });
      floor = end;
    } else floor = at + 1;
  }
  return findings;
}

function startOfLocalPart(text: string, at: number, floor: number): number {
  const lowest = Math.max(floor, at - MAX_PART);
  if (text[at - 1] === '"') {
    const quote = text.lastIndexOf('"', at - 2);
    if (quote >= lowest) return quote;
  }
  let start = at;
  while (start > lowest && isLocal(text.charCodeAt(start - 1))) start--;
  // The names of parameters of a URL, and the values before, are no part of an address that is one's value.
  const local = text.slice(start, at);
  const mark = Math.max(local.lastIndexOf('?'), local.lastIndexOf('&'));
  const equals = mark === -1 ? -1 : local.indexOf('=', mark);
  return start + equals + 1;
}

function endOfDomain(text: string, at: number): number {
  const highest = Math.min(text.length, at + 1 + MAX_PART);
  let end = at + 1;
  if (text[end] === '[') {
    // Not in the whole text: there may be as many @[ as it has room for.
    const bracket = text.slice(end, highest).indexOf(']');
    return bracket !== -1 ? end + bracket + 1 : end;
  }
  while (end < highest && isDomainCharacter(text.charCodeAt(end))) end++;
  while (end > at + 1 && (text[end - 1] === '.' || text[end - 1] === '-')) end--;
  return end;
}

/** A name, also one without a dot; not a version (`package@1.2.3`). */
function isDomain(domain: string): boolean {
  if (domain.startsWith('[')) return domain.length > 2;
  return domain.length >= 1 && !/^[\d.]+$/.test(domain);
}

/** RFC 5322's atext and dots, and letters of other alphabets; without the slash, which keeps apart the segments of a path. */
function isLocal(code: number): boolean {
  if (code >= 0x80) return isWide(code);
  return (
    isDomainCharacter(code) ||
    code === 0x21 ||
    (code >= 0x23 && code <= 0x27) || // # $ % & '
    code === 0x2a ||
    code === 0x2b ||
    code === 0x3d ||
    code === 0x3f ||
    code === 0x5e ||
    code === 0x60 ||
    (code >= 0x7b && code <= 0x7e)
  );
}

function isDomainCharacter(code: number): boolean {
  if (code >= 0x80) return isWide(code);
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  );
}

/** Beyond ASCII everything but spaces and the punctuation of general use and of East Asia. */
function isWide(code: number): boolean {
  return code !== AT && code > 0xa0 && !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x303f);
}
