/**
 * What stands in the log in a value's place: nothing of it (redact), a keyed hash that is the same for the same person
 * (hash), or its last characters (partial). Pure.
 */
import { createHash, createHmac } from 'node:crypto';
import type { Kind } from './finding.js';

export const REDACTED = '***REDACTED***';
/** What stands in the place of a value that is not looked at. */
export const OMITTED = '***OMITTED***';

/** What a hash says the value was: hashes of different domains cannot be compared. */
export type Domain = Kind | 'text';

/** Makes what stands in a value's place. */
export interface Mask {
  /** @param domain `text` for a value that is masked for its name or place */
  of(value: string, domain: Domain): string;
  /** For what may be a credential: nothing of it is shown, and hashes show only that two are the same. */
  opaque(value: string): string;
  /** Whether values of different domains get different masks, so that what a value is must be known. */
  tellsKinds: boolean;
  /** Whether every value gets the same. */
  isConstant: boolean;
}

/** The key of the hashes. */
export interface HashKey {
  key: Buffer;
  id: string;
}

/** 128 bits: no two values of one log are ever taken for the same. */
const HASH_HEX = 32;
/** Shorter values are masked as a whole. */
const SHORTEST_PARTIAL = 8;
/** No more is ever shown, however long the value is. */
const MOST_SHOWN = 4;

const REDACT: Mask = { of: () => REDACTED, opaque: () => REDACTED, tellsKinds: false, isConstant: true };

/** The mask of a configuration. @param hashKey as it is now; asked for only to hash */
export function createMask(kind: 'redact' | 'hash' | 'partial', hashKey: () => HashKey): Mask {
  if (kind === 'redact') return REDACT;
  if (kind === 'partial') return { of: partial, opaque: () => REDACTED, tellsKinds: false, isConstant: false };
  const of = (value: string, domain: Domain): string => hash(value, domain, hashKey());
  return { of, opaque: (value) => of(value, 'text'), tellsKinds: true, isConstant: false };
}

function hash(value: string, domain: Domain, { key, id }: HashKey): string {
  const digest = createHmac('sha256', key)
    .update(`${domain}\0${normalise(value, domain)}`)
    .digest('hex');
  return `***HASH:${id}:${domain}:${digest.slice(0, HASH_HEX)}***`;
}

/** The one form of a value that is hashed, so that one person has one hash however the value was written. */
export function normalise(value: string, domain: Domain): string {
  const text = value.normalize('NFKC').trim();
  switch (domain) {
    case 'phone':
      return e164(text);
    case 'card':
    case 'ssn':
      return text.replace(/\D/g, '');
    case 'iban':
      return text.replace(/[^0-9a-z]/gi, '').toUpperCase();
    case 'ip':
      return text.includes(':') ? ipv6(text) : text.split('.').map(Number).join('.');
    default:
      return text.toLowerCase();
  }
}

/** Numbers without a country stay as they are, without their separators: which country is meant cannot be known. */
function e164(text: string): string {
  const international = text.replace(/\(0\)/, '');
  const digits = international.replace(/\D/g, '');
  if (international.includes('+')) return `+${digits}`;
  if (digits.startsWith('00')) return `+${digits.slice(2)}`;
  if (/^1?[2-9]\d{2}[2-9]\d{6}$/.test(digits)) return `+${digits.length === 10 ? '1' : ''}${digits}`;
  return digits;
}

function ipv6(text: string): string {
  const url = `http://[${text.replace(/%.*$/s, '')}]`;
  return URL.canParse(url) ? new URL(url).hostname : text.toLowerCase();
}

/** The last letters and digits, at most a quarter of them. */
function partial(value: string, domain: Domain): string {
  if (domain === 'email' || value.normalize('NFKC').includes('@')) return REDACTED;
  const visible = Array.from(value).filter((character) => /[\p{L}\p{N}]/u.test(character));
  if (visible.length < SHORTEST_PARTIAL) return REDACTED;
  const shown = Math.min(MOST_SHOWN, Math.floor(visible.length / 4));
  return `***${visible.slice(-shown).join('')}`;
}

/** A name for a key that tells nothing of it. */
export function keyIdOf(key: Buffer): string {
  return createHash('sha256').update('genesys-pii-log key id\0').update(key).digest('hex').slice(0, 8);
}
