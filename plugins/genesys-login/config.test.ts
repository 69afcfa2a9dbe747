/** The configuration: defaults, limits, and a key in a file that changes. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BARE_HOST } from '../shared/host.js';
import { readConfig } from './config.js';

const newKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = newKey();
const base = { key_id: 'k1', signing_key: key };

afterEach(() => {
  vi.restoreAllMocks();
});

it('has an hour as default, and takes what the schema allows', () => {
  expect(readConfig(base, BARE_HOST)).toMatchObject({ keyId: 'k1', lifetimeSeconds: 3600 });
  for (const seconds of [300, 86_400]) {
    expect(readConfig({ ...base, token_lifetime_seconds: seconds }, BARE_HOST).lifetimeSeconds).toBe(seconds);
  }
});

it.each([
  [{ signing_key: undefined }, 'config.signing_key is required'],
  [{ signing_key: '' }, 'config.signing_key must not be empty'],
  [{ signing_key: '{vault://env/x}' }, 'config.signing_key is a vault reference that was not resolved'],
  [{ signing_key: 'no-key-at-all' }, 'config.signing_key is no private key in PEM without a passphrase'],
  [{ key_id: undefined }, 'config.key_id is required'],
  [{ key_id: 'a:b' }, 'config.key_id must be letters, digits, dots, hyphens, underscores'],
  [{ token_lifetime_seconds: 299 }, 'config.token_lifetime_seconds must be between 300 and 86400'],
  [{ token_lifetime_seconds: 300.5 }, 'config.token_lifetime_seconds must be an integer'],
])('refuses %j', (change, message) => {
  let refused = '';
  try {
    readConfig({ ...base, ...change }, BARE_HOST);
  } catch (error) {
    refused = (error as Error).message;
  }
  expect(refused).toBe(message);
});

describe('a key in a file', () => {
  it('stays the same under its id: another one is not taken, and the log says so once', () => {
    const dir = mkdtempSync(join(tmpdir(), 'login-'));
    try {
      const file = join(dir, 'key.pem');
      writeFileSync(file, key);
      const { signingKey } = readConfig({ ...base, signing_key: `file:${file}` }, { ...BARE_HOST, secretsDirs: [dir] });
      const first = signingKey.current();
      writeFileSync(file, newKey());
      const now = performance.now();
      vi.spyOn(performance, 'now').mockReturnValue(now + 1001);
      expect(signingKey.current()).toBe(first);
      expect(signingKey.takeWarning()).toContain('give the new key a file and a key_id of its own');
      expect(signingKey.takeWarning()).toBeUndefined();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
