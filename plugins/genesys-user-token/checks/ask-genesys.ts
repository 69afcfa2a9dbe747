/**
 * One check of a token at Genesys Cloud: `GET /api/v2/tokens/me` says whether it is alive, and of which organisation and
 * OAuth client, and `GET /api/v2/users/me` of which user. A token that Genesys refuses costs one request.
 */
import type { Clock } from '../../shared/clock.js';
import type { Egress } from '../../shared/http/egress.js';
import { type FetchEffects, smallFetch } from '../../shared/http/small-fetch.js';
import { property } from '../../shared/property.js';

/** The API of a region. */
export interface GenesysApi {
  /** Such as `https://api.mypurecloud.com`. */
  origin: string;
  egress: Egress;
}

/** Whose token it is. All ids are in lower case. */
export interface TokenOwner {
  organizationId: string;
  /** Another one for users who work in an organisation that has authorised theirs. */
  homeOrganizationId: string;
  clientId: string;
  userId: string;
  /** Those of the user's groups that were asked for. */
  groupIds: ReadonlySet<string>;
}

export type GenesysAnswer =
  | { kind: 'owner'; owner: TokenOwner }
  /** `invalid`: not a live token. `userless`: no user's, or it may not read its own user. */
  | { kind: 'refused'; why: 'invalid' | 'userless' }
  /** Genesys limits the token's requests. */
  | { kind: 'busy'; retryAfterMs: number }
  /** There is no answer that can be used. The reason is for a log line. */
  | { kind: 'failed'; reason: string };

export interface AskEffects extends FetchEffects, Pick<Clock, 'nowMs'> {}

/** A user with many groups is long. */
const MAX_ANSWER_BYTES = 1_048_576;
/** Without Retry-After. */
const BUSY_MS = 5_000;
const LONGEST_ID = 64;

/**
 * Asks Genesys whose token it is. Never rejects.
 * @param groups the groups of interest, in lower case
 * @param timeoutMs the limit for both requests together
 */
export async function askOwner(
  token: string,
  api: GenesysApi,
  groups: ReadonlySet<string>,
  timeoutMs: number,
  effects: AskEffects,
): Promise<GenesysAnswer> {
  const untilMs = effects.nowMs() + timeoutMs;
  const ask = (path: string) => {
    const headers = { Authorization: `Bearer ${token}`, 'User-Agent': 'genesys-user-token' };
    const leftMs = Math.max(1, untilMs - effects.nowMs());
    return smallFetch(
      {
        ...{ url: api.origin + path, method: 'GET', headers },
        egress: api.egress,
        timeoutMs: leftMs,
        maxBytes: MAX_ANSWER_BYTES,
      },
      effects,
    );
  };
  const info = readAnswer(await ask('/api/v2/tokens/me'), [401, 403], 'invalid');
  if ('kind' in info) return info;
  const organizationId = idIn(property(info.json, 'organization'));
  const clientId = idIn(property(info.json, 'OAuthClient'));
  const home = property(info.json, 'homeOrganization');
  const homeOrganizationId = home === undefined || home === null ? organizationId : idIn(home);
  if (organizationId === undefined || clientId === undefined || homeOrganizationId === undefined) {
    return { kind: 'failed', reason: 'Genesys says no organisation or OAuth client of a token' };
  }
  // A token of the client credentials grant is no user's: 400 (seen); another answer than 200 means no more.
  const user = readAnswer(
    await ask(`/api/v2/users/me${groups.size > 0 ? '?expand=groups' : ''}`),
    [400, 401, 403, 404],
    'userless',
  );
  if ('kind' in user) return user;
  const userId = idIn(user.json);
  if (userId === undefined) return { kind: 'failed', reason: 'Genesys says no id of a user' };
  const groupIds = new Set(groupIdsIn(user.json).filter((id) => groups.has(id)));
  return { kind: 'owner', owner: { organizationId, homeOrganizationId, clientId, userId, groupIds } };
}

function readAnswer(
  answer: Awaited<ReturnType<typeof smallFetch>>,
  refusing: readonly number[],
  why: 'invalid' | 'userless',
): { json: unknown } | Exclude<GenesysAnswer, { kind: 'owner' }> {
  if ('failure' in answer) return { kind: 'failed', reason: `Genesys ${answer.failure}` };
  const { status, body, retryAfterMs } = answer;
  if (status === 401) return { kind: 'refused', why: 'invalid' };
  if (refusing.includes(status)) return { kind: 'refused', why };
  if (status === 429) return { kind: 'busy', retryAfterMs: retryAfterMs ?? BUSY_MS };
  if (status !== 200) return { kind: 'failed', reason: `Genesys answered ${status}` };
  if (typeof body !== 'string') return { kind: 'failed', reason: `Genesys answered with a body ${body.unread}` };
  try {
    return { json: JSON.parse(body) };
  } catch {
    return { kind: 'failed', reason: 'Genesys answered with a body that is not JSON' };
  }
}

function idIn(entity: unknown): string | undefined {
  const id = property(entity, 'id');
  return typeof id === 'string' && id !== '' && id.length <= LONGEST_ID ? id.toLowerCase() : undefined;
}

function groupIdsIn(user: unknown): string[] {
  const groups = property(user, 'groups');
  return Array.isArray(groups) ? groups.flatMap((group) => idIn(group) ?? []) : [];
}
