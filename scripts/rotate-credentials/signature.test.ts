import { expect, it } from 'vitest';
import { signedHeaders, verifySignature } from './signature.js';

const NOW_MS = 1_800_000_000_000;

it('a signature holds for its body, its key and five minutes', () => {
  const body = '{"a":1}';
  const headers = signedHeaders('key', body, NOW_MS);
  const message = {
    timestamp: headers['X-Rotation-Timestamp'] ?? '',
    signature: headers['X-Rotation-Signature'] ?? '',
    body,
  };
  expect(verifySignature('key', message, NOW_MS + 299_000)).toBe(true);
  expect(verifySignature('key', message, NOW_MS + 302_000)).toBe(false);
  expect(verifySignature('another', message, NOW_MS)).toBe(false);
  expect(verifySignature('key', { ...message, body: '{"a":2}' }, NOW_MS)).toBe(false);
  expect(verifySignature('key', { ...message, timestamp: '1800000001' }, NOW_MS)).toBe(false);
  expect(verifySignature('key', { ...message, timestamp: 'now' }, NOW_MS)).toBe(false);
  expect(verifySignature('key', { ...message, signature: 'v1=' }, NOW_MS)).toBe(false);
});
