/** Headers by an allow list; what is allowed still passes the detectors. Pure. */
import { REDACTED } from '../mask/masks.js';
import type { Masking } from '../mask/rules.js';
import { orOmitted } from '../mask/search-time.js';
import { maskText } from '../mask/text.js';
import { maskName, maskUnlessAllowed } from '../mask/values.js';
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
/** What values of headers are; with `values: allow`, anything else is masked. Of other headers any text may be seen. */
const NUMBERS = /^\d{1,10}$/;
const DATES = /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT|0|-1)$/;
const LISTS = /^[\w!#$&*+.^|~-]+(?: ?[,;=] ?"?[\w!#$&*+.^|~-]+"?)*$/;
const GRAMMARS: ReadonlyMap<string, RegExp> = new Map<string, RegExp>([
  ...grammar(NUMBERS, 'age content-length inin-ratelimit-allowed inin-ratelimit-count inin-ratelimit-reset'),
  ...grammar(NUMBERS, 'ratelimit-limit ratelimit-remaining ratelimit-reset x-kong-proxy-latency'),
  ...grammar(NUMBERS, 'retry-after x-kong-response-latency x-kong-upstream-latency'),
  ...grammar(DATES, 'date expires last-modified'),
  ...grammar(LISTS, 'accept-encoding accept-language allow cache-control connection content-encoding'),
  ...grammar(LISTS, 'content-language genesys-app transfer-encoding upgrade vary x-gateway-response'),
]);

function grammar(shape: RegExp, names: string): [string, RegExp][] {
  return names.split(' ').map((name) => [name, shape]);
}

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
      masked.push([orOmitted(masking, () => maskName(lower.slice(0, 128), masking)), REDACTED]);
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
  if (URLS.has(name)) return maskUrl(text, masking);
  if (masking.rules.allowed === undefined) return maskText(text, masking);
  return maskUnlessAllowed(text, isWhatItSays(name, text), masking, 'header');
}

function isWhatItSays(name: string, text: string): boolean {
  return !IDS.has(name) && (GRAMMARS.get(name)?.test(text) ?? true);
}

/** The value of an id's header, if it is one. */
export function idOf(headers: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && ID.test(value) ? value : undefined;
}
