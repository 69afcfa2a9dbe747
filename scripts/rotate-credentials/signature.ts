/** How webhooks are signed, so that their receiver knows who sent them and when. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const TIMESTAMP_HEADER = 'X-Rotation-Timestamp';
export const SIGNATURE_HEADER = 'X-Rotation-Signature';

/** Older messages are refused: somebody may have kept one. */
const MAX_AGE_SECONDS = 300;

/** The two headers of a message: seconds since 1970, and HMAC-SHA-256 over `<timestamp>.<body>`. */
export function signedHeaders(key: string, body: string, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: `v1=${mac(key, timestamp, body)}` };
}

/** What a receiver does. */
export function verifySignature(
  key: string,
  { timestamp, signature, body }: { timestamp: string; signature: string; body: string },
  nowMs: number,
): boolean {
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > MAX_AGE_SECONDS) return false;
  const expected = Buffer.from(`v1=${mac(key, timestamp, body)}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function mac(key: string, timestamp: string, body: string): string {
  return createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
}
