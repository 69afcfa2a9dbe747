/** Logins of OAuth clients, and what the API answers to their tokens. The plugin's code logs in: it is passed in. */
import { errorCode } from '../../../plugins/shared/error-code.js';
import type { Host } from '../../../plugins/shared/host.js';
import type { LoginClient, LoginTrial } from '../../../plugins/shared/login-trial.js';
import { isLoopback } from '../../../plugins/shared/loopback.js';
import { REGIONS, regionApiUrl, regionTokenUrl } from '../../../plugins/shared/regions.js';
import { type Finding, fail, ok, warn } from './finding.js';

/** Lists the clients of a configuration of genesys-token-manager. @throws ConfigError without a secret */
export type ListClients = (config: object, host: Host) => LoginClient[];

/** An answer of the API, or why there is none. */
export type ApiAnswer = { status: number; body: unknown } | { problem: string };

const MAX_BODY_BYTES = 1_048_576;
/** Login's clock is told in whole seconds, and the way there takes some. */
const SKEW_WARN_MS = 5_000;
/** Signed logins (RFC 7523) are refused at about this. */
const SKEW_FAIL_MS = 60_000;

export function judgeLogin(client: LoginClient, { token, problem, retryable }: LoginTrial): Finding {
  const check = 'login';
  if (token !== undefined)
    return ok(check, `${clientName(client)}: a token for ${Math.round(token.lifetimeMs / 1000)} s`);
  const what = `${clientName(client)}: ${problem ?? 'no token'}`;
  if (retryable) return fail(check, what, 'look at DNS, firewall and proxy_url; if login throttles, wait a minute');
  return fail(check, what, "correct client_id, client_secret and region; see the client's IP allow list");
}

/** Judges this machine's clock by the first login that told its time. */
export function judgeClock(trials: readonly Pick<LoginTrial, 'clockAheadMs'>[]): Finding | undefined {
  const aheadMs = trials.find(({ clockAheadMs }) => clockAheadMs !== undefined)?.clockAheadMs;
  if (aheadMs === undefined) return undefined;
  const skewMs = Math.abs(aheadMs);
  if (skewMs < SKEW_WARN_MS) return ok('clock', "within a few seconds of login's");
  const what = `${Math.round(skewMs / 1000)} s ${aheadMs > 0 ? 'behind' : 'ahead of'} login's`;
  const fix = 'let NTP set the clock (chrony, systemd-timesyncd)';
  return skewMs >= SKEW_FAIL_MS ? fail('clock', what, fix) : warn('clock', what, fix);
}

/** Returns the API of the organisation that a login is of; undefined if it is not Genesys Cloud's. */
export function apiUrlOf(tokenUrl: string): string | undefined {
  const { hostname, origin } = new URL(tokenUrl);
  const region = REGIONS.find((one) => new URL(regionTokenUrl(one)).hostname === hostname);
  if (region !== undefined) return regionApiUrl(region);
  // The simulator plays both.
  return isLoopback(hostname) ? origin : undefined;
}

/**
 * Reads a path of the API. The token goes to that host only: redirects are not followed.
 * @param query sent by POST, as JSON; undefined: a GET
 */
export async function askApi(
  apiUrl: string,
  path: string,
  token: string,
  timeoutMs: number,
  query?: object,
): Promise<ApiAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const { default: fetch } = await import('node-fetch');
    const headers = {
      Accept: 'application/json',
      Authorization: `Bearer ${token}`,
      'User-Agent': 'kong-genesys-cloud',
    };
    const post = query && { method: 'POST', body: JSON.stringify(query) };
    const response = await fetch(apiUrl + path, {
      ...post,
      headers: { ...headers, ...(post && { 'Content-Type': 'application/json' }) },
      redirect: 'manual',
      size: MAX_BODY_BYTES,
      signal,
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch (error) {
    return { problem: signal.aborted ? `no answer within ${timeoutMs} ms` : errorCode(error) };
  }
}

/** Names a client in a finding. */
export function clientName({ clientId, tokenUrl }: LoginClient): string {
  return `client ${clientId} at ${new URL(tokenUrl).host}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
