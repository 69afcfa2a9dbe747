/** Masks a form. Every parameter is masked like a member of a JSON document. */
import { maskJsonString, maskWhole } from '../mask/json.js';
import { REDACTED } from '../mask/masks.js';
import { pointerTo } from '../mask/paths.js';
import type { Masking } from '../mask/rules.js';
import { maskName, maskUnlessAllowed } from '../mask/values.js';
import { otherWork, SLICE } from './slices.js';

interface Masked {
  text: string;
  /** Whether there was more of it. */
  isCut: boolean;
}

/** One parameter, decoded. */
interface Parameter {
  name: string;
  /** Undefined for a name without `=`. */
  value: string | undefined;
}

/**
 * Masks a form, or as much of it as is logged.
 * @param isCut whether the text is only the beginning of the body
 * @param pointers JSON pointers of the values that JSONPaths select, with the path; undefined if none is needed
 * @param maxChars how much of the form is wanted; the result may be one parameter longer
 * @throws SlowPattern if patterns take too long
 */
export async function maskForm(
  { text, isCut }: Masked,
  masking: Masking,
  pointers: ReadonlyMap<string, string> | undefined,
  maxChars: number,
): Promise<Masked> {
  const shown: string[] = [];
  let length = 0;
  let sinceTurn = 0;
  for (const pair of pairsOf(text, isCut)) {
    if (length > maxChars) return { text: shown.join('&'), isCut: true };
    if (sinceTurn > SLICE) {
      await otherWork();
      sinceTurn = 0;
    }
    sinceTurn += pair.length;
    const masked = maskParameter(parameterOf(pair), masking, pointers, maxChars - length + 1);
    shown.push(masked.text);
    length += masked.text.length + 1;
    if (masked.isCut) return { text: shown.join('&'), isCut: true };
  }
  return { text: shown.join('&'), isCut };
}

/** Yields the pairs of a form as they are written. Leaves out the last one if the text may end within it. */
function* pairsOf(text: string, isCut: boolean): Iterable<string> {
  let from = 0;
  for (let next = text.indexOf('&'); next !== -1; next = text.indexOf('&', from)) {
    yield text.slice(from, next);
    from = next + 1;
  }
  if (!isCut) yield text.slice(from);
}

function parameterOf(pair: string): Parameter {
  const equals = pair.indexOf('=');
  if (equals === -1) return { name: decode(pair), value: undefined };
  return { name: decode(pair.slice(0, equals)), value: decode(pair.slice(equals + 1)) };
}

function maskParameter(
  { name, value }: Parameter,
  masking: Masking,
  pointers: ReadonlyMap<string, string> | undefined,
  room: number,
): Masked {
  const shownName = encode(
    masking.rules.allowed ? maskName(name, masking) : maskJsonString(name, masking, 0, room).text,
  );
  if (value === undefined) return { text: shownName, isCut: false };
  const masked = value === '' ? { text: '', isCut: false } : maskValue(name, value, masking, pointers, room);
  return { text: `${shownName}=${encode(masked.text)}`, isCut: masked.isCut };
}

function maskValue(
  name: string,
  value: string,
  masking: Masking,
  pointers: ReadonlyMap<string, string> | undefined,
  room: number,
): Masked {
  const { allowed, fields, paths } = masking.rules;
  const rule = fields.ruleOfPath(name);
  if (rule?.kind === 'credential') {
    masking.tally.add('credential');
    return { text: REDACTED, isCut: false };
  }
  const path = paths.step(paths.start, name).hit ?? pointers?.get(pointerTo('', name));
  const isKeptPath = allowed !== undefined && allowed.paths.step(allowed.paths.start, name).hit !== undefined;
  if (path === undefined && (rule === undefined || isKeptPath)) {
    if (allowed === undefined) return maskJsonString(value, masking, 0, room);
    // OAuth's code opens what a token opens.
    const isKept = isKeptPath || (name !== 'code' && allowed.keeps(name));
    return { text: maskUnlessAllowed(value, isKept, masking), isCut: false };
  }
  masking.tally.add(rule === undefined ? `path:${path}` : `field:${rule.name}`);
  return { text: maskWhole(value, masking), isCut: false };
}

/** Reads a form as a document in which JSONPaths can select values. */
export function formDocument(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

function decode(text: string): string {
  return new URLSearchParams(`a=${text.replaceAll('&', '%26')}`).get('a') ?? '';
}

/** Encodes text for a form, but keeps masks readable. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+');
}
