/** For tests: personal data that exists nowhere else, of every kind, and the ways in which a reader can undo an encoding. */
import { createRandom, type Random } from '../../../kong/testbed/genesys-cloud/data/random.js';
import type { Kind } from '../mask/finding.js';

export { createRandom, type Random };

/** A planted value. */
export interface Secret {
  kind: Kind;
  text: string;
}

const digits = (random: Random, count: number): string =>
  Array.from({ length: count }, () => String(random.int(0, 9))).join('');

function luhn(body: string): string {
  let sum = 0;
  for (let index = body.length - 1, double = true; index >= 0; index--, double = !double) {
    const digit = Number(body[index]);
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return body + String((10 - (sum % 10)) % 10);
}

function iban(country: string, bban: string): string {
  const numeric = `${bban}${country}00`.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  const check = 98n - (BigInt(numeric) % 97n);
  return `${country}${String(check).padStart(2, '0')}${bban}`;
}

const grouped = (text: string, size: number, separator: string): string =>
  (text.match(new RegExp(`.{1,${size}}`, 'g')) ?? []).join(separator);

const MAKERS: Record<Kind, (random: Random) => string> = {
  email: (random) =>
    `${random.pick(['jo', 'anna.b', 'x_y+tag', "o'hara"])}${digits(random, 6)}@mail${digits(random, 3)}.example.com`,
  phone: (random) => {
    const area = `${random.int(2, 9)}${digits(random, 2)}`;
    const exchange = `${random.int(2, 9)}${digits(random, 2)}`;
    const line = digits(random, 4);
    return random.pick([
      () => `+49${random.int(1, 9)}${digits(random, 9)}`,
      () => `+44 20 ${digits(random, 4)} ${digits(random, 4)}`,
      () => `0049 30 ${digits(random, 7)}`,
      () => `+1 ${area}-${exchange}-${line}`,
      () => `(${area}) ${exchange}-${line}`,
      () => `${area}-${exchange}-${line}`,
      () => `${area}.${exchange}.${line}`,
      () => `1${area}${exchange}${line}`,
      () => `${area}${exchange}${line}`,
      () => `0${random.int(1, 9)}0 ${digits(random, 7)}`,
      () => `01 ${grouped(digits(random, 8), 2, ' ')}`,
      () => `0171/${digits(random, 7)}`,
      () => `0151${digits(random, 8)}`,
    ])();
  },
  card: (random) => {
    const number = random.pick([
      () => luhn(`4${digits(random, 14)}`),
      () => luhn(`5${random.int(1, 5)}${digits(random, 13)}`),
      () => luhn(`37${digits(random, 12)}`),
      () => luhn(`6011${digits(random, 11)}`),
    ])();
    return random.pick([() => number, () => grouped(number, 4, ' '), () => grouped(number, 4, '-')])();
  },
  ssn: (random) => `${random.int(100, 599)}-${random.int(10, 99)}-${random.int(1000, 9999)}`,
  iban: (random) => {
    const value = random.pick([
      () => iban('DE', digits(random, 18)),
      () => iban('GB', `WEST${digits(random, 14)}`),
      () => iban('NL', `ABNA${digits(random, 10)}`),
      () => iban('NO', digits(random, 11)),
    ])();
    return random.pick([() => value, () => grouped(value, 4, ' '), () => value.toLowerCase()])();
  },
  ip: (random) =>
    random.pick([
      () => `${random.int(1, 120)}.${random.int(1, 254)}.${random.int(0, 255)}.${random.int(1, 254)}`,
      () => `2001:db8:${random.int(0x1000, 0xffff).toString(16)}::${random.int(0x1000, 0xffff).toString(16)}`,
      () => `fe80::${random.int(0x1000, 0xffff).toString(16)}:${random.int(0x1000, 0xffff).toString(16)}`,
    ])(),
};

/** A value of a kind. */
export function makeSecret(random: Random, kind?: Kind): Secret {
  const chosen = kind ?? random.pick(['email', 'phone', 'card', 'ssn', 'iban', 'ip']);
  return { kind: chosen, text: MAKERS[chosen](random) };
}

/** Ways to write a text that a reader can undo. */
export const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => encodeURIComponent(text),
  (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  (text) => encodeURIComponent(encodeURIComponent(text)),
  (text) => [...text].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  (text) => [...text].map((unit) => `&#${unit.charCodeAt(0)};`).join(''),
];

/**
 * Everything that a reader can make of an output: its escapes undone layer by layer, and its words in base64.
 * Written apart from the code that is tested.
 */
export function readings(output: string): string[] {
  const all = [output];
  let current = output;
  for (let layer = 0; layer < 4; layer++) {
    current = current
      .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
      .replace(/\\+u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\+x([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\+(["\\/])/g, '$1')
      .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
    all.push(current);
  }
  for (const word of current.match(/[A-Za-z0-9+/_-]{8,}={0,2}/g) ?? []) {
    all.push(Buffer.from(word, 'base64').toString('utf8'));
  }
  return all;
}

/** The secrets of a list that a reader of an output can find. */
export function leaked(output: string, secrets: readonly string[]): string[] {
  const read = [...new Set(readings(output))];
  const text = [...read, ...read.map((reading) => reading.replace(/\+/g, ' '))].join('\n');
  // Of an address its name is enough; of a number all but its last four digits.
  const telling = (secret: string): string => {
    const at = secret.indexOf('@');
    return at > 0 ? secret.slice(0, at) : secret;
  };
  const needles = secrets.flatMap((secret) =>
    [...new Set([telling(secret), telling(secret).replace(/\+/g, ' ')])].map((needle) => ({ secret, needle })),
  );
  const found = needles.length < FEW ? needles.filter(({ needle }) => text.includes(needle)) : findMany(text, needles);
  const leaks = new Set(found.map(({ secret }) => secret));
  return secrets.filter((secret) => leaks.has(secret));
}

/** Up to so many are looked for one by one. */
const FEW = 50;
/** Of many, those are compared that begin like what stands at a place. */
const BEGINNING = 5;

function findMany<T extends { needle: string }>(text: string, needles: readonly T[]): T[] {
  const byBeginning = new Map<string, T[]>();
  for (const each of needles) {
    const beginning = each.needle.slice(0, BEGINNING);
    byBeginning.set(beginning, [...(byBeginning.get(beginning) ?? []), each]);
  }
  const found = new Set<T>();
  for (let at = 0; at < text.length; at++) {
    for (const each of byBeginning.get(text.slice(at, at + BEGINNING)) ?? []) {
      if (text.startsWith(each.needle, at)) found.add(each);
    }
  }
  return [...found];
}
