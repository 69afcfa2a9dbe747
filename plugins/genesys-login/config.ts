/** From Kong's raw configuration to what the plugin works with. Everything that is wrong is refused here. */
import type { KeyObject } from 'node:crypto';
import type { Host } from '../shared/host.js';
import { parseConfig } from '../shared/kong-schema/parse-config.js';
import { openSecret } from '../shared/secret.js';
import { Schema } from './schema.js';
import { publicPem, readSigningKey } from './signing-key.js';

/** A parsed configuration. */
export interface Config {
  keyId: string;
  lifetimeSeconds: number;
  signingKey: SigningKey;
}

export interface SigningKey {
  current(): KeyObject;
  /** What to log about its file, once for each time. */
  takeWarning(): string | undefined;
}

/**
 * Parses the configuration of an instance. Reads the key's file, if it is in one.
 * @param raw as Kong sends it: references resolved, with bookkeeping keys of its own
 * @throws ConfigError that names the field and holds no secret
 */
export function readConfig(raw: unknown, host: Host): Config {
  const { key_id: keyId, signing_key: text, token_lifetime_seconds: lifetimeSeconds } = parseConfig(Schema, raw);
  return { keyId, lifetimeSeconds, signingKey: openSigningKey(text, host) };
}

/**
 * A key under an id stays the same. One that a file is changed to is not taken: the gateway checks tokens with the public
 * key of this id, so every client would be refused until somebody notices. A new key comes with a new id.
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
