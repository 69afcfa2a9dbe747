/** Takes secrets out of what decK says before anyone reads it. Pure. */

import { isReference } from '../../kong/config-check/references.js';
import { isPlainObject } from '../../plugins/shared/plain-object.js';

/** Shorter values are found in any text. */
const MIN_LENGTH = 4;
/** Variables of decK that say how to reach the gateway, and hold no secret. */
const PLAIN_VARIABLE = /^DECK_(ANALYTICS|TIMEOUT|VERBOSE|NO_COLOR|TLS_SERVER_NAME|KONNECT_ADDR|.*_FILE|.*_PATH)$/;
const SECRET_KEY = /(secret|password|token|key)s?$/;

/** The secrets that decK was given: its variables, and the parts of those that have several. */
export function secretsOfEnvironment(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || !name.startsWith('DECK_') || PLAIN_VARIABLE.test(name)) return [];
    if (name === 'DECK_KONG_ADDR') return URL.canParse(value) ? [new URL(value).password] : [];
    if (name === 'DECK_HEADERS') return [value, ...value.split(',').map((header) => header.replace(/^[^:]*: */, ''))];
    return [value];
  });
}

/** The literal secrets of a state, by the names of their fields. */
export function secretsOfState(value: unknown, key = ''): string[] {
  if (typeof value === 'string') return SECRET_KEY.test(key) && !isReference(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((item) => secretsOfState(item, key));
  return isPlainObject(value) ? Object.entries(value).flatMap(([name, item]) => secretsOfState(item, name)) : [];
}

/**
 * Replaces the secrets, and what Kong and decK quote of entities: a whole one that decK's schema refuses, the key of a
 * uniqueness violation, the last characters of a key.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const known = [...new Set(secrets.flatMap(spellings))]
    .filter((secret) => secret.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);
  const redacted = known.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  return redacted
    .replace(/\bobject=.*(?=, err=)/g, 'object=***')
    .replace(/(\b[a-z_]+=)(\\?")(?:(?!\2).)*\2/g, '$1$2***$2')
    .replace(/\b((?:key|hmac|jwt|basic|oauth2|mtls)-\w+) \S+ (for consumer)/g, '$1 *** $2')
    .replace(/(:\/\/[^\s:/@]+):[^\s/@]+@/g, '$1:***@');
}

/** As it is, and as it stands in JSON; Go escapes three characters more than JavaScript. */
function spellings(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const inGo = inJson.replaceAll('&', '\\u0026').replaceAll('<', '\\u003c').replaceAll('>', '\\u003e');
  return [secret, inJson, inGo];
}
