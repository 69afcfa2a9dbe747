/** Masks the path, query and URLs of a request. Pure. */
import { maskJsonString } from '../mask/json.js';
import type { Masking } from '../mask/rules.js';
import { isPathWord } from '../mask/shapes.js';
import { findHits, maskText } from '../mask/text.js';
import { decodePercent } from '../mask/urls.js';
import { maskName, maskUnlessAllowed } from '../mask/values.js';

/** Longer paths and queries are cut. */
const MAX_PATH = 2048;
const MAX_QUERY = 4096;
/** Longer names and values are cut. */
const MAX_VALUE = 1024;

/**
 * Masks a path: with `values: allow` each segment that is no word of Genesys' API or of the route, and no id; with `detect`
 * each in which anything is found.
 * @param ofRoute segments of the route's own paths
 */
export function maskPath(path: string, masking: Masking, ofRoute: ReadonlySet<string> = NONE): string {
  const isCut = path.length > MAX_PATH;
  const segments = path.slice(0, MAX_PATH).split('/');
  // The cut may be within the last one.
  if (isCut) segments.pop();
  const isAllowed = masking.rules.allowed !== undefined;
  const masked = segments
    .map((segment, index) =>
      isAllowed ? maskUnlessWord(segment, segments[index - 1] ?? '', ofRoute, masking) : maskSegment(segment, masking),
    )
    .join('/');
  return isCut ? `${masked}/...` : masked;
}

const NONE: ReadonlySet<string> = new Set();
const SMALL_NUMBER = /^\d{1,6}$/;

function maskUnlessWord(segment: string, before: string, ofRoute: ReadonlySet<string>, masking: Masking): string {
  if (segment === '' || isPathWord(segment) || ofRoute.has(segment)) return segment;
  // Numbers one after the other may be the groups of a telephone number.
  if (SMALL_NUMBER.test(segment) && !/^\d/.test(before)) return segment;
  const decoded = decodePercent(segment);
  const masked = maskUnlessAllowed(decoded, false, masking, 'path');
  return masked === decoded ? segment : masked;
}

function maskSegment(segment: string, masking: Masking): string {
  if (segment === '') return segment;
  const decoded = decodePercent(segment);
  const masked = maskText(decoded, masking);
  if (masked === decoded) return segment;
  // The rest of the segment is left out, because it may belong to what was found.
  const [hit] = findHits(decoded, masking.rules);
  const { mask } = masking.rules;
  return hit !== undefined && isDetected(hit.kind) ? mask.of(hit.value, hit.kind) : mask.opaque(decoded);
}

const DETECTED = new Set(['email', 'phone', 'card', 'ssn', 'iban', 'ip']);

function isDetected(kind: string): kind is 'email' | 'phone' | 'card' | 'ssn' | 'iban' | 'ip' {
  return DETECTED.has(kind);
}

/** Masks the names and values of a query string without its `?`. Values that are not allowed are masked as a whole. */
export function maskQuery(query: string, masking: Masking): string {
  const { rules, tally } = masking;
  const shown: string[] = [];
  let length = 0;
  for (const pair of query.split('&')) {
    if (length > MAX_QUERY) return `${shown.join('&')}&...`;
    const equals = pair.indexOf('=');
    const name = decodeParameter(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? undefined : decodeParameter(pair.slice(equals + 1));
    const maskedName = encode(maskName(name, masking));
    if (value === undefined) shown.push(maskedName);
    else if (value === '') shown.push(`${maskedName}=`);
    else if (rules.allowed !== undefined) {
      const isKept = rules.keptParams.has(name.toLowerCase()) && rules.fields.ruleOf(name)?.kind !== 'credential';
      shown.push(`${maskedName}=${encode(maskUnlessAllowed(value, isKept, masking, 'query'))}`);
    } else if (rules.keptParams.has(name.toLowerCase())) {
      shown.push(`${maskedName}=${encode(maskJsonString(value, masking, 0, MAX_VALUE).text)}`);
    } else {
      tally.add('query');
      shown.push(`${maskedName}=${rules.mask.opaque(value)}`);
    }
    length += (shown.at(-1) ?? '').length;
  }
  return shown.join('&');
}

/** Masks an absolute or relative URL. Percent-encoding is undone where something is found. */
export function maskUrl(url: string, masking: Masking): string {
  const [, origin = '', path = '', , query, , fragment] =
    /^([a-z][a-z0-9+.-]{0,20}:\/\/[^/?#]{0,500})?([^?#]*)(\?([^#]*))?(#(.*))?$/is.exec(
      url.slice(0, MAX_PATH + MAX_QUERY),
    ) ?? [];
  const isOriginShown = masking.rules.allowed === undefined || origin === '';
  const shownOrigin = isOriginShown ? maskText(origin, masking) : maskUnlessAllowed(origin, true, masking);
  const parts = [shownOrigin, maskPath(path, masking)];
  if (query !== undefined) parts.push('?', maskQuery(query, masking));
  // A fragment is for the client only, and what a server puts there is usually a token.
  if (fragment !== undefined && fragment !== '') {
    masking.tally.add('query');
    parts.push('#', masking.rules.mask.opaque(fragment));
  }
  return parts.join('');
}

function decodeParameter(text: string): string {
  return decodePercent(text.replaceAll('+', ' '));
}

/** Encodes only what would end a value, so that the rest stays readable. */
function encode(text: string): string {
  return text.replace(/[&=#+%\s]/g, (character) => encodeURIComponent(character));
}
