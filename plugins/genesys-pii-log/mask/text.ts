/**
 * Masks personal data inside a text: what patterns and detectors find in it or in what it encodes, and the values of
 * query parameters in its URLs. Pure, linear.
 */
import { findEncoded } from './base64.js';
import { detect } from './detect.js';
import type { Kind } from './finding.js';
import type { Domain } from './masks.js';
import { isNeutral } from './neutral.js';
import type { Masking, Rules } from './rules.js';
import { findTokens, mayHoldToken } from './tokens.js';
import { findUrlParts } from './urls.js';
import { originOf, type View, viewsBeneath } from './views.js';

/** A stretch of a text that is masked. */
export interface Hit {
  start: number;
  end: number;
  kind: Kind | 'query' | 'credential' | 'encoded' | 'binary' | 'field';
  /** The field's name, for `field`. */
  name?: string;
  /** As a reader decodes it. */
  value: string;
}

/** Without one of these nothing can be found. */
const NOTABLE = /[@\d&?#\\]|::|[A-Za-z0-9+/_-]{12}/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond ASCII
const LAYERED = /[%\\&]|[^\x00-\x7f]/;
/** A longer word without any space is no text: a file, a signature. It cannot be proven clean. */
const LONGEST_WORD = 1024;
const LONG_WORD = /[A-Za-z0-9+/_-]{1024}/;

/** Masks a text that is one value. Structured texts are for labels.ts. */
export function maskText(text: string, masking: Masking): string {
  const replaced = applyPatterns(text, masking);
  const hits = findHits(replaced, masking.rules);
  return hits.length === 0 ? replaced : replaceHits(replaced, hits, masking);
}

/**
 * Applies the patterns, also to what the text encodes: what is found there is masked with all around it.
 * @throws SlowPattern if they take too long
 */
export function applyPatterns(text: string, { rules: { patterns, mask }, tally, searchTime }: Masking): string {
  if (patterns.length === 0) return text;
  const { result, matched } = searchTime.run(text, (begin) => {
    const matched: string[] = [];
    let result = text;
    for (const pattern of patterns) {
      begin(pattern);
      result = pattern.replace(result, () => matched.push(pattern.name));
    }
    return { result, matched };
  });
  for (const name of matched) tally.add(`pattern:${name}`);
  if (!LAYERED.test(result)) return result;
  for (const { text: beneath } of viewsBeneath(result) ?? []) {
    const pattern = searchTime.run(beneath, (begin) =>
      patterns.find((candidate) => {
        begin(candidate);
        return candidate.matches(beneath);
      }),
    );
    if (pattern === undefined) continue;
    tally.add(`pattern:${pattern.name}`);
    return mask.opaque(text);
  }
  return result;
}

/** Finds what the detectors and the allow list of query parameters have masked, in order, without overlaps. */
export function findHits(text: string, rules: Rules): Hit[] {
  if ((!NOTABLE.test(text) && !LAYERED.test(text) && !mayHoldToken(text)) || isNeutral(text)) return [];
  const hits: Hit[] = [];
  const own: View = { text, origins: undefined };
  const beneath = LAYERED.test(text) ? viewsBeneath(text) : [];
  if (beneath === undefined) return [{ start: 0, end: text.length, kind: 'encoded', value: text }];
  for (const view of [own, ...beneath]) collect(view, rules, hits, 2);
  return merged(hits);
}

function collect(view: View, rules: Rules, hits: Hit[], depth: number): void {
  const { text } = view;
  const add = (start: number, end: number, kind: Hit['kind']): void => {
    hits.push({ start: originOf(view, start), end: originOf(view, end), kind, value: text.slice(start, end) });
  };
  for (const { start, end, kind } of findUrlParts(text, rules.keptParams)) add(start, end, kind);
  for (const { start, end } of findTokens(text)) add(start, end, 'credential');
  for (const { start, end, kind } of detect(text, rules.kinds)) add(start, end, kind);
  if (text.length >= LONGEST_WORD && LONG_WORD.test(text)) {
    for (const { 0: word, index } of text.matchAll(/[A-Za-z0-9+/_-]{1024,}={0,2}/g)) {
      add(index, index + word.length, 'binary');
    }
  }
  if (depth === 0) return;
  for (const { start, end, decoded } of findEncoded(text)) {
    if (end - start < LONGEST_WORD && holdsAnything(decoded, rules, depth - 1)) add(start, end, 'encoded');
  }
}

/** Whether a text that was encoded holds anything to mask, in whatever layer. */
function holdsAnything(text: string, rules: Rules, depth: number): boolean {
  const hits: Hit[] = [];
  const beneath = LAYERED.test(text) ? viewsBeneath(text) : [];
  if (beneath === undefined) return true;
  for (const view of [{ text, origins: undefined }, ...beneath]) {
    collect(view, rules, hits, depth);
    if (hits.length > 0) return true;
  }
  return false;
}

/** In order; what overlaps becomes one, with the kind and value of the first that covers most. */
export function merged(hits: Hit[]): Hit[] {
  if (hits.length < 2) return hits;
  hits.sort((a, b) => a.start - b.start || b.end - a.end);
  const result: Hit[] = [];
  for (const hit of hits) {
    const last = result.at(-1);
    if (last === undefined || hit.start >= last.end) result.push({ ...hit });
    else {
      if (hit.end - hit.start > last.end - last.start) Object.assign(last, { kind: hit.kind, value: hit.value });
      last.end = Math.max(last.end, hit.end);
    }
  }
  return result;
}

/** Puts masks in the place of hits, and counts them. */
export function replaceHits(text: string, hits: readonly Hit[], masking: Masking): string {
  const parts: string[] = [];
  let from = 0;
  for (const hit of hits) {
    parts.push(text.slice(from, hit.start), maskOfHit(hit, masking));
    from = hit.end;
  }
  parts.push(text.slice(from));
  return parts.join('');
}

/** What stands in a hit's place; it is counted. */
export function maskOfHit({ kind, name, value }: Hit, { rules: { mask }, tally }: Masking): string {
  switch (kind) {
    case 'query':
    case 'encoded':
    case 'binary':
    case 'credential':
      tally.add(kind);
      return kind === 'credential' ? REDACTED_CREDENTIAL : mask.opaque(value);
    case 'field':
      tally.add(`field:${name}`);
      return mask.of(value, 'text');
    default:
      tally.add(`detector:${kind}`);
      return mask.of(value, kind);
  }
}

/** No part and no hash of a credential is shown. */
export const REDACTED_CREDENTIAL = '***REDACTED***';

/** Prefixes of URIs that are an address and nothing else. */
const SCHEME = /^(?:tel|sips?|mailto|callto):/i;
const ALL_KINDS: ReadonlySet<Kind> = new Set(['email', 'phone', 'card', 'ssn', 'iban', 'ip']);

/** What a value is, as a whole; so that one number has one hash in a field of its own and in the middle of a text. */
export function domainOf(value: string): { domain: Domain; value: string } {
  const bare = value.trim().replace(SCHEME, '');
  const [first, second] = bare.length <= 320 ? detect(bare, ALL_KINDS) : [];
  const whole = first !== undefined && second === undefined && first.start === 0 && first.end === bare.length;
  return whole ? { domain: first.kind, value: bare } : { domain: 'text', value };
}
