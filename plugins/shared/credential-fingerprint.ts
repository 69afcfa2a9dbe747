/** Fingerprints of static credentials, which reveal nothing: a rotation looks for them in what a node injects. */
import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const SALT = 'kong-genesys-cloud credential';
const BYTES = 12;

/**
 * Returns the fingerprint of a credential. It is slow to compute, so guessing a short credential costs as much as
 * guessing a stored password.
 * @param headerValue the value as injected, including `Bearer ` or `Basic `
 */
export async function credentialFingerprint(headerValue: string): Promise<string> {
  const digest = (await promisify(scrypt)(headerValue, SALT, BYTES)) as Buffer;
  return digest.toString('base64url');
}
