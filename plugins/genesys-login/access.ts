/**
 * The access phase answers every request on its route. It needs nothing but the key: it works while Genesys Cloud is down,
 * and knows nothing of the token that the gateway holds.
 */
import { randomUUID } from 'node:crypto';
import type { Kong } from '../shared/pdk.js';
import { type LoginAnswer, type Refusal, refusalAnswer, tokenAnswer } from './answers.js';
import type { Config } from './config.js';
import { grantFault } from './grant.js';
import { claimsOf, signToken } from './token.js';

/** More than any token request of the client credentials grant holds. */
const MAX_BODY_BYTES = 8192;

/** What the access phase needs of the world. */
export interface Effects {
  nowMs(): number;
  uniqueId(): string;
}

export const realEffects: Effects = { nowMs: Date.now, uniqueId: randomUUID };

/** Runs the access phase. Rejects only if Kong does, or if signing fails. */
export async function handleAccess(kong: Kong, config: Config, effects: Effects): Promise<void> {
  const { status, body, headers } = await answer(kong, config, effects);
  const warning = config.signingKey.takeWarning();
  if (warning !== undefined) void kong.log.warn(warning);
  await kong.response.exit(status, body, headers);
}

async function answer(kong: Kong, config: Config, effects: Effects): Promise<LoginAnswer> {
  const [method, credential, consumer, length] = await Promise.all([
    kong.request.getMethod(),
    kong.client.getCredential(),
    kong.client.getConsumer(),
    kong.request.getHeader('content-length'),
  ]);
  if (method !== 'POST') return refusalAnswer('method');
  // The consumer for whom Kong lets a wrong secret through has no credential, and so has a request without any plugin
  // that authenticates.
  if (credential === undefined || consumer === undefined) return refusalAnswer('invalid_client');
  if (consumer.username === '') return refusalAnswer('unauthorized_client');
  if (Number(length) > MAX_BODY_BYTES) return refusalAnswer('body_too_large');
  const refusal = await bodyRefusal(kong);
  if (refusal !== undefined) return refusalAnswer(refusal);
  const { keyId, lifetimeSeconds, signingKey } = config;
  const nowSeconds = Math.floor(effects.nowMs() / 1000);
  const claims = claimsOf({
    username: consumer.username,
    keyId,
    lifetimeSeconds,
    nowSeconds,
    id: effects.uniqueId(),
  });
  return tokenAnswer(await signToken(claims, keyId, signingKey.current()), lifetimeSeconds);
}

async function bodyRefusal(kong: Kong): Promise<Refusal | undefined> {
  // A body without Content-Length is measured here; one that Kong has spilled to a file is not read beyond the limit.
  const body = await kong.request.getRawBody(MAX_BODY_BYTES).catch(() => undefined);
  if (body === undefined || body.length > MAX_BODY_BYTES) return 'body_too_large';
  return grantFault(body.toString('utf8'));
}
