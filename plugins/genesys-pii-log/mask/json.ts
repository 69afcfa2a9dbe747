/**
 * Masks a JSON text while reading it, from its beginning to where enough has been put out: a body of 10 MB costs no more
 * than what is logged of it, digits of any number stay exact, and the work can be done in slices. What comes out is JSON,
 * with its structure, names and order, and without white space.
 */

import { type MaskedBeginning, maskBeginning } from './beginning.js';
import { type FieldRule, normaliseName } from './fields.js';
import type { Kind } from './finding.js';
import { findTextHits } from './labels.js';
import { OMITTED, REDACTED } from './masks.js';
import { type Arrival, pointerTo, type Trail } from './paths.js';
import type { Masking, Rules } from './rules.js';
import { Tally } from './tally.js';
import { applyPatterns, domainOf, findHits, type Hit, maskOfHit } from './text.js';

/** Deeper values are not shown. */
const MAX_DEPTH = 64;
/** Texts of JSON within texts of JSON are read so deep. */
const MAX_NESTING = 3;

/** A container that is being read. */
interface Frame {
  isObject: boolean;
  /** Of the next element. */
  index: number;
  empty: boolean;
  /** All values in it are masked by this rule. */
  rule: ValueRule | undefined;
  trail: Trail;
  pointer: string;
}

/** Why a value is masked whatever it is. */
type ValueRule = { rule: string; credential: boolean };

/** What a key says, as often as it comes. */
interface KnownKey {
  name: string;
  /** As it is put out. */
  json: string;
  rule: ValueRule | undefined;
  /** Numbers with dots under it are versions. */
  isVersion: boolean;
}

export type JsonResult = 'going on' | 'done' | 'full' | 'cut' | 'invalid';

export interface JsonMaskerOptions {
  /** Stops when so many characters have been put out. */
  maxOutput: number;
  /** Whether the text is only the beginning of the document. */
  isCut: boolean;
  /** What JSONPaths lead to. */
  pointers?: ReadonlyMap<string, string>;
  /** Within how many texts this one stands. */
  nesting?: number;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what JSON does not allow in a string
const PLAIN = /[^"\\\x00-\x1f]*/y;
const MAX_KNOWN_KEYS = 2000;
/** Longer names do not come again. */
const MAX_KNOWN_KEY = 64;

/** Keys of the documents of a configuration: the same few, again and again. */
const KNOWN_KEYS = new WeakMap<Rules, Map<string, KnownKey>>();

function knownKeys(rules: Rules): Map<string, KnownKey> {
  let keys = KNOWN_KEYS.get(rules);
  if (keys === undefined) {
    keys = new Map();
    KNOWN_KEYS.set(rules, keys);
  } else if (keys.size >= MAX_KNOWN_KEYS) keys.clear();
  return keys;
}

export class JsonMasker {
  readonly #text: string;
  readonly #masking: Masking;
  readonly #options: JsonMaskerOptions;
  readonly #parts: string[] = [];
  readonly #stack: Frame[] = [];
  readonly #keys: Map<string, KnownKey>;
  readonly #kindsOfVersion: ReadonlySet<Kind>;
  /** The stretch of the text that is put out next, as it is: most of a document is. */
  #keptFrom = 0;
  #keptTo = 0;
  #length = 0;
  #index = 0;
  /** Whether the first document is no container. */
  #beganAsScalar = false;

  constructor(text: string, masking: Masking, options: JsonMaskerOptions) {
    this.#text = text;
    this.#masking = masking;
    this.#options = options;
    this.#keys = knownKeys(masking.rules);
    this.#kindsOfVersion = new Set([...masking.rules.kinds].filter((kind) => kind !== 'ip'));
  }

  /** What has been put out. */
  get output(): string {
    this.#flush();
    return this.#parts.join('');
  }

  /**
   * Goes on for about so many characters of the text.
   * `full`: enough has been put out; `cut`: the text ended before the document.
   */
  run(characters: number): JsonResult {
    const until = this.#index + characters;
    try {
      while (this.#index < until) {
        if (this.#length >= this.#options.maxOutput) return 'full';
        if (!this.#step()) return 'done';
      }
      return this.#length >= this.#options.maxOutput ? 'full' : 'going on';
    } catch (error) {
      if (error instanceof UnexpectedEnd && this.#options.isCut) return 'cut';
      if (error instanceof SyntaxFault || error instanceof UnexpectedEnd) return 'invalid';
      throw error;
    }
  }

  /** Reads one value or the end of a container; false at the end of the text. */
  #step(): boolean {
    this.#skipSpace();
    const frame = this.#stack.at(-1);
    if (frame === undefined) {
      // Several documents one after the other are lines of JSON.
      if (this.#index >= this.#text.length) {
        if (this.#length === 0 || this.#options.isCut) throw new UnexpectedEnd();
        return false;
      }
      // Lines of JSON hold objects and lists. Were they scalars, the groups of a telephone number would be documents.
      const isScalar = !/[[{]/.test(this.#peek());
      if (this.#length > 0) {
        if (isScalar || this.#beganAsScalar) throw new SyntaxFault();
        this.#put('\n');
      }
      this.#beganAsScalar = isScalar;
      this.#value(undefined, { hit: undefined, trail: this.#masking.rules.paths.start }, '', undefined);
      return true;
    }
    const character = this.#peek();
    if (character === (frame.isObject ? '}' : ']')) {
      this.#index++;
      this.#keep(this.#index - 1);
      this.#stack.pop();
      return true;
    }
    if (!frame.empty) {
      this.#expect(',');
      this.#keep(this.#index - 1);
      this.#skipSpace();
    }
    frame.empty = false;
    if (frame.isObject) this.#member(frame);
    else {
      const index = frame.index++;
      this.#value(frame.rule, this.#arrive(frame, index), this.#pointer(frame, index), undefined);
    }
    return true;
  }

  #member(frame: Frame): void {
    if (this.#peek() !== '"') throw new SyntaxFault();
    const start = this.#index;
    const token = this.#stringToken();
    const key = this.#key(token);
    if (key.json === token) this.#keep(start);
    else this.#put(key.json);
    this.#skipSpace();
    this.#expect(':');
    this.#keep(this.#index - 1);
    this.#skipSpace();
    // What is nearer says more: a password in the attributes of a contact is a credential.
    const rule = key.rule?.credential ? key.rule : (frame.rule ?? key.rule);
    this.#value(rule, this.#arrive(frame, key.name), this.#pointer(frame, key.name), key);
  }

  #value(inherited: ValueRule | undefined, { hit, trail }: Arrival, pointer: string, key: KnownKey | undefined): void {
    const path = hit ?? this.#options.pointers?.get(pointer);
    const rule = inherited ?? (path === undefined ? undefined : { rule: `path:${path}`, credential: false });
    const character = this.#peek();
    switch (character) {
      case '{':
      case '[':
        if (this.#stack.length >= MAX_DEPTH) {
          this.#skipContainer();
          this.#masking.tally.add('depth');
          this.#put(JSON.stringify(OMITTED));
          return;
        }
        this.#index++;
        this.#keep(this.#index - 1);
        this.#stack.push({ isObject: character === '{', index: 0, empty: true, rule, trail, pointer });
        return;
      case '"':
        this.#string(rule, key);
        return;
      case 't':
        this.#word('true', rule);
        return;
      case 'f':
        this.#word('false', rule);
        return;
      case 'n':
        this.#literal('null');
        this.#keep(this.#index - 4);
        return;
      default:
        this.#number(rule);
    }
  }

  #string(rule: ValueRule | undefined, key: KnownKey | undefined): void {
    const start = this.#index;
    const token = this.#stringToken();
    // What is not there tells nothing of anyone.
    if (token.length === 2) {
      this.#keep(start);
      return;
    }
    const text = unquoted(token);
    if (rule !== undefined) {
      this.#put(JSON.stringify(this.#maskedByRule(text, rule)));
      return;
    }
    const room = this.#options.maxOutput - this.#length;
    const masked = maskJsonString(text, this.#maskingOf(key), this.#options.nesting ?? 0, room);
    if (masked.text === text) this.#keep(start);
    else this.#put(JSON.stringify(masked.text));
    // What follows would stand behind a gap.
    if (masked.isCut) this.#length = Number.POSITIVE_INFINITY;
  }

  #maskingOf(key: KnownKey | undefined): Masking {
    if (!key?.isVersion) return this.#masking;
    const { rules } = this.#masking;
    return { ...this.#masking, rules: { ...rules, kinds: this.#kindsOfVersion } };
  }

  #number(rule: ValueRule | undefined): void {
    NUMBER.lastIndex = this.#index;
    const token = NUMBER.exec(this.#text)?.[0];
    if (token === undefined) throw this.#index >= this.#text.length ? new UnexpectedEnd() : new SyntaxFault();
    this.#index += token.length;
    // Its digits may go on beyond the cut.
    if (this.#index >= this.#text.length && this.#options.isCut) throw new UnexpectedEnd();
    if (rule !== undefined) this.#put(JSON.stringify(this.#maskedByRule(token, rule)));
    else {
      const masked = maskNumber(token, this.#masking);
      if (masked === token) this.#keep(this.#index - token.length);
      else this.#put(JSON.stringify(masked));
    }
  }

  #word(word: 'true' | 'false', rule: ValueRule | undefined): void {
    this.#literal(word);
    if (rule === undefined) this.#keep(this.#index - word.length);
    else this.#put(JSON.stringify(this.#maskedByRule(word, rule)));
  }

  #maskedByRule(value: string, { rule, credential }: ValueRule): string {
    this.#masking.tally.add(rule);
    return credential ? REDACTED : maskWhole(value, this.#masking);
  }

  #key(token: string): KnownKey {
    const known = this.#keys.get(token);
    if (known !== undefined) return known;
    const name = unquoted(token);
    const fieldRule = this.#masking.rules.fields.ruleOf(name);
    const { text: masked } = maskJsonString(name, this.#masking, MAX_NESTING, name.length);
    const key: KnownKey = {
      name,
      json: masked === name ? token : JSON.stringify(masked),
      rule: fieldRule && valueRuleOf(fieldRule),
      isVersion: /version$/.test(normaliseName(name.slice(-32))),
    };
    // A name that is masked is counted each time.
    if (masked === name && token.length <= MAX_KNOWN_KEY && this.#keys.size < MAX_KNOWN_KEYS)
      this.#keys.set(token, key);
    return key;
  }

  #arrive(frame: Frame, key: string | number): Arrival {
    return this.#masking.rules.paths.step(frame.trail, key);
  }

  #pointer(frame: Frame, key: string | number): string {
    return this.#options.pointers === undefined ? '' : pointerTo(frame.pointer, key);
  }

  /** A string with its quotes. */
  #stringToken(): string {
    const start = this.#index++;
    for (;;) {
      PLAIN.lastIndex = this.#index;
      PLAIN.test(this.#text);
      this.#index = PLAIN.lastIndex;
      const character = this.#peek();
      if (character === '"') {
        this.#index++;
        return this.#text.slice(start, this.#index);
      }
      if (character !== '\\') throw new SyntaxFault();
      this.#index++;
      this.#peek();
      this.#index++;
    }
  }

  /** Goes behind a container, without a look at what is in it. */
  #skipContainer(): void {
    for (let depth = 0; ; ) {
      const character = this.#peek();
      if (character === '"') {
        this.#stringToken();
        continue;
      }
      this.#index++;
      if (character === '{' || character === '[') depth++;
      else if (character === '}' || character === ']') depth--;
      if (depth === 0) return;
    }
  }

  #literal(word: string): void {
    if (this.#text.startsWith(word, this.#index)) this.#index += word.length;
    else if (word.startsWith(this.#text.slice(this.#index))) throw new UnexpectedEnd();
    else throw new SyntaxFault();
  }

  #expect(character: string): void {
    if (this.#peek() !== character) throw new SyntaxFault();
    this.#index++;
  }

  #peek(): string {
    const character = this.#text[this.#index];
    if (character === undefined) throw new UnexpectedEnd();
    return character;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#index);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#index++;
    }
  }

  /** Puts out what was read last, from a place on, as it is. */
  #keep(from: number): void {
    if (from !== this.#keptTo) {
      this.#flush();
      this.#keptFrom = from;
    }
    this.#keptTo = this.#index;
    this.#length += this.#index - from;
  }

  /** Puts out something else. */
  #put(part: string): void {
    this.#flush();
    this.#parts.push(part);
    this.#length += part.length;
  }

  #flush(): void {
    if (this.#keptTo > this.#keptFrom) this.#parts.push(this.#text.slice(this.#keptFrom, this.#keptTo));
    this.#keptFrom = this.#keptTo;
  }
}

class SyntaxFault extends Error {}
class UnexpectedEnd extends Error {}

function unquoted(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1);
  try {
    return JSON.parse(token) as string;
  } catch {
    throw new SyntaxFault();
  }
}

function valueRuleOf(rule: FieldRule): ValueRule {
  return rule.kind === 'credential'
    ? { rule: 'credential', credential: true }
    : { rule: `field:${rule.name}`, credential: false };
}

/** Masks a value as a whole; it has been counted. */
export function maskWhole(value: string, { rules: { mask } }: Masking): string {
  if (mask.isConstant) return mask.opaque(value);
  const whole = domainOf(value);
  return mask.of(whole.value, whole.domain);
}

/**
 * Masks a string of a JSON document, which may be a JSON document itself.
 * @param room how much of it is wanted; of a longer one only the beginning is looked at
 */
export function maskJsonString(text: string, masking: Masking, nesting: number, room: number): MaskedBeginning {
  if (!/^\s*[[{]/.test(text)) return maskBeginning(text, room, masking, findHitsOf);
  if (nesting < MAX_NESTING) {
    const tally = new Tally();
    const options = { maxOutput: room + 1, isCut: false, nesting: nesting + 1 };
    const masker = new JsonMasker(text, { ...masking, tally }, options);
    const result = masker.run(text.length + 1);
    if (result === 'done' || result === 'full') {
      masking.tally.addAll(tally);
      if (result === 'full') return { text: masker.output, isCut: true };
      return { text: tally.isEmpty ? text : masker.output, isCut: false };
    }
  }
  return maskBeginning(text, room, masking, findTextHits);
}

/** Without one of these there is no name before a value: a form, XML or broken JSON as a string, as services echo them. */
const MAY_BE_LABELLED = /[=<]|["']\s{0,8}:/;

function findHitsOf(text: string, masking: Masking): Hit[] {
  return MAY_BE_LABELLED.test(text) ? findTextHits(text, masking) : findHits(text, masking.rules);
}

/** A number that is a card's, a telephone's or a pattern's; any other stays as it is written. */
function maskNumber(token: string, masking: Masking): string {
  const patterned = masking.rules.patterns.length === 0 ? token : applyPatterns(token, masking);
  if (patterned !== token) return patterned;
  if (token.length < 7) return token;
  const [hit] = findHits(digitsOf(token), masking.rules);
  return hit === undefined ? token : maskOfHit(hit, masking);
}

/** 4.111111111111111e15 is a card number, too. */
function digitsOf(token: string): string {
  if (!/[.eE]/.test(token)) return token.replace('-', '');
  const value = Math.abs(Number(token));
  return Number.isInteger(value) && value < 1e21 ? String(value) : token;
}
