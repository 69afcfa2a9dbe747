/**
 * Shapes of texts that can hold no personal data, whatever they stand under: ids, times, paths of Genesys' API. The whole
 * text must have the shape. Pure, linear.
 */
import { API_WORDS } from './genesys-models.js';

export type Shape = 'uuid' | 'hex id' | 'time' | 'duration' | 'API path' | 'locale' | 'media type' | 'version';

/** Of this century's later years: an older one at midnight is often a date of birth. */
const TIME =
  '20[1-9]\\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-4]):[0-5]\\d(?::[0-6]\\d(?:[.,]\\d{1,9})?)?(?:Z|[+-](?:0\\d|1[0-4]):?[0-5]\\d)?';
const DURATION =
  '-?P(?=[\\dT])(?:\\d{1,4}[YMWD]){0,4}(?:T(?=\\d)(?:\\d{1,6}[HM]){0,2}(?:\\d{1,6}(?:[.,]\\d{1,3})?S)?)?';
/** As Genesys writes times. */
const USUAL_TIME = /^20[1-9]\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/;
const TIMES = new RegExp(`^${TIME}(?:/(?:${TIME}|${DURATION}))?$`);
const DURATIONS = new RegExp(`^${DURATION}(?:/${TIME})?$`);
/** With its region: two letters may be a name. */
const LOCALE = /^[a-z]{2,3}[-_](?:[A-Z][a-z]{3}[-_])?(?:[A-Z]{2}|419)$/;
/** A subtype may be anybody's invention, so only those are shown that everybody knows. */
const MEDIA_TYPE =
  /^(?:application\/(?:(?:problem\+|ld\+|vnd\.api\+|scim\+|json-patch\+|merge-patch\+|x-nd)?json|(?:soap\+)?xml|x-www-form-urlencoded|octet-stream|pdf|zip|gzip|javascript|graphql|yaml|x-ndjson)|text\/(?:plain|html|css|csv|xml|javascript|calendar|event-stream|yaml|markdown)|multipart\/(?:form-data|mixed)|image\/(?:png|jpeg|gif|webp|svg\+xml|bmp|tiff|x-icon|avif)|audio\/(?:wav|x-wav|mpeg|ogg|webm|mp4|basic|opus)|video\/(?:mp4|webm|mpeg|quicktime)|\*\/\*)(?:; ?charset=(?:utf-8|iso-8859-1|us-ascii))?$/i;
/** Of two or three short numbers: four are an address, longer ones a phone number, and two digits each a date of birth. */
const VERSION = /^(?:v\d{1,2}|v\d{1,3}(?:\.\d{1,3}){1,2}|\d{1,2}\.\d{1,2}|\d\.\d\.\d{1,2})$/;
const HEX = /^[0-9a-f]+$/;
/** All that hex spells is a text. */
const HEX_OF_TEXT = /^(?:[2-7][0-9a-f])+$/;

const LONGEST = 256;
const UUID_LENGTH = 36;
const SLASH = 0x2f;
const DASH = 0x2d;
const QUESTION = 0x3f;

/**
 * Returns the shape of a stretch of a text.
 * @param collections paths before an id that are known, and become known: those of one document are few
 * @returns undefined if it has none, so it may hold anything
 */
export function shapeOf(
  text: string,
  start = 0,
  end = text.length,
  collections: Set<string> = new Set(),
): Shape | undefined {
  const length = end - start;
  if (length < 2 || length > LONGEST) return undefined;
  if (length === UUID_LENGTH && text.charCodeAt(start + 8) === DASH && isUuidAt(text, start)) return 'uuid';
  if (text.charCodeAt(start) === SLASH) return isApiLink(text, start, end, collections) ? 'API path' : undefined;
  return shapeOfShort(text.slice(start, end));
}

function shapeOfShort(text: string): Shape | undefined {
  const { length } = text;
  const first = text.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39) {
    if (length === 24 && USUAL_TIME.test(text)) return 'time';
    if (length >= 16 && TIMES.test(text)) return 'time';
    if (length <= 6 && VERSION.test(text)) return 'version';
  }
  // P, -P
  if ((first === 0x50 || first === DASH) && DURATIONS.test(text)) return 'duration';
  if (length <= 11) {
    if (first === 0x76 && VERSION.test(text)) return 'version';
    if (LOCALE.test(text)) return 'locale';
  }
  if (isIdInHex(text)) return 'hex id';
  return length >= 3 && length <= 64 && MEDIA_TYPE.test(text) ? 'media type' : undefined;
}

function isIdInHex(text: string): boolean {
  // Letters and digits: digits alone may be a card's number and a telephone's.
  const { length } = text;
  if (length !== 24 && length !== 32 && length !== 40 && length !== 64) return false;
  return HEX.test(text) && /[a-f]/.test(text) && /\d/.test(text) && !HEX_OF_TEXT.test(text);
}

/** Whether a UUID begins at a place. */
export function isUuidAt(text: string, start: number): boolean {
  for (let index = 0; index < UUID_LENGTH; index++) {
    const code = text.charCodeAt(start + index);
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (code !== DASH) return false;
    } else if (!(code >= 0x30 && code <= 0x39) && !((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66)) return false;
  }
  return true;
}

const WORDS: ReadonlySet<string> = new Set(API_WORDS);

/** Whether a stretch is a path of words of Genesys' API and ids, with paging or without, as `selfUri`s and `nextUri`s are. */
function isApiLink(text: string, start: number, end: number, collections: Set<string>): boolean {
  const slash = end - UUID_LENGTH - 1;
  if (slash > start && text.charCodeAt(slash) === SLASH && isUuidAt(text, slash + 1)) {
    const collection = text.slice(start, slash);
    if (collections.has(collection)) return true;
    if (!isApiPath(text, start, slash)) return false;
    collections.add(collection);
    return true;
  }
  for (let to = start; to < end; to++) {
    if (text.charCodeAt(to) === QUESTION) return isApiPath(text, start, to) && PAGING.test(text.slice(to, end));
  }
  return isApiPath(text, start, end);
}

/** Whether it is one without parameters. */
function isApiPath(text: string, start: number, end: number): boolean {
  for (let from = start + 1; ; ) {
    let to = from;
    while (to < end && text.charCodeAt(to) !== SLASH) to++;
    const isId = to - from === UUID_LENGTH && text.charCodeAt(from + 8) === DASH && isUuidAt(text, from);
    if (!isId && !isPathWord(text.slice(from, to))) return false;
    if (to === end) return true;
    from = to + 1;
  }
}

/** Parameters of paging, with small numbers. */
const PAGING = /^\?(?:(?:page(?:Size|Number|Count)|total|limit|offset)=\d{1,6}(?:&(?!$)|$)){1,6}$/;

/** Whether a segment of a path is a word of Genesys' API or an id in hex. */
export function isPathWord(segment: string): boolean {
  return WORDS.has(segment) || isIdInHex(segment);
}
