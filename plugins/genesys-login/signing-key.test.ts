/** What is taken as a key, and what is said of what is not. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicPem, readPublicKey, readSigningKey } from './signing-key.js';

const pair = (bits: number) =>
  generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
const { publicKey, privateKey } = pair(2048);
const short = pair(1024);
const ec = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

describe('a signing key', () => {
  it.each([
    ['as it is', privateKey],
    ['with blanks around it', `\n ${privateKey} \n`],
    ['in one line, as an environment file holds it', privateKey.trim().replaceAll('\n', '\\n')],
  ])('is read %s', (_, text) => {
    const key = readSigningKey(text);
    expect(typeof key === 'string' ? key : publicPem(key)).toBe(publicKey);
  });

  it.each([
    ['no text of a key', 'secret', 'is no private key in PEM without a passphrase'],
    ['a public key', publicKey, 'is no private key in PEM without a passphrase'],
    ['an elliptic curve', ec.privateKey, 'is no RSA key'],
    ['a short key', short.privateKey, 'has 1024 bits; RS256 takes 2048 or more'],
  ])('is not %s', (_, text, fault) => {
    expect(readSigningKey(text)).toBe(fault);
  });
});

describe('a public key', () => {
  it('is read, and equals that of its signing key', () => {
    const key = readPublicKey(publicKey);
    expect(typeof key === 'string' ? key : publicPem(key)).toBe(publicKey);
  });

  it.each([
    ['a private key', privateKey, 'is a private key: whoever reads it could sign tokens'],
    ['empty', '', 'is no public key in PEM'],
    ['of a curve', ec.publicKey, 'is no RSA key'],
    ['short', short.publicKey, 'has 1024 bits; RS256 takes 2048 or more'],
  ])('is not %s', (_, text, fault) => {
    expect(readPublicKey(text)).toBe(fault);
  });
});
