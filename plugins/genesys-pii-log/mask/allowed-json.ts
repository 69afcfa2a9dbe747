/**
 * Masks a JSON text for `values: allow`: only what is known to be harmless is shown. Names and shapes decide, before any
 * detector runs, so what is masked costs next to nothing.
 */
import { isOpenMap, isShownName, type Judgement, judgeKept, UNLISTED } from './allow.js';
import { KnownKeys, maskedByRule, maskNumber, maskWhole, type ValueRule, valueRuleOf } from './json.js';
import { type Frame, type JsonMaskerOptions, JsonReader, unquoted } from './json-reader.js';
import { REDACTED } from './masks.js';
import type { Trail } from './paths.js';
import type { Allowed, Masking } from './rules.js';
import { shapeOf } from './shapes.js';
import { applyPatterns } from './text.js';

/** A container that is being read, and what is known of the values in it. */
interface AllowFrame extends Frame {
  /** All values in it are masked by this rule. */
  rule: ValueRule | undefined;
  /** Of a list, the key that it is under: of `mediaTypes` each element is a media type. */
  key: KnownKey | undefined;
  /** Whether keys in it are somebody's own, and say nothing of their values. */
  isOpen: boolean;
  trail: Trail;
  /** Of paths to what is shown. */
  keptTrail: Trail;
}

/** What a key says, as often as it comes. */
interface KnownKey {
  name: string;
  /** As it stands in the text, with a colon. */
  head: string;
  /** As it is put out. */
  json: string;
  rule: ValueRule | undefined;
  /** Whether texts under it are shown, if nothing is found in them. */
  isKept: boolean;
  isId: boolean;
  isTime: boolean;
  /** Whether it says that a number is a count, a sum or a duration, so that it is nobody's, whatever it looks like. */
  isMeasure: boolean;
  /** Whether an object under it is a map with keys of somebody's own. */
  isOpenMap: boolean;
  /** Texts under it that have been judged. */
  judged: Map<string, Judgement>;
  /** The key that came next, the last time. */
  next: KnownKey | undefined;
}

const KNOWN_KEYS = new KnownKeys<KnownKey>();
const REDACTED_JSON = JSON.stringify(REDACTED);
const NO_TRAIL: Trail = [];
const QUOTE = 0x22;
const ID = /^(?:id|Id|ID)s?$|[a-z0-9](?:Id|ID)s?$|[_-][Ii]ds?$/;
const MEASURE = /(?:bytes|count|duration|max|millis|milliseconds|min|ms|score|seconds|size|sum|total)$/i;
const TIME = /(?:[Tt]ime|[Dd]ate|[Ss]tamp|[a-z]At|_at|Ms)$/;
/** Milliseconds since 1970, from 2001 to 2033: no telephone number begins with 1 and has thirteen digits. */
const MILLISECONDS = /^1\d{12}$/;
/** Numbers of fewer digits are shown. */
const LONG_NUMBER = 7;
/** Of each key so many texts of such a length are remembered. */
const MAX_JUDGED = 32;
const MAX_JUDGED_LENGTH = 32;

export class AllowedJsonMasker extends JsonReader<AllowFrame> {
  readonly #allowed: Allowed;
  readonly #keys: Map<string, KnownKey>;
  readonly #hasPaths: boolean;
  readonly #hasPatterns: boolean;
  readonly #collections = new Set<string>();
  #lastKey: KnownKey | undefined;
  /** Where the next backslash is, at or behind the place that is read. */
  #backslash = -1;

  constructor(text: string, masking: Masking, options: JsonMaskerOptions, allowed: Allowed) {
    super(text, masking, options);
    const { rules } = masking;
    this.#allowed = allowed;
    this.#keys = KNOWN_KEYS.of(rules);
    this.#hasPaths = !rules.paths.isEmpty || !allowed.paths.isEmpty || options.explain !== undefined;
    this.#hasPatterns = rules.patterns.length > 0;
  }

  protected document(): void {
    const { rules } = this.masking;
    this.#value(undefined, undefined, false, rules.paths.start, this.#allowed.paths.start, '', false, undefined);
  }

  protected element(frame: AllowFrame, index: number): void {
    // A list of records is one of models, whatever else its name stands for.
    const key = this.atObject() ? undefined : frame.key;
    if (this.#hasPaths) this.#valueOnPath(frame, index, frame.rule, key);
    else this.#value(frame.rule, key, frame.isOpen, NO_TRAIL, NO_TRAIL, '', false, undefined);
  }

  protected member(frame: AllowFrame): void {
    const key = this.#key();
    // What is nearer says more: a password in the attributes of a contact is a credential.
    const rule = key.rule?.credential ? key.rule : (frame.rule ?? key.rule);
    if (this.#hasPaths) this.#valueOnPath(frame, key.name, rule, key);
    else this.#value(rule, key, frame.isOpen, NO_TRAIL, NO_TRAIL, '', false, undefined);
  }

  #valueOnPath(frame: AllowFrame, step: string | number, rule: ValueRule | undefined, key: KnownKey | undefined): void {
    const pointer = this.pointer(frame, step);
    const arrival = this.masking.rules.paths.step(frame.trail, step);
    const kept = this.#allowed.paths.step(frame.keptTrail, step);
    const path = arrival.hit ?? this.options.pointers?.get(pointer);
    this.#value(rule, key, frame.isOpen, arrival.trail, kept.trail, pointer, kept.hit !== undefined, path);
  }

  #value(
    inherited: ValueRule | undefined,
    key: KnownKey | undefined,
    isOpen: boolean,
    trail: Trail,
    keptTrail: Trail,
    pointer: string,
    isKeptPath: boolean,
    path: string | undefined,
  ): void {
    const rule =
      path !== undefined && inherited?.credential !== true ? { rule: `path:${path}`, credential: false } : inherited;
    if (this.atContainer()) {
      this.enter((isObject) => ({
        isObject,
        index: 0,
        empty: true,
        rule,
        key: isObject ? undefined : key,
        isOpen: isOpen || (isObject && key?.isOpenMap === true),
        trail,
        keptTrail,
        pointer,
      }));
      return;
    }
    // A path that leads to what is shown says more than a name of what is masked.
    const applied = isKeptPath && rule?.rule.startsWith('field:') ? undefined : rule;
    const isKept = isKeptPath || (key?.isKept === true && !isOpen);
    if (this.text.charCodeAt(this.index) === QUOTE) this.#string(applied, key, isKept, pointer);
    else this.#scalar(applied, key, isKept, pointer);
  }

  #string(rule: ValueRule | undefined, key: KnownKey | undefined, isKept: boolean, pointer: string): void {
    const start = this.index;
    const isEscaped = this.#skipString();
    const end = this.index - 1;
    // What is not there tells nothing of anyone.
    if (end === start + 1) {
      this.keep(start);
      return;
    }
    if (rule !== undefined) {
      this.#mask(start, rule, pointer);
      return;
    }
    const shape = isEscaped ? undefined : shapeOf(this.text, start + 1, end, this.#collections);
    if (shape !== undefined) {
      if (this.#hasPatterns) this.#showPatterned(start);
      else this.keep(start);
      this.options.explain?.(pointer, true, `its shape: ${shape}`);
      return;
    }
    if (!isKept) {
      this.#maskUnlisted(start, UNLISTED);
      this.options.explain?.(pointer, false, key?.isKept ? 'a map, in which names say nothing' : 'not in keep_fields');
      return;
    }
    const text = unquoted(this.text.slice(start, this.index));
    const judged = this.#judge(text, key);
    if ('rule' in judged) this.#maskUnlisted(start, judged.rule);
    else if (judged.shown === text) this.keep(start);
    else this.put(JSON.stringify(judged.shown));
    this.options.explain?.(pointer, !('rule' in judged), 'rule' in judged ? whyMasked(judged.rule) : 'in keep_fields');
  }

  #scalar(rule: ValueRule | undefined, key: KnownKey | undefined, isKept: boolean, pointer: string): void {
    const start = this.index;
    const word = this.word();
    const token = word ?? this.numberToken();
    if (word === 'null' || (word !== undefined && rule === undefined)) {
      this.keep(start);
      this.options.explain?.(pointer, true, 'true, false and null always are');
    } else if (rule !== undefined) this.#mask(start, rule, pointer);
    else this.#number(token, start, key, isKept, pointer);
  }

  #number(token: string, start: number, key: KnownKey | undefined, isKept: boolean, pointer: string): void {
    const isShort = token.length < LONG_NUMBER || token.replace(/\D/g, '').length < LONG_NUMBER;
    const isTime = !isShort && key?.isTime === true && MILLISECONDS.test(token);
    if (!isShort && !isTime && !isKept) {
      this.#maskUnlisted(start, UNLISTED);
      this.options.explain?.(pointer, false, 'a number of seven digits or more');
      return;
    }
    const isSure = isShort || (key?.isMeasure === true && isKept);
    const shown = isSure && !this.#hasPatterns ? token : maskNumber(token, this.masking);
    if (shown === token) this.keep(start);
    else this.put(JSON.stringify(shown));
    const why = isShort ? 'a number of fewer than seven digits' : isTime ? 'a time' : 'in keep_fields';
    this.options.explain?.(pointer, shown === token, shown === token ? why : 'found in it');
  }

  #mask(start: number, rule: ValueRule, pointer: string): void {
    const { rules, tally } = this.masking;
    if (rules.mask.isConstant) {
      tally.add(rule.rule);
      this.put(REDACTED_JSON);
    } else this.put(JSON.stringify(maskedByRule(unquoted(this.text.slice(start, this.index)), rule, this.masking)));
    this.options.explain?.(pointer, false, rule.rule);
  }

  #maskUnlisted(start: number, rule: string): void {
    const { rules, tally } = this.masking;
    tally.add(rule);
    if (rule === 'credential' || rules.mask.isConstant) this.put(REDACTED_JSON);
    else this.put(JSON.stringify(maskWhole(unquoted(this.text.slice(start, this.index)), this.masking)));
  }

  #showPatterned(start: number): void {
    const text = this.text.slice(start + 1, this.index - 1);
    const shown = applyPatterns(text, this.masking);
    if (shown === text) this.keep(start);
    else this.put(JSON.stringify(shown));
  }

  /** States and types are few, and come again and again. */
  #judge(text: string, key: KnownKey | undefined): Judgement {
    const known = key?.judged.get(text);
    if (known !== undefined) return known;
    const judged = judgeKept(text, key?.isId === true, this.masking);
    if (key !== undefined && !this.#hasPatterns && text.length <= MAX_JUDGED_LENGTH && key.judged.size < MAX_JUDGED) {
      key.judged.set(text, judged);
    }
    return judged;
  }

  /** Goes behind a string. @returns whether there are escapes in it */
  #skipString(): boolean {
    const { text } = this;
    const start = this.index + 1;
    const end = text.indexOf('"', start);
    if (this.#backslash < start) {
      const next = text.indexOf('\\', start);
      this.#backslash = next === -1 ? Number.POSITIVE_INFINITY : next;
    }
    if (end !== -1 && end < this.#backslash) {
      this.index = end + 1;
      return false;
    }
    this.stringToken();
    return true;
  }

  /** Reads a key and its colon. */
  #key(): KnownKey {
    const start = this.index;
    const guess = this.#lastKey?.next;
    if (guess !== undefined && this.text.startsWith(guess.head, start)) {
      this.index += guess.head.length;
      this.keep(start);
      this.skipSpace();
      this.#lastKey = guess;
      return guess;
    }
    this.#skipString();
    const token = this.text.slice(start, this.index);
    const key = this.#keys.get(token) ?? this.#newKey(token);
    const isShown = key.json === token;
    if (isShown) this.keep(start);
    else this.put(key.json);
    this.colon();
    if (isShown && this.#lastKey !== undefined) this.#lastKey.next = key;
    this.#lastKey = isShown ? key : undefined;
    return key;
  }

  #newKey(token: string): KnownKey {
    const { rules, tally } = this.masking;
    const name = unquoted(token);
    const isShown = isShownName(name, this.masking);
    if (!isShown) tally.add('name');
    const key: KnownKey = {
      name,
      head: `${token}:`,
      json: isShown ? token : JSON.stringify(maskWhole(name, this.masking)),
      rule: valueRuleOf(rules.fields.ruleOf(name)),
      isKept: this.#allowed.keeps(name),
      isId: ID.test(name),
      isTime: TIME.test(name),
      isMeasure: MEASURE.test(name),
      isOpenMap: isOpenMap(name),
      judged: new Map(),
      next: undefined,
    };
    // A name that is masked is counted each time.
    if (isShown) KnownKeys.add(this.#keys, token, key);
    return key;
  }
}

function whyMasked(rule: string): string {
  return rule === UNLISTED ? 'in keep_fields, but no code, id or time' : `in keep_fields, but found in it: ${rule}`;
}
