/**
 * The access phase. It answers every request on its route. It needs only the signing key, so it works while Genesys
 * Cloud is down, and it never sees the token that the gateway holds.
 */
import { randomUUID } from 'node:crypto';
import { log } from '../runtime/effects.js';
import { type Reader, type Step, step } from '../runtime/step.js';
import type { Consumer, Credential } from '../shared/pdk.js';
import { type LoginAnswer, refusalAnswer, tokenAnswer } from './answers.js';
import type { Config } from './config.js';
import { grantFault } from './grant.js';
import { claimsOf, signToken } from './token.js';

/** Larger than any token request of the client credentials grant. */
const MAX_BODY_BYTES = 8192;

/** What the access phase needs from outside. */
export interface Effects {
  nowMs(): number;
  uniqueId(): string;
}

export const realEffects: Effects = { nowMs: Date.now, uniqueId: randomUUID };

/** Makes the step that answers the requests of one configuration. */
export function accessStep(config: Config, effects: Effects): Step {
  return step(readLogin, async (login) => {
    const { status, body, headers } = await answerTo(login, config, effects);
    const warning = config.signingKey.takeWarning();
    return { effects: warning === undefined ? [] : [log('warn', warning)], answer: { status, body, headers } };
  });
}

/** What is read from a login request. */
interface Login {
  method: string;
  credential: Credential | undefined;
  consumer: Consumer | undefined;
  body: Buffer | 'too large';
}

async function readLogin({ request, client }: Reader): Promise<Login> {
  const [method, credential, consumer, length] = await Promise.all([
    request.getMethod(),
    client.getCredential(),
    client.getConsumer(),
    request.getHeader('content-length'),
  ]);
  const mayRead = method === 'POST' && credential !== undefined && consumer !== undefined && consumer.username !== '';
  if (!mayRead || Number(length) > MAX_BODY_BYTES) return { method, credential, consumer, body: 'too large' };
  // A body without Content-Length is measured here. One that Kong has written to a file is not read beyond the limit.
  const body = await request.getRawBody(MAX_BODY_BYTES).catch(() => undefined);
  const isTooLarge = body === undefined || body.length > MAX_BODY_BYTES;
  return { method, credential, consumer, body: isTooLarge ? 'too large' : body };
}

async function answerTo(
  { method, credential, consumer, body }: Login,
  { keyId, lifetimeSeconds, signingKey }: Config,
  effects: Effects,
): Promise<LoginAnswer> {
  if (method !== 'POST') return refusalAnswer('method');
  // Two kinds of requests have no credential: those without an authentication plugin, and those of the anonymous
  // consumer, for whom Kong accepts a wrong secret.
  if (credential === undefined || consumer === undefined) return refusalAnswer('invalid_client');
  if (consumer.username === '') return refusalAnswer('unauthorized_client');
  if (body === 'too large') return refusalAnswer('body_too_large');
  const fault = grantFault(body.toString('utf8'));
  if (fault !== undefined) return refusalAnswer(fault);
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
