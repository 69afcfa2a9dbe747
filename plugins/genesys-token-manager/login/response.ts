/**
 * Classifies an answer of the login service: a token, a failure that may pass, or a permanent refusal. Pure. Reasons
 * are made for log lines: short, one line, without secret or token.
 */
import { oneLine } from '../../shared/one-line.js';

/** A token as login granted it. */
export interface GrantedToken {
  kind: 'granted';
  /** The token, which is safe to put into a header. */
  value: string;
  /** `expires_in`, counted from before the request was sent. */
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

/** An answer of login, not yet read. */
export interface LoginAnswer {
  status: number;
  /** Undefined if it was too large to be read. */
  body: string | undefined;
  retryAfterMs: number | undefined;
}

/** By default, nginx refuses header lines over 8 KiB, and so do many services. */
const MAX_TOKEN_LENGTH = 7_168;
const MAX_REASON_LENGTH = 200;
/** RFC 6749 A.12 allows spaces in a token. RFC 6750 2.1, which defines how it is sent, does not. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Classifies an answer.
 *
 * Retryable are 429, 5xx, a success without a usable token (which Genesys sends during trouble), and Genesys'
 * throttling of logins. That is not a 429 but a 400 `invalid_request` with "rate limit exceeded" in its description.
 * @param secrets texts that must not appear in a reason, even if login echoes them
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

/** Makes a fault that may pass. */
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

/** Returns `error: description`. Genesys sends the description under two names. */
function describeError(fields: Record<string, unknown>, secrets: readonly string[]): string {
  const texts = [fields.error, fields.description ?? fields.error_description].filter(
    (text) => typeof text === 'string',
  );
  return sanitise(texts.join(': '), secrets);
}

/** Makes foreign text fit for one log line: no secret, no control or non-ASCII characters, limited in length. */
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
