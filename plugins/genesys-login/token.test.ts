/** Tokens, checked with another library. */
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import { claimsOf, signToken } from './token.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const nowSeconds = 1_700_000_000;
const claims = claimsOf({ username: 'svc-crm', keyId: 'k1', lifetimeSeconds: 3600, nowSeconds, id: 'unique' });

it('names its consumer and key, and is good from a minute before to the end of its lifetime', () => {
  expect(claims).toEqual({
    iss: 'svc-crm:k1',
    jti: 'unique',
    iat: nowSeconds,
    nbf: nowSeconds - 60,
    exp: nowSeconds + 3600,
  });
});

it('is a JWT with RS256 that others can check', async () => {
  const token = await signToken(claims, 'k1', privateKey);
  const { payload, protectedHeader } = await jwtVerify(token, publicKey, {
    algorithms: ['RS256'],
    issuer: 'svc-crm:k1',
    currentDate: new Date(nowSeconds * 1000),
  });
  expect(payload).toEqual(claims);
  expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
});
