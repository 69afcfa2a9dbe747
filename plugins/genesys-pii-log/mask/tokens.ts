/**
 * Finds credentials by their shape: what follows `Bearer` and `Basic`, JSON Web Tokens, keys in PEM, and tokens whose
 * issuers begin them with a name. Pure, linear.
 */
import type { Span } from './finding.js';

const BEARER = /\bbearer[ +:]{1,3}([\w.~+/=-]{8,})/gi;
const BASIC = /\bbasic[ +:]{1,3}([A-Za-z0-9+/_-]{6,}={0,2})/gi;
/** Looked for at the beginning of words alone: a search from each place in a long one would take the square of its length. */
const JWT_WORD = /(?<![\w-])[\w-]{11,}(?=\.[\w-]{8})/g;
const JWT_BEGIN = /\beyJ[\w-]{8}/i;
const JWT_REST = /\.[\w-]+(?:\.[\w-]*)?/y;
const PEM = /-----BEGIN [A-Z0-9 ]{1,40}-----/g;
const PEM_END = /-----END [A-Z0-9 ]{1,40}-----/g;
/** Of AWS, GitHub, GitLab, Google, npm, SendGrid, Shopify, Slack, Stripe, Vault. */
const ISSUED =
  /(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|shp(?:at|ca|pa|ss)_[a-f0-9]{20,}|xox[abeoprs]-[\w-]{10,}|[rsp]k_(?:live|test)_\w{10,}|hv[bs]\.[\w-]{20,})/g;
const MAY_HOLD_ONE =
  /bearer|basic|eyJ|-----BEGIN|AKIA|ASIA|gh[opsur]_|github_pat_|glpat-|AIza|ya29\.|npm_|SG\.|shp(?:at|ca|pa|ss)_|xox[abeoprs]-|k_(?:live|test)_|hv[bs]\./i;

/** `bearer` and the shortest token have fifteen characters, those of `basic` twelve. */
const SHORTEST = 12;

/** Whether a text may hold a credential. */
export function mayHoldToken(text: string): boolean {
  return text.length >= SHORTEST && MAY_HOLD_ONE.test(text);
}

/** Finds them; they may overlap. */
export function findTokens(text: string): Span[] {
  if (!mayHoldToken(text)) return [];
  const spans: Span[] = [];
  for (const { 0: found, 1: token = '', index } of text.matchAll(BEARER)) {
    spans.push({ start: index + found.length - token.length, end: index + found.length });
  }
  for (const { 0: found, 1: token = '', index } of text.matchAll(BASIC)) {
    if (!isUserAndPassword(token)) continue;
    spans.push({ start: index + found.length - token.length, end: index + found.length });
  }
  for (const { 0: header, index } of text.matchAll(JWT_WORD)) {
    const begin = header.search(JWT_BEGIN);
    if (begin === -1) continue;
    JWT_REST.lastIndex = index + header.length;
    JWT_REST.test(text);
    spans.push({ start: index + begin, end: JWT_REST.lastIndex });
  }
  for (const { 0: token, index } of text.matchAll(ISSUED)) spans.push({ start: index, end: index + token.length });
  spans.push(...findPem(text));
  return spans;
}

/** What stands after `Basic` in a sentence is no base64 of a name, a colon and a password. */
function isUserAndPassword(token: string): boolean {
  return /^[\x20-\x7e\u00a0-\u00ff]*:/.test(Buffer.from(token, 'base64').toString('latin1'));
}

/** To its end, or to that of the text: the end may be cut off. */
function findPem(text: string): Span[] {
  const spans: Span[] = [];
  PEM.lastIndex = 0;
  for (let begin = PEM.exec(text); begin !== null; begin = PEM.exec(text)) {
    PEM_END.lastIndex = PEM.lastIndex;
    const end = PEM_END.exec(text) === null ? text.length : PEM_END.lastIndex;
    spans.push({ start: begin.index, end });
    PEM.lastIndex = end;
  }
  return spans;
}
