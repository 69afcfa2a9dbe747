/** Reads a file of certificate authorities that a configuration names. */
import { X509Certificate } from 'node:crypto';
import type { Host } from './host.js';
import { ConfigError } from './kong-schema/config-error.js';
import { readAllowedFile } from './readable-file.js';

/** Large enough for all authorities of a Linux distribution. */
const MAX_CA_FILE_BYTES = 4_194_304;

/**
 * Reads the PEM certificates in a file.
 * @param path the field's path, for messages
 * @throws ConfigError that names the field and the file
 */
export function readAuthorities(file: string, path: string, { secretsDirs }: Pick<Host, 'secretsDirs'>): string {
  const fail = (problem: string): Error => new ConfigError(path, `is ${JSON.stringify(file)}, which ${problem}`);
  if (!file.startsWith('/')) throw fail('is not an absolute path');
  if (secretsDirs.length === 0) throw fail('cannot be used: the plugin server was started without --secrets-dir');
  let pem: string;
  try {
    pem = readAllowedFile(file, secretsDirs, MAX_CA_FILE_BYTES)?.bytes.toString('latin1') ?? '';
  } catch (error) {
    throw fail((error as Error).message);
  }
  // Node ignores a broken certificate, and then refuses every login.
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw fail('holds no certificate in PEM');
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw fail('holds a certificate that cannot be read');
    }
  }
  return certificates.join('\n');
}
