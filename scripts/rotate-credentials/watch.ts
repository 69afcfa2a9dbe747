/**
 * `security-keys --watch`: tokens of external systems that Genesys holds as secrets, for its Data Actions, are replaced
 * five to ten minutes before they expire. Nothing is remembered: each start pushes all of them once.
 */

import { basicCredentials } from '../../plugins/shared/client-credentials.js';
import { property } from '../../plugins/shared/property.js';
import { backoffMs } from './backoff.js';
import type { Effects } from './effects.js';
import { messageOf } from './failure.js';
import type { GenesysApi } from './genesys-api.js';
import { type Http, secureUrl } from './http.js';
import type { Report } from './report.js';

/** An external system's token, and the secret of Genesys that it goes into. */
export interface ExternalToken {
  secretId: string;
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope: string | undefined;
}

const MINUTE_MS = 60_000;
/** Pushes to several secrets must not come at once, so the moment is random. */
const LEAD_MS = { min: 5 * MINUTE_MS, max: 10 * MINUTE_MS } as const;
/** A failing push is tried again at least so often. */
const RETRY_CAP_MS = MINUTE_MS;

/**
 * When the next token is to be pushed: 5 to 10 minutes before this one expires, but never in the first half of its life.
 * @param random between 0 and 1
 */
export function nextPushAtMs(pushedAtMs: number, expiresAtMs: number, random: number): number {
  const leadMs = LEAD_MS.min + random * (LEAD_MS.max - LEAD_MS.min);
  return Math.round(Math.max(expiresAtMs - leadMs, pushedAtMs + (expiresAtMs - pushedAtMs) / 2));
}

/**
 * Reads the list of external tokens: JSON, with `env:NAME` or `file:<path>` in place of secrets.
 * @throws Error of one line that names the entry and holds no secret
 */
export function readExternalTokens(text: string, secretOf: (reference: string) => string): ExternalToken[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error('the list of external tokens is not JSON');
  }
  if (!Array.isArray(list) || list.length === 0) throw new Error('the list of external tokens is empty, or no list');
  return list.map((entry, index) => {
    const field = (name: string): string => {
      const value = property(entry, name);
      if (typeof value !== 'string' || value === '') throw new Error(`external token ${index + 1}: ${name} is missing`);
      return value;
    };
    const reference = field('client_secret');
    if (!/^(env|file):/.test(reference)) {
      throw new Error(
        `external token ${index + 1}: client_secret must be env:NAME or file:PATH, not the secret itself`,
      );
    }
    const scope = property(entry, 'scope');
    return {
      secretId: field('secret_id'),
      tokenUrl: secureUrl(field('token_url'), `external token ${index + 1}: token_url`).href,
      clientId: field('client_id'),
      clientSecret: secretOf(reference),
      scope: typeof scope === 'string' ? scope : undefined,
    };
  });
}

/** Pushes until `stopped` says so. Never rejects. */
export async function watchToken(
  token: ExternalToken,
  {
    api,
    http,
    effects,
    report,
    stopped,
  }: {
    api: Pick<GenesysApi, 'pushSecret'>;
    http: Http;
    effects: Effects;
    report: Report;
    stopped: () => boolean;
  },
): Promise<void> {
  let expiresAtMs = 0;
  for (let failures = 0; !stopped(); ) {
    try {
      const startedAtMs = effects.nowMs();
      const fresh = await fetchToken(token, http, startedAtMs);
      await api.pushSecret(token.secretId, fresh.value, fresh.expiresAtMs);
      expiresAtMs = fresh.expiresAtMs;
      failures = 0;
      const nextAtMs = nextPushAtMs(startedAtMs, expiresAtMs, effects.random());
      const times = { expires: new Date(expiresAtMs).toISOString(), next: new Date(nextAtMs).toISOString() };
      report.record('pushed', { secret_id: token.secretId, ...times }, [
        `pushed ${token.secretId}: expires ${times.expires}, next at ${times.next}`,
      ]);
      await effects.sleep(Math.max(0, nextAtMs - effects.nowMs()));
    } catch (error) {
      failures += 1;
      const left = Math.round((expiresAtMs - effects.nowMs()) / 1000);
      const message = `the secret ${token.secretId} was not pushed: ${messageOf(error)}`;
      if (left > 0) report.note(`${message}; the one before lives ${left} s longer`);
      else report.alarm(`${message}; Genesys holds no valid one`, 'it is tried again until it works');
      await effects.sleep(Math.min(RETRY_CAP_MS, backoffMs(failures, effects.random(), 1000)));
    }
  }
}

async function fetchToken(
  { tokenUrl, clientId, clientSecret, scope }: ExternalToken,
  http: Http,
  nowMs: number,
): Promise<{ value: string; expiresAtMs: number }> {
  const answer = await http.call({
    method: 'POST',
    url: tokenUrl,
    headers: { Authorization: `Basic ${basicCredentials(clientId, clientSecret)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
  });
  const value = property(answer, 'access_token');
  const seconds = Number(property(answer, 'expires_in'));
  if (typeof value !== 'string' || !(seconds > 0))
    throw new Error('the token endpoint answered without a usable token');
  return { value, expiresAtMs: nowMs + seconds * 1000 };
}
