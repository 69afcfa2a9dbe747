/**
 * How an OAuth client proves itself with a signed JWT (RFC 7523 2.2) instead of its secret: signed with a private key
 * (`private_key_jwt`) or with the client's secret (`client_secret_jwt`).
 */
import { createHmac, createPrivateKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { Host } from '../../shared/host.js';
import { openSecret, type Secret } from '../../shared/secret.js';
import type { AuthMethod } from './client.js';

/** RFC 7521 4.2: the type of a client's assertion that is a JWT. */
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** How long an assertion is good for. It is sent at once; the rest allows for clocks that differ. */
const LIFETIME_SECONDS = 120;
/** RFC 7518 3.3: a key of 2048 bits or larger MUST be used. */
const MIN_MODULUS_BITS = 2048;

/** What an assertion says. */
export interface Assertion {
  clientId: string;
  /** The private key in PEM, or the client's secret. */
  secret: string;
  /** Who the assertion is for: the token endpoint, unless the issuer wants another name. */
  audience: string;
  /** `kid` of the header: which of the client's keys it is. */
  keyId: string | undefined;
}

/**
 * Opens a client's secret, which is its private key with `private_key_jwt`.
 * @throws ConfigError that names the field and contains no secret
 */
export function openClientSecret(
  path: string,
  value: string | undefined,
  authMethod: AuthMethod,
  host: Pick<Host, 'secretsDirs'>,
): Secret {
  return authMethod === 'private_key_jwt'
    ? openSecret(path, value, host, privateKeyFault)
    : openSecret(path, value, host);
}

/** Returns what is wrong with a private key, as the end of a sentence that reveals nothing of the key. */
function privateKeyFault(pem: string): string | undefined {
  const key = readPrivateKey(pem);
  if (key === undefined) return 'is no private key in PEM without a passphrase';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_MODULUS_BITS;
  if (key.asymmetricKeyType === 'rsa' && bits < MIN_MODULUS_BITS) {
    return `has ${bits} bits; RS256 takes ${MIN_MODULUS_BITS} or more`;
  }
  return algorithmOf(key) === undefined ? 'is a key of another kind than RSA, P-256, P-384 or Ed25519' : undefined;
}

/** Makes the assertion of a client with a private key. */
export function privateKeyJwt(assertion: Assertion, wallClockMs: number): string {
  const key = readPrivateKey(assertion.secret);
  const algorithm = key && algorithmOf(key);
  if (key === undefined || algorithm === undefined) throw new Error('the private key cannot be used');
  return jwt(assertion, algorithm.name, wallClockMs, (text) =>
    // RFC 7518 3.4: r and s side by side, not in DER.
    sign(algorithm.digest, text, { key, dsaEncoding: 'ieee-p1363' }),
  );
}

/** Makes the assertion of a client with a secret. */
export function clientSecretJwt(assertion: Assertion, wallClockMs: number): string {
  return jwt(assertion, 'HS256', wallClockMs, (text) => createHmac('sha256', assertion.secret).update(text).digest());
}

function jwt(
  { clientId, audience, keyId }: Assertion,
  algorithm: string,
  wallClockMs: number,
  signatureOf: (text: Buffer) => Buffer,
): string {
  const now = Math.floor(wallClockMs / 1000);
  const header = { alg: algorithm, typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomUUID(),
    iat: now,
    exp: now + LIFETIME_SECONDS,
  };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${signatureOf(Buffer.from(text)).toString('base64url')}`;
}

/** Reads a key. A line break may also be written as `\n`, since a variable in an environment file is one line. */
function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem.trim().replaceAll('\\n', '\n'));
  } catch {
    return undefined;
  }
}

/** Returns the algorithm of RFC 7518 3.1 or RFC 8037 3.1 for a key. */
function algorithmOf(key: KeyObject): { name: string; digest: string | null } | undefined {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { name: 'RS256', digest: 'sha256' };
    case 'ed25519':
      return { name: 'EdDSA', digest: null };
    case 'ec':
      switch (key.asymmetricKeyDetails?.namedCurve) {
        case 'prime256v1':
          return { name: 'ES256', digest: 'sha256' };
        case 'secp384r1':
          return { name: 'ES384', digest: 'sha384' };
      }
  }
  return undefined;
}
