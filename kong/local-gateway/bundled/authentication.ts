/** What Kong's authentication plugins share: the identity headers of a request, and the anonymous consumer. */
import type { ConsumerEntity } from '../config/types.js';
import { fromText } from '../headers.js';
import type { Answer, RequestContext } from '../request-context.js';

/** An accepted credential: its id, and what X-Credential-Identifier shows of it. */
export interface Authenticated {
  consumer: ConsumerEntity;
  credentialId: string;
  identifier: string;
}

/**
 * Authenticates a request. With `anonymous`, a request that already has a credential passes unchanged, and a refused
 * request becomes that consumer's. Without it, a refusal ends the request.
 * @throws Error if the anonymous consumer does not exist, as Kong raises it: a 500
 */
export async function authenticate(
  context: RequestContext,
  anonymous: string | undefined,
  attempt: () => Promise<Authenticated | Answer> | Authenticated | Answer,
): Promise<void> {
  if (anonymous !== undefined && context.credentialId !== undefined) return;
  const outcome = await attempt();
  if ('consumer' in outcome) {
    context.consumer = outcome.consumer;
    context.credentialId = outcome.credentialId;
    setIdentityHeaders(context, outcome.consumer, outcome.identifier);
    return;
  }
  if (anonymous === undefined) {
    context.exit = outcome;
    return;
  }
  const { consumers, consumersByUsername } = context.snapshot;
  const consumer = consumers.get(anonymous) ?? consumersByUsername.get(anonymous);
  if (consumer === undefined) throw new Error('either credential or consumer must be provided');
  context.consumer = consumer;
  delete context.credentialId;
  setIdentityHeaders(context, consumer, undefined);
}

/** Sets the identity headers. What the client sent under these names never gets through. */
function setIdentityHeaders(context: RequestContext, consumer: ConsumerEntity, identifier: string | undefined): void {
  const set = (name: string, value: string | undefined): void =>
    context.headers.set(name, value === undefined ? [] : [fromText(value)]);
  set('X-Consumer-ID', consumer.id);
  set('X-Consumer-Custom-ID', consumer.custom_id);
  set('X-Consumer-Username', consumer.username);
  set('X-Credential-Identifier', identifier);
  set('X-Anonymous-Consumer', identifier === undefined ? 'true' : undefined);
}
