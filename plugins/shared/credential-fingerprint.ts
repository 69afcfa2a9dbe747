/** Tells static credentials apart without telling them: what a node says that it injects, and a rotation looks for. */
import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const SALT = 'kong-genesys-cloud credential';
const BYTES = 12;

/**
 * The fingerprint of a credential. Slow to compute, so that a guess at a short one costs as much as at a stored password.
 * @param headerValue as it is injected, `Bearer ` or `Basic ` included
 */
export async function credentialFingerprint(headerValue: string): Promise<string> {
  const digest = (await promisify(scrypt)(headerValue, SALT, BYTES)) as Buffer;
  return digest.toString('base64url');
}
