/**
 * The access phase. A request with a token that is known costs two reads and one write, and nothing outside this process.
 */
import { authenticate, type Effect, log, setServiceHeaders, share } from '../runtime/effects.js';
import { refused } from '../runtime/refused.js';
import { type ErrorAnswer, type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import { isOwnToken } from '../shared/genesys-route.js';
import { type GuardedRequest, readGuarded, refusalOf as refusalOfGuard } from '../shared/http/request-guard.js';
import type { Consumer, Credential, HeaderMap } from '../shared/pdk.js';
import { TOKEN_MARK, USER_MARK } from '../shared/token-mark.js';
import { withheldHeaders } from '../shared/withheld-headers.js';
import { BOTH, excluded, MISSING, refusalOf } from './answers.js';
import { bearerToken } from './bearer.js';
import type { TokenOwner } from './checks/ask-genesys.js';
import type { CheckResult, TokenChecker } from './checks/checker.js';
import type { Config } from './config.js';
import { consumerOf } from './consumers.js';

/** How a request was decided, as metrics count it. */
export type Decision = 'accepted' | 'no_token' | 'refused' | 'excluded' | 'limited' | 'unavailable';

/** What the access phase of one configuration needs. */
export interface Access extends Pick<Config, 'admission' | 'policy'> {
  checker: TokenChecker;
  nowMs(): number;
  countRequest(decision: Decision): void;
}

interface Facts extends GuardedRequest {
  /** All lines of the Authorization header. */
  authorization: string;
  headers: HeaderMap;
  address: string;
  /** What another plugin has authenticated the request by. */
  credential: Credential | undefined;
  /** Read only on the path of the caller's own token. */
  method: string | undefined;
  loadConsumer(name: string): Promise<Consumer | undefined>;
}

const DECISIONS: Readonly<Record<Exclude<CheckResult['kind'], 'owner'>, Decision>> = {
  refused: 'refused',
  limited: 'limited',
  busy: 'limited',
  failed: 'unavailable',
};

/** Everything but the token, which goes on as it is. */
const withheld = withheldHeaders('Authorization');

/** Makes the step of one configuration. */
export function accessStep(access: Access): Step {
  const { checker, admission, policy } = access;
  const consumers = createConsumerCache(policy.cacheMs, access.nowMs);

  function answer(decision: Decision, error: ErrorAnswer, effects: readonly Effect[] = []): Verdict {
    access.countRequest(decision);
    return { effects, answer: error };
  }

  function judge(result: CheckResult, token: string, facts: Facts): Verdict | Promise<Verdict> {
    const notice = checker.takeNotice();
    const effects = notice === undefined ? [] : [log('err', notice)];
    if (result.kind !== 'owner') return answer(DECISIONS[result.kind], refusalOf(result), effects);
    const consumer = consumerOf(result.owner, admission);
    if ('excluded' in consumer) return answer('excluded', excluded(consumer.excluded), effects);
    const found = consumers.find(consumer.name, facts.loadConsumer);
    const go = (known: Consumer | undefined): Verdict =>
      known === undefined ? noConsumer(consumer.name) : letThrough(known, result.owner, token, facts, effects);
    return found instanceof Promise ? found.then(go) : go(found);
  }

  function noConsumer(name: string): Verdict {
    const message = 'The gateway is not configured for this user';
    return answer('excluded', { code: 'gateway.plugin.error', message }, [
      log('err', `Kong has no consumer ${JSON.stringify(name)}, which config.consumers names`),
    ]);
  }

  function letThrough(
    consumer: Consumer,
    { userId }: TokenOwner,
    token: string,
    { method, headers }: Facts,
    effects: Effect[],
  ): Verdict {
    access.countRequest('accepted');
    // The logout goes on to Genesys. Whatever becomes of it, the next request is checked.
    if (method === 'DELETE') checker.forget(token);
    const removed = withheld(headers);
    if (Object.keys(removed).length > 0) effects.push(setServiceHeaders(removed));
    effects.push(authenticate(consumer, userId), share(TOKEN_MARK, USER_MARK));
    return { effects };
  }

  return step(readFacts, (facts) => {
    const refusal = refusalOfGuard(facts);
    if (refusal !== undefined) return refused(refusal);
    const token = bearerToken(facts.authorization);
    if (token === undefined) return answer('no_token', MISSING);
    if (facts.credential !== undefined) return answer('refused', BOTH);
    const result = checker.check(token, facts.address, policy);
    return result instanceof Promise ? result.then((late) => judge(late, token, facts)) : judge(result, token, facts);
  });
}

async function readFacts(event: Reader): Promise<Facts> {
  const [connection, upstreamUri, authorization, headers, address, credential] = await Promise.all([
    ...readGuarded(event),
    event.nginx.getVar('http_authorization'),
    event.request.getHeaders(),
    event.client.getForwardedIp(),
    event.client.getCredential(),
  ]);
  const method = isOwnToken(upstreamUri) ? await event.request.getMethod() : undefined;
  const loadConsumer: Facts['loadConsumer'] = (name) => event.client.loadConsumer(name, true);
  return { connection, upstreamUri, authorization, headers, address, credential, method, loadConsumer };
}

/** Keeps consumers as long as owners of tokens: with a database, Kong asks it for each. */
function createConsumerCache(cacheMs: number, nowMs: () => number) {
  const kept = new Map<string, { consumer: Consumer; untilMs: number }>();
  return {
    find(name: string, load: Facts['loadConsumer']): Consumer | Promise<Consumer | undefined> {
      const known = kept.get(name);
      if (known !== undefined && nowMs() < known.untilMs) return known.consumer;
      return load(name).then((consumer) => {
        if (consumer === undefined) kept.delete(name);
        else kept.set(name, { consumer, untilMs: nowMs() + cacheMs });
        return consumer;
      });
    },
  };
}
