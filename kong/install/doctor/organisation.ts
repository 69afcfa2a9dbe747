/** What Genesys says of the organisation and the OAuth client: limits, idle timeout, IP allow list. Pure. */

import { BlockList, isIP } from 'node:net';
import type { LoginClient } from '../../../plugins/shared/login-trial.js';
import { property } from '../../../plugins/shared/property.js';
import type { Configuration } from './configuration.js';
import { type Finding, fail, ok, skip, warn } from './finding.js';
import { type ApiAnswer, clientName } from './login.js';

/** What is asked, by name. All are reads (purecloud-platform-client-v2 262: OrganizationApi, TokensApi, OAuthApi). */
export const PATHS = {
  organisation: () => '/api/v2/organizations/me',
  idleTimeout: () => '/api/v2/tokens/timeout',
  limits: () => '/api/v2/organizations/limits/namespaces/platform.api',
  client: (clientId: string) => `/api/v2/oauth/clients/${encodeURIComponent(clientId)}`,
} as const;

export interface ApiFacts {
  client: LoginClient;
  answers: Readonly<Record<keyof typeof PATHS, ApiAnswer>>;
  /** From which address login and API were reached. */
  egress: { login: string | undefined; api: string | undefined; loginByProxy: boolean };
}

const LIMIT_KEY = 'client.credentials.token.rate.per.minute';
/** So much of what Genesys allows is given out: its minute is not the gateway's. */
const SHARE = 0.93;
/** How Genesys may write the field: its SDK has none (262). */
const ALLOW_LIST = /^ip_?(address)?_?allow_?list$/i;

export function judgeOrganisation({ client, answers }: ApiFacts): Finding {
  const check = 'organisation';
  const answer = answers.organisation;
  if ('status' in answer && answer.status === 200) {
    return ok(check, `${clientName(client)}: ${String(property(answer.body, 'name') ?? 'without a name')}`);
  }
  const why = whyNot(answer);
  if ('status' in answer && answer.status === 403)
    return skip(check, `${clientName(client)}: ${why}`, 'give its role the permission');
  const fix = "look at DNS and firewall to the API host, at the region, and at the client's IP allow list";
  return fail(check, `${clientName(client)}: the token is granted, but the API says: ${why}`, fix);
}

export function judgeIdleTimeout({ client, answers }: ApiFacts): Finding {
  const check = 'idle timeout';
  const answer = answers.idleTimeout;
  if (!('status' in answer) || answer.status !== 200) return skip(check, `${clientName(client)}: ${whyNot(answer)}`);
  const seconds = property(answer.body, 'idleTokenTimeoutSeconds');
  const isOn = property(answer.body, 'enableIdleTokenTimeout') !== false && typeof seconds === 'number' && seconds > 0;
  const configured = client.maxIdleMs;
  if (!isOn) return ok(check, `${clientName(client)}: none`);
  const set = `set max_idle_seconds: ${Math.max(1, seconds - 30)} in genesys-token-manager`;
  if (configured === undefined) {
    return warn(check, `${clientName(client)}: ${seconds} s, which the gateway learns only from a first 401`, set);
  }
  if (configured > seconds * 1000) {
    return warn(check, `${clientName(client)}: ${seconds} s, below max_idle_seconds ${configured / 1000}`, set);
  }
  return ok(check, `${clientName(client)}: ${seconds} s, and max_idle_seconds is ${configured / 1000}`);
}

/** Judges the limits of genesys-quota by what one organisation's tokens may do. @param clients of that organisation */
export function judgeLimits(
  { client, answers }: ApiFacts,
  clients: readonly LoginClient[],
  configured: Configuration['limits'],
): Finding[] {
  const check = 'limits';
  const answer = answers.limits;
  if (!('status' in answer) || answer.status !== 200) return [skip(check, `${clientName(client)}: ${whyNot(answer)}`)];
  const entities = property(answer.body, 'entities');
  const limit: unknown = property(
    (Array.isArray(entities) ? entities : []).find((entity: unknown) => property(entity, 'key') === LIMIT_KEY),
    'value',
  );
  if (typeof limit !== 'number' || !(limit > 0))
    return [skip(check, `${clientName(client)}: ${LIMIT_KEY} is not among them`)];
  const tokens = clients.reduce((sum, one) => sum + one.tokens, 0);
  const total = limit * tokens;
  const suggested = Math.floor(total * SHARE);
  const entry = `{ name: organisation, limit: ${suggested}, window: minute, by: global }`;
  const what = `${new URL(client.tokenUrl).host}: ${limit} requests a minute for each token, ${total} for the gateway's ${tokens}`;
  const over = configured.filter((one) => one.limit > total);
  if (over.length > 0) {
    return over.map(({ where, limit: wanted }) =>
      warn(check, `${what}; ${where} allows ${wanted}`, `limits: [${entry}]`),
    );
  }
  if (configured.length === 0) return [warn(check, `${what}; no limit by global in a minute`, `limits: [${entry}]`)];
  return [ok(check, `${what}; suggested limits: [${entry}]`)];
}

export function judgeAllowList({ client, answers, egress }: ApiFacts): Finding {
  const check = 'ip allow list';
  const answer = answers.client;
  const name = clientName(client);
  if (!('status' in answer) || answer.status !== 200) {
    return skip(check, `${name}: ${whyNot(answer)}`, 'oauth:client:view lets it be read');
  }
  const [, list] = Object.entries(Object(answer.body)).find(([field]) => ALLOW_LIST.test(field)) ?? [];
  if (!Array.isArray(list)) return skip(check, `${name}: Genesys does not tell it`);
  const entries = list.filter((entry) => typeof entry === 'string');
  if (entries.length === 0) {
    return warn(
      check,
      `${name}: none, so its secret works from anywhere`,
      "list the addresses of your gateway's way out",
    );
  }
  const allowed = allowing(entries);
  const addresses = [...(egress.loginByProxy ? [] : [egress.login]), egress.api].filter((one) => one !== undefined);
  const behind = egress.loginByProxy ? ' login goes through a proxy, whose address is not seen here;' : '';
  const unlisted = [...new Set(addresses)].filter((address) => !allowed(address));
  const listed = `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`;
  const [hidden] = unlisted.filter(isPrivate);
  if (hidden !== undefined) {
    const why = `${name}: ${listed};${behind} this machine's ${hidden} is private, Genesys sees another address`;
    return skip(check, why, 'compare the list with the address of your NAT');
  }
  if (unlisted.length > 0) {
    return warn(
      check,
      `${name}: ${listed}, ${unlisted.join(', ')} of this machine not among them`,
      'add it to the list',
    );
  }
  return ok(check, `${name}: ${listed};${behind} ${addresses.join(', ')} of this machine is allowed`);
}

/** Returns whether an address is in a list of addresses and networks (`203.0.113.0/24`). */
function allowing(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.trim().split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix);
    const isValid =
      isIP(address) !== 0 && Number.isInteger(bits) && bits >= 0 && bits <= (family === 'ipv6' ? 128 : 32);
    if (isValid) list.addSubnet(address, bits, family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Of RFC 1918, 6598, 4193 and 4291: behind a NAT. */
const isPrivate = allowing(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fe80::/10']);

function whyNot(answer: ApiAnswer): string {
  if ('problem' in answer) return `cannot be reached (${answer.problem})`;
  const { status, body } = answer;
  // Genesys' own word for it. A message may hold anything.
  const code = property(body, 'code');
  return typeof code === 'string' && /^[\w.-]{1,100}$/.test(code) ? `${status} ${code}` : `status ${status}`;
}
