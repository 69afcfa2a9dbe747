/**
 * The tokens that the gateway issues itself: JSON Web Tokens (RFC 7519), signed with RS256 (RFC 7515, RFC 7518 3.3).
 * Only Kong's jwt plugin checks them.
 */
import { type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * A token is valid from a minute before it was made. RFC 7519 4.1.5 allows a tolerance for clocks that differ, but Kong
 * has none: it refuses a token from another node whose clock is a second ahead.
 */
export const CLOCK_LEEWAY_SECONDS = 60;

/** What a token contains. */
export interface TokenRequest {
  username: string;
  keyId: string;
  lifetimeSeconds: number;
  nowSeconds: number;
  /** A unique id (RFC 7519 4.1.7). */
  id: string;
}

export interface Claims {
  iss: string;
  jti: string;
  iat: number;
  nbf: number;
  exp: number;
}

/** Returns a token's issuer. It is the key of the consumer's jwt credential, by which Kong's jwt plugin finds it. */
export function issuerOf(username: string, keyId: string): string {
  return `${username}:${keyId}`;
}

/** Builds the claims of a token. */
export function claimsOf({ username, keyId, lifetimeSeconds, nowSeconds, id }: TokenRequest): Claims {
  return {
    iss: issuerOf(username, keyId),
    jti: id,
    iat: nowSeconds,
    nbf: nowSeconds - CLOCK_LEEWAY_SECONDS,
    exp: nowSeconds + lifetimeSeconds,
  };
}

/** Signs in Node's thread pool. A large key takes milliseconds, and other requests should not wait for them. */
const signInBackground = promisify(
  (data: Buffer, key: KeyObject, done: (error: Error | null, signature: Buffer) => void): void =>
    sign('RSA-SHA256', data, key, done),
);

/** Makes a signed token in the compact form (RFC 7515 7.1). */
export async function signToken(claims: Claims, keyId: string, key: KeyObject): Promise<string> {
  const header = { alg: 'RS256', typ: 'JWT', kid: keyId };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = await signInBackground(Buffer.from(text), key);
  return `${text}.${signature.toString('base64url')}`;
}
