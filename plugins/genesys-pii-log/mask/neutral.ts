/**
 * What looks like numbers of people and is none: UUIDs, ids in hex, ISO 8601 times. Detectors for digits leave these
 * stretches out, so that the ids and times of Genesys Cloud stay readable. Pure, linear.
 */
import type { Span } from './finding.js';

// Each branch has a bounded length, so a search is linear.
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const HEX = '(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})';
const DATE = '(?:19|20)\\d\\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])';
const TIME = '(?:[01]\\d|2[0-4]):[0-5]\\d(?::[0-6]\\d(?:[.,]\\d{1,9})?)?(?:Z|[+-](?:0\\d|1[0-4]):?[0-5]\\d)?';
const BASIC =
  '(?:19|20)\\d\\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-4])[0-5]\\d[0-6]\\d(?:[.,]\\d{1,9})?Z?';
const TIMESTAMP = new RegExp(`(?<![0-9a-z])(?:${UUID}|${HEX}|${DATE}(?:[T ]${TIME})?|${BASIC})(?![0-9a-z])`, 'gi');

const WHOLE = new RegExp(`^(?:${UUID}|${DATE}T${TIME})$`, 'i');

/**
 * A path of Genesys' API, as its `selfUri`s are. Without capitals no e-mail address can stand in it in base64 either: each
 * of the four characters that can hold an @ needs one.
 */
const PATH = /^(?:\/(?:[a-z]{1,24}|v\d|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))+$/;
const LONGEST_PATH = 256;

/** Whether a text is an id, a time or a path of ids and nothing else: most texts of Genesys Cloud's answers are. */
export function isNeutral(text: string): boolean {
  const { length } = text;
  if (text.charCodeAt(0) === 0x2f) return length <= LONGEST_PATH && PATH.test(text);
  return length >= 16 && length <= 36 && WHOLE.test(text);
}

/** Shorter texts hold nothing of the kind. */
const SHORTEST = 10;

/** The neutral stretches of a text, in order. */
export function neutralSpans(text: string): Span[] {
  if (text.length < SHORTEST) return [];
  const spans: Span[] = [];
  TIMESTAMP.lastIndex = 0;
  for (let match = TIMESTAMP.exec(text); match !== null; match = TIMESTAMP.exec(text)) {
    spans.push({ start: match.index, end: match.index + match[0].length });
  }
  return spans;
}
