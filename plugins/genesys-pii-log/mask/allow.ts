/**
 * What `values: allow` shows: texts under names that are known to hold codes, ids and times, if the detectors find nothing
 * in them. Everything else is masked without being looked at. Pure.
 */
import { normaliseName } from './fields.js';
import { KEPT_FIELDS, OPEN_MAPS } from './genesys-models.js';
import { findTextHits } from './labels.js';
import { compilePaths } from './paths.js';
import type { Allowed, Masking } from './rules.js';
import { shapeOf } from './shapes.js';
import { applyPatterns, findHits, type Hit } from './text.js';

/** In `keep_fields`, stands for the names of Genesys' models. */
export const GENESYS = 'genesys';

/**
 * Reads `keep_fields`: names, paths, or `genesys`.
 * @throws Error with what is wrong, as the end of a sentence
 */
export function createAllowed(entries: readonly string[]): Allowed {
  const paths = entries.filter((entry) => /[.[$]/.test(entry));
  const names = entries.filter((entry) => !/[.[$]/.test(entry) && entry !== GENESYS);
  if (paths.some((path) => path.startsWith('$'))) throw new Error('is a JSONPath, which cannot be kept');
  if (names.some((name) => NOBODYS.has(normaliseName(name)))) {
    throw new Error('is the name that lists of names and values have for any value; name the path to it instead');
  }
  const own = new Set(names.map(normaliseName));
  const ofModels = entries.includes(GENESYS) ? OF_MODELS : own;
  const keeps = (name: string): boolean => {
    const normal = normaliseName(name);
    return own.has(normal) || ofModels.has(normal);
  };
  return { keeps, paths: compilePaths(paths) };
}

const OF_MODELS: ReadonlySet<string> = new Set(KEPT_FIELDS.map(normaliseName));

/** `[{"name": "firstName", "value": "Zoe"}]`, JSON Patch and SCIM hold every field's value under this name. */
const NOBODYS = new Set(['value', 'values']);

const MAPS: ReadonlySet<string> = new Set(OPEN_MAPS.map(normaliseName));

/** Whether an object under a name is a map with keys of the customer's own, under which names say nothing. */
export function isOpenMap(name: string): boolean {
  return MAPS.has(normaliseName(name));
}

/** Longer texts are no code and no id. */
const LONGEST = 256;
/** A value that begins like this, or holds this, is no code and no id. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: what no code holds
const NO_CODE = /^\s*[[{<]|[\x00-\x1f\x7f]/;
/** What may be a credential: a long word of capitals, small letters and digits. */
const WORD = /[\w+=~-]{20,}/g;

/** What a kept text is shown as, or the rule by which it is masked. */
export type Judgement = { shown: string } | { rule: string };

/**
 * Judges a text under a kept name.
 * @param isId whether the name says that it is an id: one word with a digit in it
 * @throws SlowPattern if patterns take too long
 */
export function judgeKept(text: string, isId: boolean, masking: Masking): Judgement {
  if (text.length > LONGEST || NO_CODE.test(text)) return { rule: UNLISTED };
  if (isId && !/^[\w.:|@*-]*\d[\w.:|@*-]*$/.test(text)) return { rule: UNLISTED };
  const shown = applyPatterns(text, masking);
  const [hit] = findTextHits(shown, masking);
  if (hit !== undefined) return { rule: ruleOf(hit) };
  return mayBeToken(shown) ? { rule: 'credential' } : { shown };
}

/** Counts what is on no list. */
export const UNLISTED = 'unlisted';

function ruleOf({ kind, name }: Hit): string {
  if (kind === 'field') return `field:${name}`;
  return ['query', 'credential', 'encoded', 'binary'].includes(kind) ? kind : `detector:${kind}`;
}

function mayBeToken(text: string): boolean {
  if (text.length < 20) return false;
  for (const [word] of text.matchAll(WORD)) {
    if (/[a-z]/.test(word) && /[A-Z]/.test(word) && /\d/.test(word)) return true;
  }
  return false;
}

/** A name as programs have them; longer numbers in it may be somebody's. */
const PLAIN_NAME = /^[A-Za-z_$@][\w$-]{0,63}$/;
const MANY_DIGITS = /(?:\d\D*){7}/;

/** Whether a name of a field, a parameter or a header is shown. @throws SlowPattern if patterns take too long */
export function isShownName(name: string, masking: Masking): boolean {
  // Maps by id are common.
  if (shapeOf(name) === 'uuid') return applyPatterns(name, masking) === name;
  if (!PLAIN_NAME.test(name) || MANY_DIGITS.test(name) || mayBeToken(name)) return false;
  return applyPatterns(name, masking) === name && findHits(name, masking.rules).length === 0;
}
