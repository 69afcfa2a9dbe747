/** Turns Kong's raw configuration into what the plugin works with. Every mistake is refused here. */
import type { KeyObject } from 'node:crypto';
import type { Host } from '../shared/host.js';
import { parseConfig } from '../shared/kong-schema/parse-config.js';
import { openSecret } from '../shared/secret.js';
import { Schema } from './schema.js';
import { publicPem, readSigningKey } from './signing-key.js';

export interface Config {
  keyId: string;
  lifetimeSeconds: number;
  signingKey: SigningKey;
}

export interface SigningKey {
  current(): KeyObject;
  /** Returns a warning about the key's file, each warning once. */
  takeWarning(): string | undefined;
}

/**
 * Parses the configuration of an instance. Reads the file of the key, if it is in one.
 * @param raw the configuration as Kong sends it, with references resolved and keys of Kong's own
 * @throws ConfigError that names the field and contains no secret
 */
export function readConfig(raw: unknown, host: Host): Config {
  const { key_id: keyId, signing_key: text, token_lifetime_seconds: lifetimeSeconds } = parseConfig(Schema, raw);
  return { keyId, lifetimeSeconds, signingKey: openSigningKey(text, host) };
}

/**
 * Opens the key, and never replaces it. If a file changes to another key, the old key stays in use: the gateway checks
 * tokens with the public key of this id, so the new key would lock out every client. A new key needs a new id.
 */
function openSigningKey(text: string, host: Host): SigningKey {
  let key: KeyObject | undefined;
  const secret = openSecret('signing_key', text, host, (value) => {
    const read = readSigningKey(value);
    if (typeof read === 'string') return read;
    if (key !== undefined && publicPem(key) !== publicPem(read)) {
      return 'holds another key than before: give the new key a file and a key_id of its own';
    }
    key = read;
    return undefined;
  });
  return {
    current() {
      secret.current();
      if (key === undefined) throw new Error('unreachable: openSecret has asked for the faults of a value');
      return key;
    },
    takeWarning: secret.takeWarning,
  };
}
