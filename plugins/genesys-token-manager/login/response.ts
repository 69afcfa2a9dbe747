/**
 * What an answer of the login service means: a token, a trouble that may pass, or a refusal that repeating cannot mend.
 * Pure. Reasons are made for log lines: bounded, one line, without secret or token.
 */

/** A token as login granted it. */
import { oneLine } from '../../shared/one-line.js';
export interface GrantedToken {
  kind: 'granted';
  /** Safe to be put into a header. */
  value: string;
  /** `expires_in`, counted from before the request was sent. */
  lifetimeMs: number;
}

/** Why there is no token. */
export interface Fault {
  kind: 'fault';
  /** For the log. */
  reason: string;
  /** Whether the same request may succeed later by itself. */
  retryable: boolean;
  /** What login asked to wait. */
  retryAfterMs?: number;
}

export type LoginResult = GrantedToken | Fault;

/** An answer as it came. */
export interface LoginAnswer {
  status: number;
  /** Undefined if it was too large to be read. */
  body: string | undefined;
  retryAfterMs: number | undefined;
}

/** nginx refuses header lines over 8 KiB by default, and so do many services. */
const MAX_TOKEN_LENGTH = 7_168;
const MAX_REASON_LENGTH = 200;
/** RFC 6749 A.12 allows a space in a token; RFC 6750 2.1, which says how it is sent, does not. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Classifies an answer.
 *
 * Retryable are 429, 5xx, a success without a usable token (Genesys answers so during trouble), and Genesys' throttling
 * of logins: 400 `invalid_request` with "rate limit exceeded" in its description, not 429.
 * @param secrets texts that must not appear in a reason, should login echo them
 */
export function classifyAnswer(answer: LoginAnswer, secrets: readonly string[]): LoginResult {
  const { status } = answer;
  const fields = parseObject(answer.body);
  if (status >= 200 && status < 300) return classifySuccess(status, answer, fields);
  const error = describeError(fields, secrets);
  const reason = `login answered ${status}${error === '' ? '' : ` ${error}`}`;
  if (status >= 300 && status < 400) return refusal(`login answered ${status}: redirects are not followed`);
  const throttled = status === 400 && fields.error === 'invalid_request' && /rate limit exceeded/i.test(error);
  return status === 429 || status >= 500 || throttled ? trouble(reason, answer.retryAfterMs) : refusal(reason);
}

/** A failure that may pass. */
export function trouble(reason: string, retryAfterMs?: number): Fault {
  return { kind: 'fault', reason, retryable: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function refusal(reason: string): Fault {
  return { kind: 'fault', reason, retryable: false };
}

function classifySuccess(status: number, answer: LoginAnswer, fields: Record<string, unknown>): LoginResult {
  const { access_token: value, token_type: type = 'bearer' } = fields;
  const unusable = (what: string) => trouble(`login answered ${status} ${what}`, answer.retryAfterMs);
  if (answer.body === undefined) return unusable('with a body over the size limit');
  if (typeof value !== 'string' || value === '') return unusable('without an access_token');
  if (value.length > MAX_TOKEN_LENGTH) return unusable('with an access_token too long for a header');
  if (!VISIBLE_ASCII.test(value)) return unusable('with an access_token that no header can carry');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    return refusal(`login answered ${status} with a token_type other than bearer`);
  }
  const lifetimeSeconds = typeof fields.expires_in === 'string' ? Number(fields.expires_in) : fields.expires_in;
  if (typeof lifetimeSeconds !== 'number' || !Number.isFinite(lifetimeSeconds) || lifetimeSeconds <= 0) {
    return unusable('without a usable expires_in');
  }
  return { kind: 'granted', value, lifetimeMs: lifetimeSeconds * 1000 };
}

/** `error: description`, of which Genesys sends the latter under two names. */
function describeError(fields: Record<string, unknown>, secrets: readonly string[]): string {
  const texts = [fields.error, fields.description ?? fields.error_description].filter(
    (text) => typeof text === 'string',
  );
  return sanitise(texts.join(': '), secrets);
}

/** Makes foreign text fit for one log line: no secret, no control or non-ASCII characters, bounded. */
function sanitise(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]');
  return oneLine(clean, MAX_REASON_LENGTH);
}

function parseObject(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
