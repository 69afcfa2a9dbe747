/**
 * Masks single texts outside JSON: names, and values of parameters and headers, as `values` asks. Pure.
 */
import { isShownName, judgeKept, UNLISTED } from './allow.js';
import { maskJsonString, maskWhole } from './json.js';
import { REDACTED } from './masks.js';
import type { Masking } from './rules.js';
import { shapeOf } from './shapes.js';
import { applyPatterns, maskText } from './text.js';

/** Longer names and media types are cut. */
const MAX_NAME = 1024;
const MAX_MEDIA_TYPE = 100;

/** Masks the name of a parameter, a header or a part. */
export function maskName(name: string, masking: Masking): string {
  if (masking.rules.allowed === undefined) return maskJsonString(name, masking, 0, MAX_NAME).text;
  if (name === '' || isShownName(name, masking)) return name;
  masking.tally.add('name');
  return maskWhole(name, masking);
}

/**
 * Masks a text with `values: allow`.
 * @param isKept whether its name says that it may be shown
 * @param unlisted by which rule it is counted if it may not
 */
export function maskUnlessAllowed(text: string, isKept: boolean, masking: Masking, unlisted = UNLISTED): string {
  if (text === '') return text;
  if (shapeOf(text) !== undefined) return applyPatterns(text, masking);
  const judged = isKept ? judgeKept(text, false, masking) : { rule: unlisted };
  if ('shown' in judged) return judged.shown;
  masking.tally.add(judged.rule);
  return judged.rule === 'credential' ? REDACTED : maskWhole(text, masking);
}

/** Masks a media type. */
export function maskMediaType(type: string, masking: Masking): string {
  const beginning = type.slice(0, MAX_MEDIA_TYPE);
  return masking.rules.allowed === undefined
    ? maskText(beginning, masking)
    : maskUnlessAllowed(beginning, true, masking);
}
