/**
 * A secret of the configuration: a literal text (a vault reference that Kong has resolved), or `file:<absolute path>`,
 * a Docker or Kubernetes secret that is read by this process and followed when it changes, because Kong OSS has no vault
 * that can rotate in a running gateway.
 */

import type { Host } from './host.js';
import { ConfigError } from './kong-schema/config-error.js';
import { isReference } from './kong-schema/reference.js';
import { readAllowedFile } from './readable-file.js';

/** A secret whose value may change. */
export interface Secret {
  /** The value as last read. */
  current(): string;
  /** What to log, once for each time that the file could not be read again; the last value stays in use. */
  takeWarning(): string | undefined;
}

/** Larger files are no secrets (design: 64 KiB). */
const MAX_SECRET_BYTES = 65_536;
/** How long a value is used without a look at its file. */
const CHECK_INTERVAL_MS = 1000;

/**
 * Opens a secret.
 * @param path of the field, for messages
 * @param value as Kong hands it over, if there is one; a reference that it could not resolve is an empty string, of other
 *   servers its text
 * @param faultOf what is wrong with a value, as the end of a sentence; asked for each new one, and one with a fault is not
 *   taken
 * @throws ConfigError that names the field, and the file if there is one, and holds no secret
 */
export function openSecret(
  path: string,
  value: string | undefined,
  host: Pick<Host, 'secretsDirs'>,
  faultOf: (secret: string) => string | undefined = () => undefined,
): Secret {
  if (value === undefined) throw new ConfigError(path, 'is required');
  const text = value.trim();
  if (text === '') throw new ConfigError(path, 'is empty');
  if (isReference(text)) throw new ConfigError(path, 'is a vault reference that was not resolved');
  if (text.startsWith('file:')) return openSecretFile(path, text.slice('file:'.length), host, faultOf);
  const fault = faultOf(value);
  if (fault !== undefined) throw new ConfigError(path, fault);
  return { current: () => value, takeWarning: () => undefined };
}

function openSecretFile(
  path: string,
  file: string,
  { secretsDirs }: Pick<Host, 'secretsDirs'>,
  faultOf: (secret: string) => string | undefined,
): Secret {
  const fail = (problem: string): Error =>
    new ConfigError(path, `is the file ${JSON.stringify(file)}, which ${problem}`);
  if (!file.startsWith('/')) throw fail('is not an absolute path');
  if (secretsDirs.length === 0) throw fail('cannot be used: the plugin server was started without --secrets-dir');
  let read: SecretFile;
  try {
    read = readSecretFile(file, secretsDirs, faultOf);
  } catch (error) {
    throw fail((error as Error).message);
  }
  let checkedAtMs = performance.now();
  let warning: string | undefined;
  let failing = false;

  function check(): void {
    checkedAtMs = performance.now();
    try {
      read = readSecretFile(file, secretsDirs, faultOf, read);
      failing = false;
    } catch (error) {
      if (!failing) warning = `${fail((error as Error).message).message}; the value read before stays in use`;
      failing = true;
    }
  }

  return {
    current() {
      if (performance.now() - checkedAtMs >= CHECK_INTERVAL_MS) check();
      return read.value;
    },
    takeWarning() {
      const taken = warning;
      warning = undefined;
      return taken;
    },
  };
}

interface SecretFile {
  value: string;
  /** Of the file that was read: tells whether it is another one now. */
  identity: string;
}

/** @throws Error with what is wrong, as the end of a sentence about the file */
function readSecretFile(
  file: string,
  secretsDirs: readonly string[],
  faultOf: (secret: string) => string | undefined,
  before?: SecretFile,
): SecretFile {
  const read = readAllowedFile(file, secretsDirs, MAX_SECRET_BYTES, before?.identity);
  if (read === undefined && before !== undefined) return before;
  const value = secretText(read?.bytes ?? Buffer.alloc(0));
  const fault = faultOf(value);
  if (fault !== undefined) throw new Error(fault);
  return { value, identity: read?.identity ?? '' };
}

/** Editors and `echo` end a file with a line feed, which is never meant. */
function secretText(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new Error('is not UTF-8');
  }
  if (text.trim() === '') throw new Error('is empty');
  return text;
}
