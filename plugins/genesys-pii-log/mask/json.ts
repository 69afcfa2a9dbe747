/** Masks a JSON text for `values: detect`: what names, paths, patterns and detectors say is masked, all else is shown. */

import { type MaskedBeginning, maskBeginning } from './beginning.js';
import { type FieldRule, normaliseName } from './fields.js';
import type { Kind } from './finding.js';
import { type Frame, type JsonMaskerOptions, JsonReader, unquoted } from './json-reader.js';
import { findTextHits } from './labels.js';
import { REDACTED } from './masks.js';
import type { Arrival, Trail } from './paths.js';
import type { Masking, Rules } from './rules.js';
import { Tally } from './tally.js';
import { applyPatterns, domainOf, findHits, type Hit, maskOfHit } from './text.js';

/** Texts of JSON within texts of JSON are read so deep. */
const MAX_NESTING = 3;

/** A container that is being read. */
interface DetectFrame extends Frame {
  /** All values in it are masked by this rule. */
  rule: ValueRule | undefined;
  trail: Trail;
}

/** Why a value is masked whatever it is. */
export interface ValueRule {
  rule: string;
  credential: boolean;
  /** Whether it is for texts alone, and not for records. */
  isText?: boolean;
}

/** What a key says, as often as it comes. */
interface KnownKey {
  name: string;
  /** As it is put out. */
  json: string;
  rule: ValueRule | undefined;
  /** Numbers with dots under it are versions. */
  isVersion: boolean;
}

const MAX_KNOWN_KEYS = 2000;
/** Longer names do not come again. */
const MAX_KNOWN_KEY = 64;

/** Remembers what keys say: the same few, again and again. */
export class KnownKeys<K> {
  readonly #byRules = new WeakMap<Rules, Map<string, K>>();

  /** Returns those of a configuration. */
  of(rules: Rules): Map<string, K> {
    let keys = this.#byRules.get(rules);
    if (keys === undefined) {
      keys = new Map();
      this.#byRules.set(rules, keys);
    } else if (keys.size >= MAX_KNOWN_KEYS) keys.clear();
    return keys;
  }

  /** Remembers one, if it may come again. */
  static add<K>(keys: Map<string, K>, token: string, key: K): void {
    if (token.length <= MAX_KNOWN_KEY && keys.size < MAX_KNOWN_KEYS) keys.set(token, key);
  }
}

const KNOWN_KEYS = new KnownKeys<KnownKey>();

export class JsonMasker extends JsonReader<DetectFrame> {
  readonly #keys: Map<string, KnownKey>;
  readonly #kindsOfVersion: ReadonlySet<Kind>;

  constructor(text: string, masking: Masking, options: JsonMaskerOptions) {
    super(text, masking, options);
    this.#keys = KNOWN_KEYS.of(masking.rules);
    this.#kindsOfVersion = withoutIp(masking.rules);
  }

  protected document(): void {
    this.#value(undefined, { hit: undefined, trail: this.masking.rules.paths.start }, '', undefined);
  }

  protected element(frame: DetectFrame, index: number): void {
    this.#value(frame.rule, this.#arrive(frame, index), this.pointer(frame, index), undefined);
  }

  protected member(frame: DetectFrame): void {
    const start = this.index;
    const token = this.stringToken();
    const key = this.#key(token);
    if (key.json === token) this.keep(start);
    else this.put(key.json);
    this.colon();
    // What is nearer says more: a password in the attributes of a contact is a credential.
    const rule = key.rule?.credential ? key.rule : (frame.rule ?? key.rule);
    this.#value(rule, this.#arrive(frame, key.name), this.pointer(frame, key.name), key);
  }

  #value(inherited: ValueRule | undefined, { hit, trail }: Arrival, pointer: string, key: KnownKey | undefined): void {
    const path = hit ?? this.options.pointers?.get(pointer);
    const rule = inherited ?? (path === undefined ? undefined : { rule: `path:${path}`, credential: false });
    if (this.atContainer()) {
      this.enter((isObject) => ({
        isObject,
        index: 0,
        empty: true,
        rule: isObject && rule?.isText ? undefined : rule,
        trail,
        pointer,
      }));
    } else if (this.peek() === '"') this.#string(rule, key);
    else this.#scalar(rule?.isText ? undefined : rule);
  }

  #string(rule: ValueRule | undefined, key: KnownKey | undefined): void {
    const start = this.index;
    const token = this.stringToken();
    // What is not there tells nothing of anyone.
    if (token.length === 2) {
      this.keep(start);
      return;
    }
    const text = unquoted(token);
    if (rule !== undefined) {
      this.put(JSON.stringify(maskedByRule(text, rule, this.masking)));
      return;
    }
    const masked = maskJsonString(text, this.#maskingOf(key), this.options.nesting ?? 0, this.room);
    if (masked.text === text) this.keep(start);
    else this.put(JSON.stringify(masked.text));
    if (masked.isCut) this.endOutput();
  }

  #maskingOf(key: KnownKey | undefined): Masking {
    if (!key?.isVersion) return this.masking;
    const { rules } = this.masking;
    return { ...this.masking, rules: { ...rules, kinds: this.#kindsOfVersion } };
  }

  #scalar(rule: ValueRule | undefined): void {
    const start = this.index;
    const word = this.word();
    const token = word ?? this.numberToken();
    if (word === 'null' || (word !== undefined && rule === undefined)) this.keep(start);
    else if (rule !== undefined) this.put(JSON.stringify(maskedByRule(token, rule, this.masking)));
    else {
      const masked = maskNumber(token, this.masking);
      if (masked === token) this.keep(start);
      else this.put(JSON.stringify(masked));
    }
  }

  #key(token: string): KnownKey {
    const known = this.#keys.get(token);
    if (known !== undefined) return known;
    const name = unquoted(token);
    const { text: masked } = maskJsonString(name, this.masking, MAX_NESTING, name.length);
    const key: KnownKey = {
      name,
      json: masked === name ? token : JSON.stringify(masked),
      rule: valueRuleOf(this.masking.rules.fields.ruleOf(name)),
      isVersion: isVersionName(name),
    };
    // A name that is masked is counted each time.
    if (masked === name) KnownKeys.add(this.#keys, token, key);
    return key;
  }

  #arrive(frame: DetectFrame, key: string | number): Arrival {
    return this.masking.rules.paths.step(frame.trail, key);
  }
}

/** The detectors for numbers that are versions: four of them are no address. */
function withoutIp({ kinds }: Rules): ReadonlySet<Kind> {
  return new Set([...kinds].filter((kind) => kind !== 'ip'));
}

function isVersionName(name: string): boolean {
  return /version$/.test(normaliseName(name.slice(-32)));
}

export function valueRuleOf(rule: FieldRule | undefined): ValueRule | undefined {
  if (rule === undefined) return undefined;
  return rule.kind === 'credential'
    ? { rule: 'credential', credential: true }
    : { rule: `field:${rule.name}`, credential: false, ...(rule.isText ? { isText: true } : {}) };
}

/** Masks a value for its name or place, and counts it. */
export function maskedByRule(value: string, { rule, credential }: ValueRule, masking: Masking): string {
  masking.tally.add(rule);
  return credential ? REDACTED : maskWhole(value, masking);
}

/** Masks a value as a whole; it has been counted. */
export function maskWhole(value: string, { rules: { mask } }: Masking): string {
  if (!mask.tellsKinds) return mask.of(value, 'text');
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
const MAY_BE_LABELLED = /[=<]|["'A-Za-z_]\d?\s{0,8}:/;

function findHitsOf(text: string, masking: Masking): Hit[] {
  return MAY_BE_LABELLED.test(text) ? findTextHits(text, masking) : findHits(text, masking.rules);
}

/** With a whole part that is too short for somebody's number. */
const FRACTION = /^-?\d{1,6}\.\d+$/;

/** A number that is a card's, a telephone's or a pattern's; any other stays as it is written. */
export function maskNumber(token: string, masking: Masking): string {
  const patterned = masking.rules.patterns.length === 0 ? token : applyPatterns(token, masking);
  if (patterned !== token) return patterned;
  // One with a fraction is a measure, such as a coordinate: masked by its name, where it is one of a place.
  if (token.length < 7 || FRACTION.test(token)) return token;
  const [hit] = findHits(digitsOf(token), masking.rules);
  return hit === undefined ? token : maskOfHit(hit, masking);
}

/** 4.111111111111111e15 is a card number, too. */
function digitsOf(token: string): string {
  if (!/[.eE]/.test(token)) return token.replace('-', '');
  const value = Math.abs(Number(token));
  return value < 1e21 ? String(value) : token;
}
