/**
 * The access tokens of one region: issue, expiry, revocation. A token is known by its ordinal everywhere outside this
 * file, so that nothing else has to hold its value. Tokens that died are remembered, so that a late use of one is told
 * apart from a made-up one.
 */
import { randomBytes } from 'node:crypto';

/** One issued token without its value. Times are in ms since the epoch. */
export interface IssuedToken {
  ordinal: number;
  clientId: string;
  /** Of a user who logged in; undefined for an OAuth client of its own. */
  userId: string | undefined;
  issuedAt: number;
  expiresAt: number;
  lifetimeSeconds: number;
  revoked: boolean;
  /** Issue or last use; the idle timeout counts from here. */
  usedAt: number;
}

export interface TokenStore {
  /** Issues a token; the value is opaque and unguessable. */
  issue(clientId: string, lifetimeSeconds: number, userId?: string): { value: string; token: IssuedToken };
  /** The record of a value, dead or alive; undefined for a value that was never issued. */
  find(value: string): IssuedToken | undefined;
  isLive(token: IssuedToken): boolean;
  /** Notes that a token was used, which keeps it from idling out. */
  use(token: IssuedToken): void;
  /** The organisation's idle timeout in seconds; undefined: none. */
  idleTimeoutSeconds: number | undefined;
  /** Revokes one token by its ordinal, or all; answers how many died. */
  revoke(which: number | 'all'): number;
  revokeClient(clientId: string): void;
  /** At most so many live tokens per client; the oldest dies when one more is issued. `null` switches it off. */
  setMaxPerClient(max: number | null): void;
  list(): IssuedToken[];
}

/** So many tokens are remembered, dead ones included. */
const REMEMBERED_TOKENS = 50_000;

export function createTokenStore(initialMaxPerClient: number | null): TokenStore {
  const byValue = new Map<string, IssuedToken>();
  let maxPerClient = initialMaxPerClient;
  let lastOrdinal = 0;

  /** A token that has idled out stays dead, also when the timeout is changed. */
  const isLive = (token: IssuedToken): boolean => {
    const { idleTimeoutSeconds } = store;
    const now = Date.now();
    if (idleTimeoutSeconds !== undefined && now - token.usedAt >= idleTimeoutSeconds * 1000) token.revoked = true;
    return !token.revoked && now < token.expiresAt;
  };

  const killOldest = (clientId: string): void => {
    if (maxPerClient === null) return;
    const live = [...byValue.values()].filter((token) => token.clientId === clientId && isLive(token));
    for (const token of live.slice(0, Math.max(0, live.length - maxPerClient))) token.revoked = true;
  };

  const store: TokenStore = {
    idleTimeoutSeconds: undefined,
    issue(clientId, lifetimeSeconds, userId) {
      lastOrdinal += 1;
      const issuedAt = Date.now();
      const token: IssuedToken = {
        ordinal: lastOrdinal,
        clientId,
        userId,
        issuedAt,
        expiresAt: issuedAt + lifetimeSeconds * 1000,
        lifetimeSeconds,
        revoked: false,
        usedAt: issuedAt,
      };
      const value = randomBytes(64).toString('base64url');
      byValue.set(value, token);
      if (byValue.size > REMEMBERED_TOKENS) {
        const oldest = byValue.keys().next().value;
        if (oldest !== undefined) byValue.delete(oldest);
      }
      killOldest(clientId);
      return { value, token };
    },
    find: (value) => byValue.get(value),
    isLive,
    use(token) {
      token.usedAt = Date.now();
    },
    revoke(which) {
      let revoked = 0;
      for (const token of byValue.values()) {
        if ((which === 'all' || token.ordinal === which) && isLive(token)) {
          token.revoked = true;
          revoked += 1;
        }
      }
      return revoked;
    },
    revokeClient(clientId) {
      for (const token of byValue.values()) if (token.clientId === clientId) token.revoked = true;
    },
    setMaxPerClient(max) {
      maxPerClient = max;
    },
    list: () => [...byValue.values()].map((token) => ({ ...token })),
  };
  return store;
}
