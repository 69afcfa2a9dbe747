/** Headers by an allow list; what is allowed still passes the detectors. Pure. */
import { REDACTED } from '../mask/masks.js';
import type { Masking } from '../mask/rules.js';
import { orOmitted } from '../mask/search-time.js';
import { maskText } from '../mask/text.js';
import { maskUrl } from './request-line.js';

/** More are not logged. */
const MAX_HEADERS = 100;
const MAX_VALUE = 1024;

/** Headers whose value is a URL. */
const URLS = new Set(['location', 'content-location', 'referer', 'origin', 'link']);
/** Headers that say which request it is. */
const IDS = new Set([
  'inin-correlation-id',
  'x-correlation-id',
  'x-request-id',
  'x-kong-request-id',
  'traceparent',
  'x-b3-traceid',
]);
/** What such an id looks like: a caller may put anything there, so anything else is looked at like all the rest. */
const ID =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})$/i;

/**
 * Masks headers.
 * @param headers as Kong's entry has them: names in lower case, a list where one came more than once
 * @param kept names that may be seen, in lower case
 */
export function maskHeaders(
  headers: Readonly<Record<string, unknown>>,
  kept: ReadonlySet<string>,
  masking: Masking,
): Record<string, string> {
  const masked: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (masked.length === MAX_HEADERS) {
      masked.push(['...', `${Object.keys(headers).length - MAX_HEADERS} more`]);
      break;
    }
    const lower = name.toLowerCase();
    const values = (Array.isArray(value) ? value : [value]).filter(
      (item) => typeof item === 'string' || typeof item === 'number',
    );
    const text = values.join(', ');
    if (text === '') continue;
    if (kept.has(lower)) masked.push([lower, orOmitted(masking, () => maskValue(lower, text, masking))]);
    else {
      masking.tally.add('header');
      masked.push([orOmitted(masking, () => maskText(lower.slice(0, 128), masking)), REDACTED]);
    }
  }
  return Object.fromEntries(masked);
}

function maskValue(name: string, text: string, masking: Masking): string {
  if (IDS.has(name) && ID.test(text)) return text;
  const isCut = text.length > MAX_VALUE;
  if (isCut) {
    // What stands at the cut cannot be judged.
    masking.tally.add('header');
    return REDACTED;
  }
  return URLS.has(name) ? maskUrl(text, masking) : maskText(text, masking);
}

/** The value of an id's header, if it is one. */
export function idOf(headers: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && ID.test(value) ? value : undefined;
}
