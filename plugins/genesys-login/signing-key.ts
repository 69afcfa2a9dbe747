/** The RSA key that signs tokens: which keys are accepted, and the public half that gateways check with. Pure. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** RFC 7518 3.3: a key of 2048 bits or larger MUST be used. */
const MIN_MODULUS_BITS = 2048;

/**
 * Parses a private key.
 * @param text PEM. A line break may also be written as `\n`, since a variable in an environment file is one line
 * @returns the key, or what is wrong with it, as the end of a sentence that reveals nothing of the key
 */
export function readSigningKey(text: string): KeyObject | string {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem(text));
  } catch {
    return 'is no private key in PEM without a passphrase';
  }
  return rsaFault(key) ?? key;
}

/**
 * Parses a public key, as in `rsa_public_key` of a jwt credential.
 * @returns the key, or what is wrong with it, as the end of a sentence
 */
export function readPublicKey(text: string): KeyObject | string {
  // Node would accept a private key and use its public half. But a credential must not contain a private key.
  if (text.includes('PRIVATE KEY')) return 'is a private key: whoever reads it could sign tokens';
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return 'is no public key in PEM';
  }
  return rsaFault(key) ?? key;
}

/** Returns the public half in PEM (SubjectPublicKeyInfo), to compare two keys. */
export function publicPem(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

function pem(text: string): string {
  return text.trim().replaceAll('\\n', '\n');
}

function rsaFault({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  // This also refuses rsa-pss: such a key cannot sign with RS256.
  if (asymmetricKeyType !== 'rsa') return 'is no RSA key';
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < MIN_MODULUS_BITS ? `has ${bits} bits; RS256 takes ${MIN_MODULUS_BITS} or more` : undefined;
}
