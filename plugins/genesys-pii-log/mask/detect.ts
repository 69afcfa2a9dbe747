/** All detectors over one text. Pure, linear. */
import { findNumbers } from './digit-groups.js';
import { findEmails } from './email.js';
import type { Finding, Kind, Span } from './finding.js';
import { findIbans } from './iban.js';
import { findIps } from './ip.js';
import { neutralSpans } from './neutral.js';

/** Without one of these there is nothing to find. */
const NOTABLE = /[@\d]|::/;
const DIGITS = /\d/;
/** Seven digits, not necessarily together. */
const MANY_DIGITS = /(?:\d[^\d]{0,3}){6}\d/;

/**
 * Finds personal data of the given kinds.
 * @returns stretches that do not overlap, in order
 */
export function detect(text: string, kinds: ReadonlySet<Kind>): Finding[] {
  if (kinds.size === 0 || !NOTABLE.test(text)) return [];
  const findings: Finding[] = [];
  if (kinds.has('email') && text.includes('@')) findings.push(...findEmails(text));
  const neutral = DIGITS.test(text) ? neutralSpans(text) : [];
  if (kinds.has('ip')) add(findings, findIps(text), neutral);
  if (DIGITS.test(text)) {
    if (kinds.has('iban') && text.length >= 15) add(findings, findIbans(text), neutral);
    if (MANY_DIGITS.test(text)) add(findings, findNumbers(text, ordered([...findings, ...neutral]), kinds));
  }
  return ordered(findings);
}

/** Adds those that overlap none of what is there, and none of the neutral stretches. */
function add(findings: Finding[], found: readonly Finding[], neutral: readonly Span[] = []): void {
  if (found.length === 0) return;
  const taken = ordered<Span>([...findings, ...neutral]);
  let index = 0;
  for (const finding of found.toSorted((a, b) => a.start - b.start)) {
    while (index < taken.length && (taken[index] as Span).end <= finding.start) index++;
    const next = taken[index];
    if (next === undefined || next.start >= finding.end) findings.push(finding);
  }
}

function ordered<S extends Span>(spans: S[]): S[] {
  return spans.length > 1 ? spans.sort((a, b) => a.start - b.start) : spans;
}
