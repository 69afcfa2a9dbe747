/**
 * What genesys-token-manager leaves in `ctx.shared` for later phases and other plugins: which token a request carries,
 * by a name that tells nothing of it, and how many tokens the request could have been given. Pure.
 */
import type { PdkValue } from './pdk.js';

/** Under this key of `ctx.shared`. */
export const TOKEN_MARK = 'genesys_token';

/** The mark of a request that genesys-token-manager answered itself: it never reached the service. */
export const REFUSED_MARK = 'refused';

/** In place of a token's name, if the credential is no token of ours. */
export const STATIC_REF = 'static';

export interface TokenMark {
  /** The token's name, the same in every node that shares it; never the token. */
  ref: string;
  /** Tokens of the pool that it came from, each with a rate limit of its own. */
  poolSize: number;
}

/** The mark as it is left. */
export function formatTokenMark({ ref, poolSize }: TokenMark): string {
  return `${ref}/${poolSize}`;
}

/** Reads what was left; undefined if the request got no credential of ours. */
export function parseTokenMark(value: PdkValue): TokenMark | undefined {
  if (typeof value !== 'string') return undefined;
  const [, ref, size] = /^(.+)\/([1-9]\d{0,5})$/.exec(value) ?? [];
  return ref === undefined ? undefined : { ref, poolSize: Number(size) };
}
