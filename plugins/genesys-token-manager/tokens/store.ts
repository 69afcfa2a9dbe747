/**
 * Shares tokens between the nodes of a gateway: one node asks login, and the others use its token. Redis holds tokens
 * encrypted, under names that only a holder of the key can compute. Without Redis each node asks login itself.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { OpenRedis, RedisConnection } from '../../shared/redis/connection.js';
import { redisScript } from '../../shared/redis/script.js';
import type { RedisSettings } from '../../shared/redis/settings.js';

/** Where tokens are shared between nodes. */
export interface SharedCache {
  redis: RedisSettings;
  /** The key, 32 bytes long. */
  encryptionKey: Buffer;
}

/** A token in the shared cache. */
export interface SharedToken {
  value: string;
  /** A name for the token that reveals nothing about it; the same on all nodes. */
  ref: string;
  /** The lifetime that login granted. */
  lifetimeMs: number;
}

/** The right to ask login, until it is returned or times out. */
export interface Lock {
  /** Shares the token with the other nodes, and releases the lock. */
  save(token: SharedToken, remainingMs: number): Promise<void>;
  release(): Promise<void>;
}

export type Claim =
  /** `unusedMs`: for how long no node has told a use of it. */
  | { kind: 'token'; token: SharedToken; remainingMs: number; unusedMs: number }
  | { kind: 'lock'; lock: Lock }
  /** Another node is asking login, for at most this long. */
  | { kind: 'wait'; atMostMs: number };

/** What a node already has when it asks for a newer token. */
export interface KnownToken {
  ref: string;
  /** A shared token must live longer than this. */
  remainingMs: number;
}

export interface TokenStore {
  /**
   * Takes a shared token other than `known`, or else the right to ask login. Atomic. Without Redis, always grants the
   * right to ask login.
   * @param lockMs how long nobody else may ask login if this node dies
   * @param maxIdleMs a token that was unused for so long may be dead, and counts as absent; undefined: none
   */
  claim(
    clientKey: string,
    known: KnownToken | undefined,
    lockMs: number,
    maxIdleMs: number | undefined,
  ): Promise<Claim>;
  /** Tells the other nodes that a token was used, so many milliseconds ago. */
  used(clientKey: string, ref: string, agoMs: number): Promise<void>;
  takeNotice: RedisConnection['takeNotice'];
}

/** A lock that excludes nobody, for a node on its own. */
export const ALONE: Lock = { save: async () => {}, release: async () => {} };

/** How long a first flight waits for the connection to Redis. */
const FIRST_CONTACT_MS = 3000;

const NOW = `
local time = redis.call('TIME')
local now_ms = math.floor(time[1] * 1000 + time[2] / 1000)`;

/** KEYS: entry, lock. ARGV: known ref, its remaining ms, owner, lock ms, longest idle ms or 0. */
const CLAIM = redisScript(`${NOW}
local ref = redis.call('HGET', KEYS[1], 'ref')
if ref and ref ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[1])
  -- A token of an older version has no last use: it may be dead.
  local unused = now_ms - tonumber(redis.call('HGET', KEYS[1], 'used') or '0')
  local alive = ARGV[5] == '0' or unused < tonumber(ARGV[5])
  if alive and left > tonumber(ARGV[2]) then
    return {'token', ref, redis.call('HGET', KEYS[1], 'token'), left, unused}
  end
end
if redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4]) then return {'lock'} end
return {'wait', redis.call('PTTL', KEYS[2])}`);

/** KEYS: entry, lock. ARGV: owner, ref, encrypted token, remaining ms. */
const SAVE = redisScript(`${NOW}
redis.call('HSET', KEYS[1], 'ref', ARGV[2], 'token', ARGV[3], 'used', string.format('%.0f', now_ms))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end`);

/** KEYS: entry. ARGV: ref, ms since its use. */
const USED = redisScript(`${NOW}
if redis.call('HGET', KEYS[1], 'ref') ~= ARGV[1] then return end
local used_ms = now_ms - tonumber(ARGV[2])
if used_ms > tonumber(redis.call('HGET', KEYS[1], 'used') or '0') then
  redis.call('HSET', KEYS[1], 'used', string.format('%.0f', used_ms))
end`);

/** KEYS: lock. ARGV: owner. */
const RELEASE = redisScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`);

/** Opens the store and starts to connect. */
export function openTokenStore({ redis: settings, encryptionKey }: SharedCache, openRedis: OpenRedis): TokenStore {
  const redis = openRedis(settings);

  /** Returns the keys of entry and lock. The hash tag keeps both on one node of a Cluster. */
  function names(clientKey: string): [string, string] {
    const name = createHmac('sha256', encryptionKey).update(clientKey).digest('base64url');
    const entry = `${redis.keyPrefix}:token:{${name}}`;
    return [entry, `${entry}:lock`];
  }

  function makeLock(entry: string, lock: string, owner: string): Lock {
    return {
      async save(token, remainingMs) {
        const sealed = seal(token, entry, encryptionKey);
        const left = Math.floor(remainingMs);
        await attempt(redis, (commands) => SAVE.run(commands, [entry, lock], [owner, token.ref, sealed, left]));
      },
      async release() {
        await attempt(redis, (commands) => RELEASE.run(commands, [lock], [owner]));
      },
    };
  }

  return {
    async claim(clientKey, known, lockMs, maxIdleMs = 0) {
      await redis.firstContact(FIRST_CONTACT_MS);
      const [entry, lock] = names(clientKey);
      const owner = randomBytes(16).toString('base64url');
      const ask = (ref: string, remainingMs: number): Promise<unknown> =>
        attempt(redis, (commands) => CLAIM.run(commands, [entry, lock], [ref, remainingMs, owner, lockMs, maxIdleMs]));
      let answer = parseClaim(await ask(known?.ref ?? '', Math.ceil(known?.remainingMs ?? 0)));
      if (answer.kind === 'token') {
        const token = unseal(answer.sealed, entry, encryptionKey);
        if (token !== undefined && token.ref === answer.ref)
          return { kind: 'token', token, remainingMs: answer.leftMs, unusedMs: answer.unusedMs };
        // It was not written with this key, so it counts as absent.
        answer = parseClaim(await ask(answer.ref, 0));
      }
      if (answer.kind === 'wait') return { kind: 'wait', atMostMs: answer.leftMs };
      return { kind: 'lock', lock: answer.kind === 'lock' ? makeLock(entry, lock, owner) : ALONE };
    },
    async used(clientKey, ref, agoMs) {
      const [entry] = names(clientKey);
      await attempt(redis, (commands) => USED.run(commands, [entry], [ref, Math.round(agoMs)]));
    },
    takeNotice: redis.takeNotice,
  };
}

/** Runs an operation. Returns undefined if Redis cannot be used or answers with an error: this node goes on alone. */
async function attempt(redis: RedisConnection, operation: Parameters<RedisConnection['run']>[0]): Promise<unknown> {
  return redis.run(operation).catch(() => undefined);
}

type ClaimAnswer =
  | { kind: 'token'; ref: string; sealed: string; leftMs: number; unusedMs: number }
  | { kind: 'lock' }
  | { kind: 'wait'; leftMs: number }
  | { kind: 'alone' };

function parseClaim(answer: unknown): ClaimAnswer {
  if (!Array.isArray(answer)) return { kind: 'alone' };
  const [kind, first, second, third, fourth] = answer as unknown[];
  if (kind === 'token' && typeof first === 'string' && typeof second === 'string' && typeof third === 'number') {
    return { kind, ref: first, sealed: second, leftMs: third, unusedMs: typeof fourth === 'number' ? fourth : 0 };
  }
  if (kind === 'wait') return { kind, leftMs: typeof first === 'number' ? Math.max(0, first) : 0 };
  return { kind: kind === 'lock' ? 'lock' : 'alone' };
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts a token: AES-256-GCM with a random nonce (NIST SP 800-38D 8.2.2). The entry's full name is additional data,
 * so an entry that is copied to another name cannot be decrypted.
 * @returns base64 of nonce, ciphertext and tag
 */
export function seal(token: SharedToken, name: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(name));
  const sealed = [nonce, cipher.update(JSON.stringify(token), 'utf8'), cipher.final()];
  return Buffer.concat([...sealed, cipher.getAuthTag()]).toString('base64');
}

/** Decrypts the result of `seal`; undefined if the key or name is another one, or the text was changed. */
export function unseal(sealed: string, name: string, key: Buffer): SharedToken | undefined {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(name))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as SharedToken;
  } catch {
    return undefined;
  }
}
