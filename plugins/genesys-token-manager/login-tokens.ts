/**
 * The tokens of genesys-login that clients have given back. Genesys' tools log out with `DELETE /api/v2/tokens/me`; here
 * that concerns the caller's own token alone. Kong's jwt plugin has checked the token before, but cannot know that it
 * was given back.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../shared/clock.js';
import { property } from '../shared/property.js';
import type { Marks, SharedMarks } from './marks.js';

export interface LoginTokens {
  /** Returns whether any token is revoked. Also looks for those that other nodes have revoked, now and then. */
  isAnyRevoked(): boolean;
  /** Returns whether a token in an Authorization header is revoked. */
  isRevoked(authorization: string): boolean;
  /**
   * Revokes the token in an Authorization header until it expires.
   * @param username the consumer that the request was authenticated as
   * @returns undefined if there is no token of genesys-login that names this consumer
   */
  revoke(authorization: string, username: string | undefined): Promise<void> | undefined;
}

/** The payload of each JWT in a text: the part that makes it unique, and that its signature covers as it is written. */
const PAYLOADS = /\beyJ[\w-]*\.([\w-]+)\.[\w-]+/g;
/** A token for longer than this is none of genesys-login. */
const LONGEST_LIFE_SECONDS = 86_400;

/** Makes the list of one configuration. With Redis, it is that of all nodes. */
export function createLoginTokens(
  marks: Marks,
  shared: SharedMarks | undefined,
  { wallClockMs }: Pick<Clock, 'wallClockMs'>,
): LoginTokens {
  return {
    isAnyRevoked() {
      if (shared !== undefined) marks.refresh(shared);
      return !marks.isEmpty;
    },
    isRevoked: (authorization) => payloadsIn(authorization).some((payload) => marks.remainingMs(nameOf(payload)) > 0),
    revoke(authorization, username) {
      const [payload, ...others] = payloadsIn(authorization);
      if (payload === undefined || others.length > 0 || !username) return undefined;
      const claims = parseClaims(payload);
      const [issuer, expires] = [property(claims, 'iss'), property(claims, 'exp')];
      // genesys-login names the consumer in its tokens: `<username>:<key id>`.
      if (typeof issuer !== 'string' || !issuer.startsWith(`${username}:`) || typeof expires !== 'number') {
        return undefined;
      }
      const remainingMs = Math.min(expires * 1000 - wallClockMs(), LONGEST_LIFE_SECONDS * 1000);
      return remainingMs > 0 ? marks.add(nameOf(payload), remainingMs, shared) : Promise.resolve();
    },
  };
}

function payloadsIn(authorization: string): string[] {
  return [...authorization.matchAll(PAYLOADS)].map(([, payload = '']) => payload);
}

/** Returns a name that reveals nothing of the token. */
function nameOf(payload: string): string {
  return createHash('sha256').update(payload).digest('base64url');
}

function parseClaims(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
