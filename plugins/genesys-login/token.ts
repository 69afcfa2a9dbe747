/**
 * The tokens that the gateway gives out itself: JSON Web Tokens (RFC 7519), signed with RS256 (RFC 7515, RFC 7518 3.3).
 * Kong's jwt plugin checks them; nobody else ever gets one.
 */
import { type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * RFC 7519 4.1.5 lets those who check allow for clocks that differ; Kong does not, and refuses a token of the next node
 * whose clock is a second ahead. So a token is good from a minute before it was made.
 */
export const CLOCK_LEEWAY_SECONDS = 60;

/** What a token says. */
export interface TokenRequest {
  username: string;
  keyId: string;
  lifetimeSeconds: number;
  nowSeconds: number;
  /** Unique (RFC 7519 4.1.7). */
  id: string;
}

export interface Claims {
  iss: string;
  jti: string;
  iat: number;
  nbf: number;
  exp: number;
}

/** The key of a consumer's jwt credential, which is how Kong's jwt finds the credential by a token's issuer. */
export function issuerOf(username: string, keyId: string): string {
  return `${username}:${keyId}`;
}

/** The claims of a token. */
export function claimsOf({ username, keyId, lifetimeSeconds, nowSeconds, id }: TokenRequest): Claims {
  return {
    iss: issuerOf(username, keyId),
    jti: id,
    iat: nowSeconds,
    nbf: nowSeconds - CLOCK_LEEWAY_SECONDS,
    exp: nowSeconds + lifetimeSeconds,
  };
}

/** Node's pool of threads signs: a large key takes milliseconds, which other requests need not wait for. */
const signInBackground = promisify(
  (data: Buffer, key: KeyObject, done: (error: Error | null, signature: Buffer) => void): void =>
    sign('RSA-SHA256', data, key, done),
);

/** A signed token in the compact form (RFC 7515 7.1). */
export async function signToken(claims: Claims, keyId: string, key: KeyObject): Promise<string> {
  const header = { alg: 'RS256', typ: 'JWT', kid: keyId };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = await signInBackground(Buffer.from(text), key);
  return `${text}.${signature.toString('base64url')}`;
}
