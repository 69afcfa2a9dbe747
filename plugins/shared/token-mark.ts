/**
 * The mark that genesys-token-manager and genesys-user-token set in `ctx.shared` for later phases and other plugins: the
 * name of the request's token, which reveals nothing about it, and the number of tokens that it could have got. Pure.
 */
import type { PdkValue } from './pdk.js';

/** The key of the mark in `ctx.shared`. */
export const TOKEN_MARK = 'genesys_token';

/** The mark of a request that genesys-token-manager answered itself. It never reached the service. */
export const REFUSED_MARK = 'refused';

/** The mark of a request with its user's own token, which genesys-user-token has checked. It gets no other token. */
export const USER_MARK = 'user';

/** The `ref` of a static credential, which is not one of our tokens. */
export const STATIC_REF = 'static';

export interface TokenMark {
  /** The token's name, never the token itself. Nodes that share the token use the same name. */
  ref: string;
  /** The number of tokens in its pool. Each has a rate limit of its own. */
  poolSize: number;
}

/** Formats the mark. */
export function formatTokenMark({ ref, poolSize }: TokenMark): string {
  return `${ref}/${poolSize}`;
}

/** Parses the mark; undefined if the request got no credential from us. */
export function parseTokenMark(value: PdkValue): TokenMark | undefined {
  if (typeof value !== 'string') return undefined;
  const [, ref, size] = /^(.+)\/([1-9]\d{0,5})$/.exec(value) ?? [];
  return ref === undefined ? undefined : { ref, poolSize: Number(size) };
}
