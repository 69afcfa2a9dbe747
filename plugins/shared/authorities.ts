/** A file of certificate authorities that a configuration names. */
import { X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { configError } from './config.js';

/** All authorities of a distribution fit. */
const MAX_CA_FILE_BYTES = 4_194_304;

/**
 * Reads the certificates of a file, in PEM.
 * @param path of the field, for messages
 * @throws Error of one line that names the field and the file
 */
export function readAuthorities(file: string, path: string): string {
  const fail = (problem: string): Error => configError(path, `is ${JSON.stringify(file)}, which ${problem}`);
  if (!file.startsWith('/')) throw fail('is not an absolute path');
  let descriptor: number;
  try {
    // Not blocked by a pipe.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fail(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > MAX_CA_FILE_BYTES) throw fail('is not a file of certificates');
    const bytes = Buffer.alloc(stats.size);
    const pem = bytes.toString('latin1', 0, readSync(descriptor, bytes));
    // Node would take a broken certificate for none, and then refuse every login.
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
  } finally {
    closeSync(descriptor);
  }
}
