/**
 * Classifies an answer of the login service: a token, a failure that may pass, or a permanent refusal. Pure. Reasons
 * are made for log lines: short, one line, without secret or token.
 */
import type { SmallAnswer } from '../../shared/http/small-fetch.js';
import { oneLine } from '../../shared/one-line.js';

/** A token as login granted it. */
export interface GrantedToken {
  kind: 'granted';
  /** The token, which is safe to put into a header. */
  value: string;
  /** The lifetime that login grants, or the default. Counted from before the request was sent. */
  lifetimeMs: number;
}

/** Why there is no token. */
export interface Fault {
  kind: 'fault';
  /** The reason to log. */
  reason: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** How long login asked to wait. */
  retryAfterMs?: number;
}

export type LoginResult = GrantedToken | Fault;

/** How answers are read. */
export interface AnswerPolicy {
  /** The lifetime of a token whose answer names none: `expires_in` is only recommended (RFC 6749 5.1). */
  defaultLifetimeMs: number;
  /** Texts that must not appear in a reason, even if login echoes them. */
  secrets: readonly string[];
}

/** By default, nginx refuses header lines over 8 KiB, and so do many services. */
const MAX_TOKEN_LENGTH = 7_168;
const MAX_REASON_LENGTH = 200;
/** RFC 6749 A.12 allows spaces in a token. RFC 6750 2.1, which defines how it is sent, does not. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
/** RFC 6749 5.1 has `bearer`, in any case. Apigee answers `BearerToken`. */
const BEARER = /^bearer([ _-]?token)?$/i;
/** A token that lives shorter would be asked for more than once a second. */
const SHORTEST_LIFETIME_MS = 1_000;
/** The pause after an answer that cannot be used, so that it costs login no more than one request in a second. */
const UNUSABLE_PAUSE_MS = 1_000;
/**
 * Errors that the same request will meet again (RFC 6749 5.2, 4.1.2.1). Some issuers answer them with 200. An unknown
 * error in a 200 may pass.
 */
const PERMANENT_ERRORS = new Set([
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
]);

/**
 * Classifies an answer.
 *
 * A success with an `error` in place of a token counts as that error. Retryable are 429, 5xx, a success without a usable token (which Genesys sends during trouble), and Genesys'
 * throttling of logins. That is not a 429 but a 400 `invalid_request` with "rate limit exceeded" in its description.
 */
export function classifyAnswer(answer: SmallAnswer, policy: AnswerPolicy): LoginResult {
  const { status } = answer;
  const fields = parseObject(answer.body);
  const isSuccess = status >= 200 && status < 300;
  const error = describeError(fields, policy.secrets);
  if (isSuccess && (isText(fields.access_token) || error === '')) return classifySuccess(answer, fields, policy);
  const reason = `login answered ${status}${error === '' ? '' : ` ${error}`}`;
  if (status >= 300 && status < 400) return refusal(`login answered ${status}: redirects are not followed`);
  const isThrottled = fields.error === 'invalid_request' && /rate limit exceeded/i.test(error);
  if (isSuccess) {
    const isPermanent = PERMANENT_ERRORS.has(String(fields.error)) && !isThrottled;
    return isPermanent ? refusal(reason) : unusable(reason, answer.retryAfterMs);
  }
  const mayPass = status === 429 || status >= 500 || (status === 400 && isThrottled);
  return mayPass ? trouble(reason, answer.retryAfterMs) : refusal(reason);
}

/** Makes a fault that may pass. */
export function trouble(reason: string, retryAfterMs?: number): Fault {
  return { kind: 'fault', reason, retryable: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Makes the fault of a success without a token that can be used. */
export function unusable(reason: string, retryAfterMs = 0): Fault {
  return trouble(reason, Math.max(UNUSABLE_PAUSE_MS, retryAfterMs));
}

function refusal(reason: string): Fault {
  return { kind: 'fault', reason, retryable: false };
}

function classifySuccess(
  { status, body, retryAfterMs }: SmallAnswer,
  fields: Record<string, unknown>,
  { defaultLifetimeMs, secrets }: AnswerPolicy,
): LoginResult {
  const { access_token: value, token_type: type, expires_in: lifetime } = fields;
  const without = (what: string) => unusable(`login answered ${status} ${what}`, retryAfterMs);
  if (typeof body !== 'string') return without(`with a body ${body.unread}`);
  if (typeof value !== 'string' || value === '') return without('without an access_token');
  if (value.length > MAX_TOKEN_LENGTH) return without('with an access_token too long for a header');
  if (!VISIBLE_ASCII.test(value)) return without('with an access_token that no header can carry');
  if (!isBearer(type)) {
    const named = isText(type) ? ` ${JSON.stringify(sanitise(type, [...secrets, value]))}` : '';
    return refusal(`login answered ${status} with a token_type${named} other than bearer`);
  }
  const lifetimeMs = lifetime === undefined || lifetime === null ? defaultLifetimeMs : lifetimeOf(lifetime);
  if (lifetimeMs === undefined) return without('without a usable expires_in');
  return { kind: 'granted', value, lifetimeMs };
}

/** Returns whether a token is sent as a bearer token. A missing type counts as bearer. */
function isBearer(type: unknown): boolean {
  if (type === undefined || type === null) return true;
  return typeof type === 'string' && (type.trim() === '' || BEARER.test(type.trim()));
}

/** Reads `expires_in`, which some issuers send as text. Returns milliseconds. */
function lifetimeOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  return seconds * 1000 < SHORTEST_LIFETIME_MS ? undefined : seconds * 1000;
}

/** Returns `error: description`. Genesys sends the description under two names. */
function describeError(fields: Record<string, unknown>, secrets: readonly string[]): string {
  const description = [fields.description, fields.error_description].find(isText);
  return sanitise([fields.error, description].filter(isText).join(': '), secrets);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Makes foreign text fit for one log line: no secret, no control or non-ASCII characters, limited in length. */
function sanitise(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]');
  return oneLine(clean, MAX_REASON_LENGTH);
}

function parseObject(body: SmallAnswer['body']): Record<string, unknown> {
  if (typeof body !== 'string') return {};
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
