/**
 * Secrets of a configuration: a literal (also a vault reference that Kong has resolved), or `file:<absolute path>`,
 * such as a Docker or Kubernetes secret. This process reads the file, and reads it again when it changes, because Kong
 * OSS has no vault that can rotate secrets in a running gateway.
 */

import type { Host } from './host.js';
import { ConfigError } from './kong-schema/config-error.js';
import { isReference } from './kong-schema/reference.js';
import { readAllowedFile } from './readable-file.js';

/** A secret whose value may change. */
export interface Secret {
  /** Returns the value as last read. */
  current(): string;
  /** Returns a warning to log, once per time that the file becomes unreadable. The last value stays in use. */
  takeWarning(): string | undefined;
}

/** The limit of 64 KiB. A larger file is not a secret. */
const MAX_SECRET_BYTES = 65_536;
/** How long a value is used before its file is checked again. */
const CHECK_INTERVAL_MS = 1000;

/**
 * Opens a secret.
 * @param path the field's path, for messages
 * @param value the value as Kong sends it, if any. Kong sends an unresolved reference as an empty string, other servers
 *   send its text
 * @param faultOf returns what is wrong with a value, as the end of a sentence. It checks each new value, and a value
 *   with a fault is not used
 * @throws ConfigError that names the field and the file, if there is one, and contains no secret
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
  /** Changes when the file changes. */
  identity: string;
}

/** Reads the file. @throws Error with what is wrong, as the end of a sentence about the file */
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

/** Removes the line feed at the end, which editors and `echo` add. */
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
